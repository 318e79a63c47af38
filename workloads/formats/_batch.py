"""What a reader yields: sound rows on the file's own clock."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from workloads.segments import Ints, Segments

__all__ = ["Batch", "join"]


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
