"""Names for blocks of prompts, alike just where the prompts agree up to the end of the block."""

from collections.abc import Iterator

import numpy as np

from workloads.trace import Trace

__all__ = ["block_names"]


def block_names(
    trace: Trace, block_tokens: int, *, with_output: bool = False
) -> Iterator[list[int]]:
    """For each request, one small number a block of its prompt, the last one possibly part filled.

    A name stands for its block and all before it, as Mooncake's hashes do; numbers are given as
    they first appear. With `with_output` the answer's blocks follow those of the prompt.

    >>> same = [["a", 600], ["b", 8]], [["a", 600], ["c", 8]]
    >>> rows = [{"arrival_s": 0, "prompt": prompt, "output_tokens": 1} for prompt in same]
    >>> list(block_names(Trace.from_requests(rows), 512))
    [[0, 1], [0, 2]]
    """
    output = trace.output_tokens if with_output else np.zeros(len(trace), dtype=np.int64)
    segments = trace.segments
    if segments is None:
        base = 0
        for tokens in (trace.prompt_tokens + output).tolist():
            count = -(-tokens // block_tokens)
            yield list(range(base, base + count))
            base += count
        return
    numbers: dict[tuple[int, ...], int] = {}
    ids, lengths = segments.ids.tolist(), segments.lengths.tolist()
    ends = segments.offsets.tolist()
    for row, answer in enumerate(output.tolist()):
        here = slice(ends[row], ends[row + 1])
        pieces = list(zip(ids[here], lengths[here], strict=True))
        if answer:
            pieces.append((-1 - row, answer))
        yield _named(pieces, block_tokens, numbers)


def _named(
    pieces: list[tuple[int, int]], block_tokens: int, numbers: dict[tuple[int, ...], int]
) -> list[int]:
    names: list[int] = []
    parent, room = -1, block_tokens
    content: list[int] = []
    for segment, length in pieces:
        start = 0
        while start < length:
            used = min(room, length - start)
            content += (segment, start, used)
            start, room = start + used, room - used
            if room == 0:
                parent = numbers.setdefault((parent, *content), len(numbers))
                names.append(parent)
                content, room = [], block_tokens
    if content:
        names.append(numbers.setdefault((parent, *content), len(numbers)))
    return names
