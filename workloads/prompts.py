"""Prompt identity: from segments to the blocks that requests share.

A prompt is a list of segments; two prompts share a prefix exactly as far as their segments agree,
token by token. All prompts of a trace, with those outputs that a later prompt contains, make a
tree. Cut at multiples of the block size, each node of that tree is a run of KV blocks that the same
requests share, and only those blocks need a name: what a single request ever asks for is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

import numpy as np

from workloads.segments import Ints, Segments
from workloads.trace import Trace

Path = tuple[tuple[int, int], ...]
"""(node, block at which the node ends), from the first block of the prompt on."""


@dataclass(slots=True, eq=False)
class _Edge:
    """Tokens ``offset … offset + length`` of one segment, after what the parent edge says."""

    segment: int
    offset: int
    length: int
    start: int
    """Tokens before this edge, from the first token of the prompt."""
    children: dict[tuple[int, int], _Edge] = field(default_factory=dict)
    requests: int = 0
    node: int = -1
    step: tuple[int, int] | None = None
    """The edge as a step of a path, one object for all the paths it is on."""

    def split(self, at: int) -> None:
        """Cut the edge after ``at`` tokens; what comes behind becomes its only child."""
        rest = _Edge(
            self.segment,
            self.offset + at,
            self.length - at,
            self.start + at,
            self.children,
        )
        rest.requests = self.requests
        self.length = at
        self.children = {(rest.segment, rest.offset): rest}


Chain = list[tuple[int, int]]


def shared_paths(trace: Trace, block_size: int) -> list[Path]:
    """For each request, the named prefix of its prompt and output.

    Parameters
    ----------
    trace : requests with or without segments
    block_size : tokens in a KV block

    Returns
    -------
    One path for each row of the trace; empty where the row shares no full block with another row.
    All paths are empty for a trace without segments.

    Examples
    --------
    >>> trace = Trace.from_requests([
    ...     {"arrival_s": 0.0, "prompt": [["system", 40], ["a", 10]], "output_tokens": 5},
    ...     {"arrival_s": 1.0, "prompt": [["system", 40], ["b", 10]], "output_tokens": 5},
    ... ])
    >>> shared_paths(trace, block_size=16)
    [((0, 2),), ((0, 2),)]
    """
    if trace.segments is None:
        return [()] * len(trace)
    chains = _chains(trace.segments, trace.output_tokens)
    root = _Edge(0, 0, 0, 0)
    for chain in chains:
        _insert(root, chain)
    numbers = count()
    return [_path(root, chain, block_size, numbers) for chain in chains]


def _chains(segments: Segments, outputs: Ints) -> list[Chain]:
    """Each prompt as (segment, tokens), then its output where some prompt contains that output.

    A chain ends where a segment comes that nobody else has: from there on nothing is shared.
    """
    offsets, ids, lengths = segments.offsets, segments.ids, segments.lengths
    names, place, uses = np.unique(ids, return_inverse=True, return_counts=True)
    asked_for = set((-1 - names[names < 0]).tolist())
    uses[names < 0] += 1  # the request that generates it has it too
    ends = np.append(np.flatnonzero(uses[place] == 1), len(ids))
    first_alone = ends[np.searchsorted(ends, offsets[:-1])].tolist()
    pairs = list(zip(ids.tolist(), lengths.tolist(), strict=True))
    chains = []
    bounds = zip(offsets[:-1].tolist(), offsets[1:].tolist(), first_alone, strict=True)
    for row, (start, end, alone) in enumerate(bounds):
        chain = pairs[start : min(end, alone)]
        if row in asked_for and alone >= end:
            chain.append((-1 - row, int(outputs[row])))
        chains.append(chain)
    return chains


def _insert(root: _Edge, chain: Chain) -> None:
    """Lay the chain into the tree; edges are split where it leaves them, and count it."""
    edge = root
    start = 0
    for segment, length in chain:
        offset = 0
        while offset < length:
            child = edge.children.get((segment, offset))
            if child is None:
                child = _Edge(segment, offset, length - offset, start)
                edge.children[segment, offset] = child
            elif child.length > length - offset:
                child.split(length - offset)
            child.requests += 1
            offset += child.length
            start += child.length
            edge = child


def _shared_edges(root: _Edge, chain: Chain) -> Iterator[_Edge]:
    """The edges of the chain, as long as others pass them too."""
    edge = root
    for segment, length in chain:
        offset = 0
        while offset < length:
            edge = edge.children[segment, offset]
            if edge.requests < 2:
                return
            yield edge
            offset += edge.length


def _path(root: _Edge, chain: Chain, block_size: int, numbers: Iterator[int]) -> Path:
    """Runs of blocks shared with others; edges that the same requests pass are one node.

    A block belongs to the edge that holds its last token, for two chains share a block when they
    share all its tokens. A node does not run from a prompt into an output: outputs come into being
    token by token.
    """
    path: list[tuple[int, int]] = []
    before: _Edge | None = None
    end = 0
    for edge in _shared_edges(root, chain):
        block_end = (edge.start + edge.length) // block_size
        if block_end == end:
            continue
        end = block_end
        if (
            before is not None
            and before.requests == edge.requests
            and (before.segment < 0) == (edge.segment < 0)
        ):
            edge.node = before.node
            path.pop()
        elif edge.node < 0:
            edge.node = next(numbers)
        if edge.step is None:
            edge.step = (edge.node, end)
        path.append(edge.step)
        before = edge
    return tuple(path)
