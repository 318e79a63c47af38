"""How much of the prompts a prefix cache could find: a bound, by the size of the cache.

Blocks of all prompts and answers are touched in order of arrival and the least recently touched
are forgotten. A block is found if fewer others than the cache holds were touched since (its stack
distance: Mattson et al., IBM Systems Journal 9 (1970) 78-117), and all before it in its prompt are
found too. Answers count as cached at the instant of asking, and the cache is one for all replicas.

Blocks that the same requests share are touched together and have one distance, so runs of blocks
are counted and not blocks.
"""

import numpy as np
import pandas as pd

from workloads.prompts import shared_paths
from workloads.trace import Trace

__all__ = ["reuse_bound"]


class _Touched:
    """Blocks by the moment they were last touched: how many were touched since a moment.

    A Fenwick tree over moments; each holds the blocks whose last touch it was.
    """

    def __init__(self, moments: int) -> None:
        self._tree = [0] * (moments + 1)
        self._size = moments
        self.blocks = 0

    def add(self, moment: int, blocks: int) -> None:
        """Let so many more (or fewer) blocks have been touched last at a moment."""
        self.blocks += blocks
        place = moment + 1
        while place <= self._size:
            self._tree[place] += blocks
            place += place & -place

    def since(self, moment: int) -> int:
        """Blocks touched last after a moment."""
        until, place = 0, moment + 1
        while place > 0:
            until += self._tree[place]
            place -= place & -place
        return self.blocks - until


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

    >>> twice = [{"arrival_s": k, "prompt": [["q", 40]], "output_tokens": 1} for k in (0, 1)]
    >>> reuse_bound(Trace.from_requests(twice)).hit_tokens.tolist()
    [32]
    """
    distance, blocks, touched = _distances(trace, block_tokens)
    if cache_tokens is None:
        cache_tokens = _sizes(touched * block_tokens)
    sizes = np.array([*cache_tokens, np.inf])
    order = np.argsort(distance, kind="stable")
    found = np.concatenate(([0], np.cumsum(blocks[order])))
    # A block is still there if fewer others than fit beside it were touched since.
    reach = np.searchsorted(distance[order], np.floor(sizes / block_tokens), side="left")
    hits = found[reach] * block_tokens
    rate = hits / int(trace.prompt_tokens.sum())
    return pd.DataFrame({"cache_tokens": sizes, "hit_tokens": hits, "hit_rate": rate})


def _distances(trace: Trace, block_tokens: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Distance and number of blocks of every run that is touched again; blocks there are in all."""
    paths = shared_paths(trace, block_tokens)
    touched = _Touched(sum(map(len, paths)) + len(paths))
    # The KV of an answer's last token is never computed, and a part-filled block never found.
    whole = ((trace.prompt_tokens + trace.output_tokens - 1) // block_tokens).tolist()
    # The last token of a prompt is always computed, and with it its block.
    findable = ((trace.prompt_tokens - 1) // block_tokens).tolist()
    last: dict[int, tuple[int, int]] = {}
    distances: list[int] = []
    counts: list[int] = []
    moment = 0
    for path, all_blocks, most in zip(paths, whole, findable, strict=True):
        begin, reach, missed = 0, 0, False
        for node, end in path:
            end = min(end, all_blocks)
            if end <= begin:
                break
            # Of a run that ends an answer, the last block may not have been whole before.
            before, width = last.get(node, (0, 0))
            if width:
                reach = max(reach, touched.since(before) + width - 1)
                touched.add(before, -width)
                if not missed and begin < most:
                    distances.append(reach)
                    counts.append(min(begin + width, end, most) - begin)
            missed = missed or begin + width < end
            width = max(width, end - begin)
            touched.add(moment, width)
            last[node] = moment, width
            moment, begin = moment + 1, end
        touched.add(moment, all_blocks - begin)
        moment += 1
    found = np.array(distances, dtype=np.int64), np.array(counts, dtype=np.int64)
    return *found, touched.blocks


def _sizes(most: int) -> tuple[int, ...]:
    sizes, size = [], 4**6
    while size < most:
        sizes.append(size)
        size *= 4
    return tuple(sizes)
