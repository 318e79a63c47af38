"""What a reader yields: sound rows on the file's own clock."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from workloads.formats._rows import Rows
from workloads.segments import Ints, Segments, new_rows, stacked, take

__all__ = ["Batch", "answered", "as_ns", "join", "numbered", "sound"]


class Batch(NamedTuple):
    """Columns of one batch of rows."""

    time: NDArray[Any]
    """Arrival: wall clock in whole ns since 1970 (int64), or seconds from the file's 0 (float64).

    A wall clock is moved so that the first request of the file is at 0; a file's own 0 is kept.
    """
    prompt_tokens: Ints
    output_tokens: Ints
    optional: dict[str, Any] = {}
    """Columns of `workloads.columns.OPTIONAL` that the file has.

    ``follows`` names rows of the file; files that have it are read in one batch.
    """
    segments: Segments | None = None
    """Ids mean the same in all batches of a file; references to outputs name rows of the file."""


def join(batches: list[Batch]) -> Batch:
    """Batches of one file under one another."""
    if len(batches) == 1:
        return batches[0]
    first = batches[0]
    return Batch(
        np.concatenate([batch.time for batch in batches]),
        np.concatenate([batch.prompt_tokens for batch in batches]),
        np.concatenate([batch.output_tokens for batch in batches]),
        {name: np.concatenate([b.optional[name] for b in batches]) for name in first.optional},
        stacked([batch.segments for batch in batches if batch.segments is not None]),
    )


def sound(
    rows: Rows,
    time_column: str,
    time: NDArray[Any],
    prompt_tokens: Ints,
    output_tokens: Ints,
    *,
    segments: Segments | None = None,
    **optional: NDArray[Any] | None,
) -> Batch:
    """Those of the rows that can be used; raises for the first bad one unless they may be skipped.

    All columns have a value for each of the rows, good or bad; an optional one may be None.
    """
    keep = np.flatnonzero(rows.settle(time_column, time))
    kept = {name: column[keep] for name, column in optional.items() if column is not None}
    if "follows" in kept:
        kept["follows"] = new_rows(kept["follows"], keep, len(time))
    shared = None if segments is None else take(segments, keep)
    return Batch(time[keep], prompt_tokens[keep], output_tokens[keep], kept, shared)


def answered(rows: Rows, prompt_column: str, output_column: str, reason: str) -> tuple[Ints, Ints]:
    """Token counts of a log in which 0 output tokens mean that there was no answer.

    Such rows are dropped for that reason, and may have an empty prompt; others may not.
    """
    prompt = rows.tokens(prompt_column, least=0)
    output = rows.tokens(output_column, least=0)
    rows.drop(output == 0, reason)
    rows.refuse(prompt < 1, prompt_column, "at least 1 token")
    return prompt, output


def numbered(names: NDArray[np.object_], numbers: dict[str, int]) -> Ints:
    """Whole numbers for names as they first appear, -1 where there is none."""
    found = [-1 if name is None else numbers.setdefault(name, len(numbers)) for name in names]
    return np.array(found, dtype=np.int64)


def as_ns(seconds: NDArray[np.float64]) -> Ints:
    """Seconds of a clock whose zero means nothing here, as whole nanoseconds.

    A float of seconds since 1970 is good to a quarter of a microsecond; such are rounded to one.
    """
    digits = 6 if np.abs(seconds).max(initial=0.0) > _LONG_AGO_S else 9
    scaled = np.rint(seconds * 10.0**digits).astype(np.int64)
    return np.asarray(scaled * 10 ** (9 - digits), dtype=np.int64)


_LONG_AGO_S = 1e8
