"""Names for blocks of prompts, alike just where the prompts agree up to the end of the block."""

from collections.abc import Iterator

import numpy as np

from workloads.trace import Trace

__all__ = ["BlockBook", "block_names"]

Piece = tuple[int, int]
"""Segment and tokens."""


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
    return BlockBook(block_tokens).names(trace, with_output=with_output)


class BlockBook:
    """Names given to blocks so far; pieces of a trace are named one after another."""

    def __init__(self, block_tokens: int) -> None:
        self.block_tokens = block_tokens
        self._numbers: dict[tuple[int, ...], int] = {}
        self._given = 0

    def names(self, trace: Trace, *, with_output: bool = False) -> Iterator[list[int]]:
        """Names of each request's blocks; without prompt identity all are new."""
        output = trace.output_tokens if with_output else np.zeros(len(trace), dtype=np.int64)
        segments = trace.segments
        if segments is None:
            for tokens in (trace.prompt_tokens + output).tolist():
                first, count = self._given, -(-tokens // self.block_tokens)
                self._given += count
                yield list(range(first, first + count))
            return
        ids, lengths = segments.ids.tolist(), segments.lengths.tolist()
        ends = segments.offsets.tolist()
        for row, answer in enumerate(output.tolist()):
            here = slice(ends[row], ends[row + 1])
            pieces: list[Piece] = list(zip(ids[here], lengths[here], strict=True))
            if answer:
                pieces.append((-1 - row, answer))
            yield self._named(pieces)

    def _named(self, pieces: list[Piece]) -> list[int]:
        names: list[int] = []
        parent, room = -1, self.block_tokens
        content: list[int] = []
        for segment, length in pieces:
            start = 0
            while start < length:
                used = min(room, length - start)
                content += (segment, start, used)
                start, room = start + used, room - used
                if room == 0:
                    parent = self._number((parent, *content))
                    names.append(parent)
                    content, room = [], self.block_tokens
        if content:
            names.append(self._number((parent, *content)))
        return names

    def _number(self, block: tuple[int, ...]) -> int:
        found = self._numbers.setdefault(block, self._given)
        self._given += found == self._given
        return found
