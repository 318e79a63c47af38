"""Requests read ahead of the clock, some thousands at a time, instead of all beforehand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from hardware_profiles.errors import InputError
from simulator.engine.request import Path
from simulator.fleet.size import check_size
from workloads.prompt_names import PromptNames
from workloads.prompts import shared_paths
from workloads.trace import Trace

__all__ = ["Ahead", "Block", "Room", "rows_of"]

AT_ONCE = 1 << 12
"""Requests that are turned into Python numbers at a time."""


class Room(NamedTuple):
    """What the engines have room for."""

    max_model_len: int
    blocks: int
    block_size: int
    finds_prefixes: bool


class Block(NamedTuple):
    """Some requests in a row."""

    rows: range
    """Their numbers, counted through the whole trace."""
    trace: Trace
    """The piece they are in."""
    part: slice
    """Where they stand in it."""
    admitted: list[bool]
    """Whether the engines' longest context allows them."""
    paths: list[Path]
    """Named prefixes; none at all where nothing is shared."""

    def column(self, name: str) -> list[Any]:
        """A column of the trace; empty where it has none of that name."""
        values = getattr(self.trace, name)
        return [] if values is None else list(values[self.part].tolist())

    def lengths(self) -> list[int]:
        """Prompt and output of each together. [tokens]"""
        both = self.trace.prompt_tokens[self.part] + self.trace.output_tokens[self.part]
        return list(both.tolist())


class Ahead:
    """The pieces of a trace, checked and named as they come.

    Parameters
    ----------
    pieces : on one clock, in order of time.
    room : what a request may need at most.
    expect : told of each block before its first request arrives.
    """

    def __init__(
        self, pieces: Iterable[Trace], room: Room, expect: Callable[[Block], None]
    ) -> None:
        self._pieces = pieces
        self._room = room
        self._expect = expect
        self.requests = 0
        """Read so far."""
        self.meta: dict[str, object] = {}
        """Notes of the piece read last."""
        self.names = PromptNames(room.block_size)
        self._latest: list[Path] = []
        """Of the block read last, whose requests may be still to come."""

    def blocks(self) -> Iterator[Block]:
        """One after another, each read when the one before has arrived.

        Raises
        ------
        InputError
            For a closed loop; for a request that no engine could ever hold, and for anything that
            is wrong with the trace, when it is reached.
        """
        latest = 0.0
        for piece in self._pieces:
            if piece.closed_loop:
                raise InputError(
                    "a closed loop cannot be read ahead of the clock: what comes next depends on "
                    "the answers; run it whole"
                )
            if not len(piece):
                continue
            assert piece.arrival_s[0] >= latest, "the pieces of a trace are in order of time"
            latest = float(piece.arrival_s[-1])
            self.meta = dict(piece.meta)
            admitted = piece.prompt_tokens + piece.output_tokens <= self._room.max_model_len
            check_size(piece, admitted, self._room.blocks, self._room.block_size, self.requests)
            whole = self._named_whole(piece)
            for start in range(0, len(piece), AT_ONCE):
                part = slice(start, min(start + AT_ONCE, len(piece)))
                rows = range(self.requests, self.requests + part.stop - start)
                paths = whole[part] if whole else self._named(piece, part)
                block = Block(rows, piece, part, admitted[part].tolist(), paths)
                self.requests, self._latest = rows.stop, paths
                self._expect(block)
                yield block

    def forget(self, needed: set[int]) -> None:
        """Keep only the names of prompts that are `needed` somewhere, or may be soon."""
        if len(self.names):
            needed.update(node for path in self._latest for node, _ in path)
            self.names.forget(needed)

    def _named_whole(self, piece: Trace) -> list[Path]:
        """Prompts that contain answers: such a trace comes in one piece, so all is known."""
        if not self._room.finds_prefixes or piece.segments is None:
            return []
        if not (piece.segments.ids < 0).any():
            return []
        assert self.requests == 0, "a trace whose rows refer to one another comes in one piece"
        return shared_paths(piece, self._room.block_size)

    def _named(self, piece: Trace, part: slice) -> list[Path]:
        if not self._room.finds_prefixes or piece.segments is None:
            return []
        return list(self.names.paths(piece.segments, part.start, part.stop))


def rows_of(block: Block) -> Iterator[tuple[int, float, int, int, int, Path]]:
    """Row, arrival, prompt and output tokens, priority and path of those that are let in."""
    paths = block.paths or [()] * len(block.rows)
    columns = [block.column(name) for name in ("arrival_s", "prompt_tokens", "output_tokens")]
    rows = zip(block.rows, *columns, block.column("priority"), paths, strict=True)
    if all(block.admitted):
        return rows
    return (row for row, there in zip(rows, block.admitted, strict=True) if there)
