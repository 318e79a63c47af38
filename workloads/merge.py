"""Several traces on one clock."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hardware_profiles.errors import InputError
from workloads import segments as ragged
from workloads.clients import Client
from workloads.segments import Ints, Segments
from workloads.trace import Trace

__all__ = ["interleaved", "merge", "stitch"]


def merge(traces: Iterable[Trace], meta: Mapping[str, Any] | None = None) -> Trace:
    """All requests of several traces; prompts of different traces share nothing.

    Where two arrive at the same instant, the one of the trace named first goes first.

    >>> one = Trace.from_columns([0, 2], [5, 5], [1, 1])
    >>> merge([one, one.window(0)]).arrival_s.tolist()
    [0.0, 0.0, 2.0, 2.0]
    """
    parts = list(traces)
    if not parts:
        raise InputError("merge: expected at least one trace, found none")
    if len({(part.closed_loop, part.max_concurrency) for part in parts}) > 1:
        raise InputError("merge: traces of an open and of a closed loop cannot be laid together")
    shared = any(part.segment_ids is not None for part in parts)
    return Trace.from_columns(
        np.concatenate([part.arrival_s for part in parts]),
        np.concatenate([part.prompt_tokens for part in parts]),
        np.concatenate([part.output_tokens for part in parts]),
        segments=ragged.concatenate([_segments(part) for part in parts]) if shared else None,
        meta=meta if meta is not None else {"merged": [dict(part.meta) for part in parts]},
        closed_loop=parts[0].closed_loop,
        max_concurrency=parts[0].max_concurrency,
        clients=_clients(parts)[1],
        priority=np.concatenate([part.priority for part in parts]),
        tenant=_column(parts, "tenant", None),
        session=_moved(parts, "session", [_top(part.session) + 1 for part in parts]),
        follows=_moved(parts, "follows", [len(part) for part in parts]),
        delay_s=_column(parts, "delay_s", 0.0),
        client=_clients(parts)[0],
    )


def interleaved(
    sources: Iterable[Iterator[Trace]], meta: Mapping[str, Any] | None = None
) -> Iterator[Trace]:
    """As `merge`, of traces that come in pieces: pieces of the whole, in order of time.

    At each time one piece of every source is in memory. Their rows must not refer to one another,
    nor share text: a later piece would not know what an earlier one was called.
    """
    streams, held, place = [], [], []
    for source in sources:
        piece = next(source, None)
        if piece is not None:  # a source that has nothing at all is as if it were not there
            streams.append(source)
            held.append(piece)
            place.append(0)
    while ends := [
        float(p.arrival_s[-1]) for p, at in zip(held, place, strict=True) if at < len(p)
    ]:
        known = min(ends)  # what comes later in any source comes after this
        parts = []
        for number, piece in enumerate(held):
            upto = max(int(np.searchsorted(piece.arrival_s, known, side="right")), place[number])
            parts.append(piece.take(np.arange(place[number], upto)))
            place[number] = upto
            if upto == len(piece) and (more := next(streams[number], None)) is not None:
                held[number], place[number] = more, 0
        # Empty parts stay: the kinds of clients are numbered through all sources.
        yield merge(parts, meta)


def stitch(pieces: Iterable[Trace]) -> Trace:
    """Pieces of one trace, as `workloads.formats.stream` yields them, as a whole again.

    Unlike in `merge`, equal segments are the same text.
    """
    parts = list(pieces)
    if len(parts) == 1:
        return parts[0]
    whole = merge(parts, parts[-1].meta if parts else None)
    if whole.segments is None:
        return replace(whole, session=_column(parts, "session", -1))
    ends = np.cumsum([len(part) for part in parts])
    tables = [
        own._replace(ids=np.where(own.ids < 0, own.ids - (end - len(part)), own.ids))
        for part, end in zip(parts, ends.tolist(), strict=True)
        for own in [_segments(part)]
    ]
    whole = replace(whole, session=_column(parts, "session", -1))
    return whole.with_(segments=ragged.stacked(tables))


def _segments(trace: Trace) -> Segments:
    """The trace's segments, or a segment of its own for each prompt."""
    rows = np.arange(len(trace))
    return trace.segments or Segments(np.arange(len(trace) + 1), rows, trace.prompt_tokens)


def _top(column: Ints | None) -> int:
    return -1 if column is None else int(column.max(initial=-1))


def _column(parts: list[Trace], name: str, absent: Any) -> NDArray[Any] | None:
    """One column of all parts; those that lack it have `absent` in every row."""
    columns = [getattr(part, name) for part in parts]
    if all(column is None for column in columns):
        return None
    return np.concatenate(
        [
            np.full(len(part), absent) if column is None else column
            for part, column in zip(parts, columns, strict=True)
        ]
    )


def _moved(parts: list[Trace], name: str, sizes: list[int]) -> Ints | None:
    """A column of numbers, -1 for none, each part's moved beyond those of the parts before."""
    column = _column(parts, name, -1)
    if column is None:
        return None
    bases = np.concatenate(([0], np.cumsum(sizes)))[:-1]
    base = np.repeat(bases, [len(part) for part in parts])
    return np.where(column < 0, -1, column + base)


def _clients(parts: list[Trace]) -> tuple[Ints | None, tuple[Client, ...]]:
    """Kinds of clients of all parts; parts that say nothing of theirs get patient ones."""
    if all(part.client is None for part in parts):
        return None, ()
    kinds: list[Client] = []
    columns = []
    for part in parts:
        own = np.zeros(len(part), dtype=np.int64) if part.client is None else part.client
        columns.append(own + len(kinds))
        kinds += part.clients or (Client(),)
    return np.concatenate(columns), tuple(kinds)
