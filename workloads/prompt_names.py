"""Prompt identity for prompts that come one after another, of which the later are not known yet.

`workloads.prompts` sees the whole trace and names what is shared; here every block of a prompt gets
a name, as it does in vLLM, and names that nothing holds any more are forgotten.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from itertools import pairwise

from workloads.prompts import Path
from workloads.segments import Segments

__all__ = ["PromptNames"]

ROOT = -1


class PromptNames:
    """Nodes of the prefix tree by the text before them.

    A node is a segment after a given beginning: the node before it, and how many tokens of that.
    Two prompts share a block just where they agree up to its last token; then the segment that
    holds this token has the same beginning in both, and the block lies as far within it.

    >>> import numpy as np
    >>> said = Segments(np.array([0, 2, 4]), np.array([7, 8, 7, 9]), np.array([40, 8, 40, 8]))
    >>> list(PromptNames(16).paths(said, 0, 2))
    [((0, 2), (1, 3)), ((0, 2), (2, 3))]
    """

    def __init__(self, block_size: int) -> None:
        self._block_size = block_size
        self._nodes: dict[tuple[int, int, int], int] = {}
        self._given = 0

    def __len__(self) -> int:
        return len(self._nodes)

    def paths(self, segments: Segments, first: int, last: int) -> Iterator[Path]:
        """The named blocks of the prompts in rows ``first`` to ``last - 1``."""
        bounds = segments.offsets[first : last + 1].tolist()
        entries = slice(bounds[0], bounds[-1])
        ids, lengths = segments.ids[entries].tolist(), segments.lengths[entries].tolist()
        for begin, end in pairwise(bounds):
            row = slice(begin - bounds[0], end - bounds[0])
            yield self._path(ids[row], lengths[row])

    def _path(self, ids: list[int], lengths: list[int]) -> Path:
        path = []
        node, before, tokens, blocks = ROOT, 0, 0, 0
        for segment, length in zip(ids, lengths, strict=True):
            node = self._number((node, before, segment))
            before = length
            tokens += length
            if tokens // self._block_size > blocks:
                blocks = tokens // self._block_size
                path.append((node, blocks))
        return tuple(path)

    def _number(self, node: tuple[int, int, int]) -> int:
        found = self._nodes.setdefault(node, self._given)
        self._given += found == self._given
        return found

    def forget(self, needed: Set[int]) -> None:
        """Keep only the nodes `needed` and those before them.

        A prompt that repeats a forgotten one later gets new names: nothing of it is anywhere.
        """
        kept = set(needed)
        nodes = []
        for key, node in reversed(self._nodes.items()):  # a node is younger than the one before it
            if node in kept:
                kept.add(key[0])
                nodes.append((key, node))
        self._nodes = dict(reversed(nodes))
