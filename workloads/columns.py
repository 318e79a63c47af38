"""What the columns of a trace must be: their types, and the numbers no trace may have."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hardware_profiles.errors import InputError
from workloads import segments as ragged

if TYPE_CHECKING:
    from workloads.trace import Trace

__all__ = ["DTYPES", "MAX_TOKENS", "OPTIONAL", "check", "frozen"]

MAX_TOKENS = 2**31
"""A request of this many tokens or more is taken for an error in the data."""

DTYPES: dict[str, Any] = {
    "arrival_s": np.float64,
    "prompt_tokens": np.int64,
    "output_tokens": np.int64,
    "priority": np.int64,
    "tenant": object,
    "session": np.int64,
    "follows": np.int64,
    "delay_s": np.float64,
    "client": np.int64,
    "segment_offsets": np.int64,
    "segment_ids": np.int64,
    "segment_lengths": np.int64,
}

OPTIONAL = ("priority", "tenant", "session", "follows", "delay_s", "client")
"""Columns with one value a row that a trace may lack."""


def frozen(name: str, values: ArrayLike, dtype: Any) -> NDArray[Any]:
    """Read-only view of one column; a fraction is no number of tokens."""
    array = np.asarray(values)
    if dtype is np.int64 and array.dtype.kind == "f" and array.size:
        wrong = ~(np.isfinite(array) & (array == np.floor(array)) & (np.abs(array) < 2**53))
        _refuse(wrong, name, array, "a whole number")
    try:
        array = array.astype(dtype, copy=False).view()
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"{name}: expected numbers, found {array.dtype}") from None
    if array.ndim != 1:
        raise InputError(f"{name}: expected one dimension, found {array.ndim}")
    array.flags.writeable = False
    return array


def check(trace: "Trace") -> None:
    """Raise `InputError` for the first row that no server could be asked to serve."""
    rows = len(trace.arrival_s)
    for name in ("prompt_tokens", "output_tokens", *OPTIONAL):
        column = getattr(trace, name)
        if column is not None and len(column) != rows:
            raise InputError(f"{name}: expected {rows} rows like arrival_s, found {len(column)}")
    arrival = trace.arrival_s
    _refuse(~np.isfinite(arrival), "arrival_s", arrival, "a finite number of seconds")
    _refuse(arrival < 0, "arrival_s", arrival, "no arrival before 0 s")
    back = np.zeros(rows, dtype=np.bool_)
    back[1:] = arrival[1:] < arrival[:-1]
    _refuse(back, "arrival_s", arrival, "no arrival before the one above it")
    for name in ("prompt_tokens", "output_tokens"):
        tokens = getattr(trace, name)
        _refuse(tokens < 1, name, tokens, "at least 1 token")
        _refuse(tokens >= MAX_TOKENS, name, tokens, "fewer than 2**31 tokens")
    _check_follows(trace, rows)
    given = {c is None for c in (trace.segment_offsets, trace.segment_ids, trace.segment_lengths)}
    if len(given) > 1:
        raise InputError("segments: give all of segment_offsets, segment_ids and segment_lengths")
    if trace.segments is not None:
        ragged.check(trace.segments, trace.prompt_tokens)


def _check_follows(trace: "Trace", rows: int) -> None:
    if (trace.follows is None) != (trace.delay_s is None):
        raise InputError("follows and delay_s: give both or neither")
    if trace.follows is not None and trace.delay_s is not None:
        later = (trace.follows >= np.arange(rows)) | (trace.follows < -1)
        _refuse(later, "follows", trace.follows, "an earlier row, or -1 for none")
        wrong = ~(np.isfinite(trace.delay_s) & (trace.delay_s >= 0))
        _refuse(wrong, "delay_s", trace.delay_s, "a finite time of at least 0 s")
    if trace.client is not None:
        kinds = len(trace.clients)
        wrong = (trace.client < 0) | (trace.client >= kinds)
        _refuse(wrong, "client", trace.client, f"one of the {kinds} kinds in clients")
    if trace.max_concurrency is not None and trace.max_concurrency < 1:
        raise InputError(f"max_concurrency: expected at least 1, found {trace.max_concurrency}")


def _refuse(wrong: NDArray[np.bool_], name: str, values: NDArray[Any], expected: str) -> None:
    if wrong.any():
        row = int(np.argmax(wrong))
        raise InputError(f"row {row}: {name}: expected {expected}, found {values[row]}")
