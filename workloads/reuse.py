"""How much of the prompts a prefix cache could find: a bound, by the size of the cache.

Blocks of all prompts and answers are touched in order of arrival and the least recently touched
are forgotten. A block is found if fewer others than the cache holds were touched since (its stack
distance: Mattson et al., IBM Systems Journal 9 (1970) 78-117), and all before it in its prompt are
found too. Answers count as cached at the instant of asking, and the cache is one for all replicas,
so no fleet that forgets the least recently used finds more than this.
"""

import numpy as np
import pandas as pd

from workloads.block_names import block_names
from workloads.segments import Ints
from workloads.trace import Trace

__all__ = ["reuse_bound", "stack_distances"]

NEVER = np.iinfo(np.int64).max


def reuse_bound(
    trace: Trace, block_tokens: int = 16, cache_tokens: tuple[int, ...] | None = None
) -> pd.DataFrame:
    """Prompt tokens found in caches of several sizes.

    Parameters
    ----------
    trace : requests with prompt identity; without it nothing is ever found.
    block_tokens : tokens in a block; only whole blocks are found, and never the whole prompt.
    cache_tokens : sizes; powers of four up to all there is when not given.

    Returns
    -------
    Columns cache_tokens (inf for a cache without bound), hit_tokens, hit_rate (of prompt tokens).
    """
    touched, owner, counts = _touches(trace, block_tokens)
    distance = stack_distances(touched)
    # Within a request, a block is found only if all before it are: the running maximum tells.
    reach = _running_maximum(distance, owner)
    findable = counts[owner] > _place_in(owner)
    reach = reach[findable]
    reach = np.sort(reach[reach < NEVER])
    if cache_tokens is None:
        cache_tokens = _sizes(int(touched.max(initial=0) + 1) * block_tokens)
    sizes = np.array([*cache_tokens, np.inf])
    blocks = np.floor(sizes / block_tokens)
    hits = np.searchsorted(reach, blocks, side="left") * block_tokens
    total = int(trace.prompt_tokens.sum())
    return pd.DataFrame({"cache_tokens": sizes, "hit_tokens": hits, "hit_rate": hits / total})


def stack_distances(touched: Ints) -> Ints:
    """Number of other blocks touched since each block was touched last; `NEVER` the first time.

    >>> stack_distances(np.array([5, 7, 7, 5])).tolist()[2:]
    [0, 1]
    """
    number = len(touched)
    order = np.argsort(touched, kind="stable")
    same = np.diff(touched[order], prepend=-1) == 0
    last = np.full(number, -1, dtype=np.int64)
    last[order[same]] = order[np.flatnonzero(same) - 1]
    # Distinct blocks in (last, now): touches there whose own last lies at or before that of now.
    between = _not_larger_before(last) - (last + 1)
    return np.where(last < 0, NEVER, between)


def _not_larger_before(values: Ints) -> Ints:
    """For each place, how many places before it hold a value not larger; by merging halves."""
    number = len(values)
    found = np.zeros(number, dtype=np.int64)
    width = 1
    place = np.arange(number)
    span = int(values.max(initial=0)) + 3
    while width < number:
        pair = place // (2 * width)
        right = (place // width) % 2 == 1
        keys = pair * span + values + 1
        left_keys = np.sort(keys[~right])
        starts = np.searchsorted(left_keys, pair[right] * span, side="left")
        found[right] += np.searchsorted(left_keys, keys[right], side="right") - starts
        width *= 2
    return found


def _touches(trace: Trace, block_tokens: int) -> tuple[Ints, Ints, Ints]:
    """Blocks in order of touching, the request of each, and how many of each could be found."""
    # The KV of an answer's last token is never computed; a part-filled block is never found.
    whole = (trace.prompt_tokens + trace.output_tokens - 1) // block_tokens
    names = block_names(trace, block_tokens, with_output=True)
    flat = [name for row, count in zip(names, whole.tolist(), strict=True) for name in row[:count]]
    owner = np.repeat(np.arange(len(trace)), whole)
    # The last token of a prompt is always computed, and with it its block.
    return np.array(flat, dtype=np.int64), owner, (trace.prompt_tokens - 1) // block_tokens


def _place_in(owner: Ints) -> Ints:
    """Place of each block in its own request."""
    starts = np.searchsorted(owner, owner, side="left")
    return np.arange(len(owner)) - starts


def _running_maximum(values: Ints, owner: Ints) -> Ints:
    """Largest value so far within each owner; owners rise."""
    result = values.copy()
    place = _place_in(owner)
    step = 1
    longest = int(place.max(initial=0)) + 1
    while step < longest:
        reach = np.flatnonzero(place >= step)
        result[reach] = np.maximum(result[reach], result[reach - step])
        step *= 2
    return result


def _sizes(most: int) -> tuple[int, ...]:
    sizes, size = [], 4**6
    while size < most:
        sizes.append(size)
        size *= 4
    return tuple(sizes)
