"""Ragged segment columns: which named pieces of text each prompt is made of.

Row ``i`` owns the entries ``offsets[i]:offsets[i + 1]`` of ``ids`` and ``lengths``. An id ``>= 0``
names a piece of prompt text; an id ``-1 - j`` is the output of row ``j``. Two prompts share a
prefix exactly as far as their segments agree token by token, a token being (id, place in segment).
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hardware_profiles.errors import InputError

__all__ = [
    "Ints",
    "Segments",
    "check",
    "concatenate",
    "densify",
    "from_rows",
    "new_rows",
    "offsets_of",
    "stacked",
    "take",
]

Ints = NDArray[np.int64]


class Segments(NamedTuple):
    """The three columns of a ragged table of segments."""

    offsets: Ints
    """First entry of each row, and the end of the last: shape (rows + 1,)."""
    ids: Ints
    lengths: Ints
    """Tokens of each entry."""

    def row_tokens(self) -> Ints:
        """Sum of the lengths of each row, shape (rows,). [tokens]"""
        ends = np.concatenate(([0], np.cumsum(self.lengths, dtype=np.int64)))
        tokens: Ints = ends[self.offsets[1:]] - ends[self.offsets[:-1]]
        return tokens

    def row_of_entry(self) -> Ints:
        """Row that owns each entry, shape (entries,)."""
        return np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))


def offsets_of(counts: Any) -> Ints:
    """Offsets of rows that have so many entries each.

    >>> offsets_of([2, 0, 3]).tolist()
    [0, 2, 2, 5]
    """
    return np.concatenate(([0], np.cumsum(counts, dtype=np.int64))).astype(np.int64)


def from_rows(rows: list[list[tuple[int, int]]]) -> Segments:
    """Segments from one list of (id, length) a row; pieces of length 0 are left out."""
    kept = [[piece for piece in row if piece[1]] for row in rows]
    flat = [piece for row in kept for piece in row]
    table = np.array(flat, dtype=np.int64).reshape(-1, 2)
    return Segments(offsets_of([len(row) for row in kept]), table[:, 0], table[:, 1])


def take(segments: Segments, rows: Ints) -> Segments:
    """Segments of some rows, in the order given, with references to outputs renumbered.

    An output whose request is not among `rows` becomes an ordinary segment; rows that contain it
    go on sharing it.

    >>> two_turns = Segments(np.array([0, 1, 3]), np.array([7, 7, -1]), np.array([4, 4, 9]))
    >>> take(two_turns, np.array([1])).ids.tolist()
    [7, 8]
    """
    counts = np.diff(segments.offsets)[rows]
    offsets = offsets_of(counts)
    entries = np.arange(offsets[-1]) + np.repeat(segments.offsets[rows] - offsets[:-1], counts)
    place = np.full(len(segments.offsets) - 1, -1, dtype=np.int64)
    place[rows] = np.arange(len(rows))
    ids = _renumber(segments.ids[entries], place)
    return Segments(offsets, ids, segments.lengths[entries])


def new_rows(rows: Ints, order: Ints, number: int) -> Ints:
    """Where rows of a table of `number` stand once only `order` is left; -1 for none, and gone.

    >>> new_rows(np.array([-1, 0, 2]), np.array([2, 0]), 3).tolist()
    [-1, 1, 0]
    """
    place = np.full(number + 1, -1, dtype=np.int64)  # the last place answers for -1
    place[order] = np.arange(len(order))
    return np.asarray(place[rows])


def _renumber(ids: Ints, place: Ints) -> Ints:
    """Ids with output ``-1 - j`` turned into ``-1 - place[j]``, or a fresh id where that is < 0."""
    ids = ids.copy()
    outputs = np.flatnonzero(ids < 0)
    if not len(outputs):
        return ids
    new_row = place[-1 - ids[outputs]]
    gone = new_row < 0
    fresh = max(int(ids.max()), -1) + 1
    _, rank = np.unique(ids[outputs[gone]], return_inverse=True)
    ids[outputs[gone]] = fresh + rank
    ids[outputs[~gone]] = -1 - new_row[~gone]
    return ids


def concatenate(parts: list[Segments]) -> Segments:
    """Tables under one another; nothing of one is shared with another.

    Ids are moved so that they differ, and references to outputs so that they name the new rows.
    """
    offsets, ids, base, row = [np.zeros(1, dtype=np.int64)], [], 0, 0
    for part in parts:
        offsets.append(part.offsets[1:] + offsets[-1][-1])
        ids.append(np.where(part.ids < 0, part.ids - row, part.ids + base))
        base += max(int(part.ids.max(initial=-1)), -1) + 1
        row += len(part.offsets) - 1
    lengths = [part.lengths for part in parts]
    empty = np.zeros(0, dtype=np.int64)
    return Segments(
        np.concatenate(offsets), np.concatenate([empty, *ids]), np.concatenate([empty, *lengths])
    )


def stacked(parts: list[Segments]) -> Segments | None:
    """Tables under one another in which equal ids mean the same text; None for no table."""
    if not parts:
        return None
    counts = np.concatenate([np.diff(part.offsets) for part in parts])
    return Segments(
        offsets_of(counts),
        np.concatenate([part.ids for part in parts]),
        np.concatenate([part.lengths for part in parts]),
    )


def densify(segments: Segments) -> Segments:
    """Rename the ids of prompt text to 0, 1, 2, … by first appearance; who shares what stays.

    Traces name blocks by 64-bit hashes; small ids leave room to join traces without overflow.
    """
    ids = segments.ids.copy()
    text = ids >= 0
    _, first, inverse = np.unique(ids[text], return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    ids[text] = rank[inverse]
    return segments._replace(ids=ids)


def check(segments: Segments, prompt_tokens: Ints) -> None:
    """Raise `InputError` unless the table is well formed and agrees with the prompt lengths."""
    rows, entries = len(prompt_tokens), len(segments.ids)
    offsets, ids, lengths = segments
    if len(offsets) != rows + 1 or len(lengths) != entries:
        raise InputError(
            f"segments: expected {rows + 1} offsets and as many ids as lengths, found "
            f"{len(offsets)} offsets, {entries} ids and {len(lengths)} lengths"
        )
    if offsets[0] != 0 or offsets[-1] != entries or (np.diff(offsets) < 0).any():
        raise InputError(f"segment_offsets: expected 0 … {entries}, never falling")
    _refuse(lengths < 1, segments, lengths, "a segment of at least 1 token")
    _refuse(ids < -rows, segments, ids, f"an output of one of the {rows} rows (-{rows} … -1)")
    own = ids == -1 - segments.row_of_entry()
    _refuse(own, segments, ids, "no prompt that contains its own answer")
    sums = segments.row_tokens()
    wrong = np.flatnonzero(sums != prompt_tokens)
    if len(wrong):
        row = int(wrong[0])
        raise InputError(
            f"row {row}: its segments add up to {sums[row]} tokens, prompt_tokens says "
            f"{prompt_tokens[row]}; they must agree"
        )


def _refuse(wrong: NDArray[np.bool_], segments: Segments, found: Ints, expected: str) -> None:
    if wrong.any():
        entry = int(np.argmax(wrong))
        row = int(np.searchsorted(segments.offsets, entry, side="right")) - 1
        raise InputError(f"row {row}: expected {expected}, found {found[entry]}")
