"""What a reader yields: sound rows on the file's own clock."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from workloads.formats._rows import Rows
from workloads.segments import Ints, Segments, take

__all__ = ["Batch", "answered", "as_ns", "join", "numbered", "sound"]


class Batch(NamedTuple):
    """Columns of one batch of rows."""

    time: NDArray[Any]
    """Arrival: wall clock in whole ns since 1970 (int64), or seconds from the file's 0 (float64).

    A wall clock is moved so that the first request of the file is at 0; a file's own 0 is kept.
    """
    prompt_tokens: Ints
    output_tokens: Ints
    priority: Ints | None = None
    tenant: NDArray[np.object_] | None = None
    session: Ints | None = None
    segments: Segments | None = None
    """Ids mean the same in all batches of a file; references to outputs name rows of the file."""


def join(batches: list[Batch]) -> Batch:
    """Batches of one file under one another."""
    if len(batches) == 1:
        return batches[0]
    return Batch(*(_joined([getattr(b, name) for b in batches], name) for name in Batch._fields))


def _joined(parts: list[Any], name: str) -> Any:
    if parts[0] is None:
        return None
    if name != "segments":
        return np.concatenate(parts)
    ends = np.cumsum([part.offsets[-1] for part in parts])
    offsets = [parts[0].offsets]
    offsets += [part.offsets[1:] + end for part, end in zip(parts[1:], ends[:-1], strict=True)]
    return Segments(
        np.concatenate(offsets),
        np.concatenate([part.ids for part in parts]),
        np.concatenate([part.lengths for part in parts]),
    )


def sound(
    rows: Rows,
    time_column: str,
    time: NDArray[Any],
    prompt_tokens: Ints,
    output_tokens: Ints,
    *,
    priority: Ints | None = None,
    tenant: NDArray[np.object_] | None = None,
    session: Ints | None = None,
    segments: Segments | None = None,
) -> Batch:
    """Those of the rows that can be used; raises for the first bad one unless they may be skipped.

    All columns have a value for each of the rows, good or bad.
    """
    keep = rows.settle(time_column, time)
    return Batch(
        time[keep],
        prompt_tokens[keep],
        output_tokens[keep],
        None if priority is None else priority[keep],
        None if tenant is None else tenant[keep],
        None if session is None else session[keep],
        None if segments is None else take(segments, np.flatnonzero(keep)),
    )


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
    """Seconds of a clock whose zero means nothing here, as whole nanoseconds."""
    return np.asarray(np.round(seconds * 1e9), dtype=np.int64)
