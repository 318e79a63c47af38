"""Text or JSON values to numbers, all at once, with the places where that failed."""

import re
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["MISSING", "Parsed", "floats", "instants", "ints", "wall_ns", "words"]

MISSING: Any = type("Missing", (), {"__repr__": lambda self: "nothing"})()
"""Stands for a key that a JSON object does not have."""

_INT = r"^\s*[+-]?0*\d{1,18}(\.0*)?\s*$"
_FLOAT = r"^\s*[+-]?(\d{1,40}(\.\d{0,40})?|\.\d{1,40})([eE][+-]?\d{1,2})?\s*$"
_WALL = r"^\s*(19|20)\d\d-\d\d-\d\d[ T]\d\d:\d\d:\d\d([.,]\d{1,9})?\s?(Z|UTC|[+-]\d\d:?\d\d)?\s*$"


ISO_DATE = re.compile(r"\s*(19|20)\d\d-\d\d-\d\d[ T]")
"""How a wall-clock time begins."""


class Parsed(NamedTuple):
    """Numbers, with 0 where there was none."""

    values: NDArray[Any]
    wrong: NDArray[np.bool_]
    """What was found there is no such number."""
    absent: NDArray[np.bool_]
    """Nothing was found there, and that is allowed."""


def ints(raw: Any, absent: int | None) -> Parsed:
    """Whole numbers; ``374.0`` is one, ``374.5``, ``nan`` and ``True`` are none."""
    if isinstance(raw, np.ndarray):
        return _from_array(raw, absent, np.int64)
    if isinstance(raw, list):
        return _from_values(raw, absent, np.int64)
    return _from_text(raw, absent, _INT, np.int64)


def floats(raw: Any, absent: float | None) -> Parsed:
    """Finite numbers."""
    if isinstance(raw, np.ndarray):
        return _from_array(raw, absent, np.float64)
    if isinstance(raw, list):
        return _from_values(raw, absent, np.float64)
    return _from_text(raw, absent, _FLOAT, np.float64)


def wall_ns(raw: Any) -> Parsed:
    """ISO 8601 dates with time, to the nanosecond; without a zone they are read as UTC."""
    arrow, compute = import_module("pyarrow"), import_module("pyarrow.compute")
    if isinstance(raw, np.ndarray) and raw.dtype.kind == "M":
        none = np.isnat(raw)
        nanos = np.where(none, 0, raw.astype("M8[ns]").astype(np.int64))
        return Parsed(nanos, none, np.zeros(len(raw), dtype=np.bool_))
    if isinstance(raw, np.ndarray):
        raw = raw.tolist()
    if isinstance(raw, list):
        raw = arrow.array([v if isinstance(v, str) else "" for v in raw], arrow.string())
    looks_right = compute.match_substring_regex(raw, _WALL).to_numpy(zero_copy_only=False)
    text = raw.to_numpy(zero_copy_only=False)
    text = np.where(looks_right, text, "1970-01-01 00:00:00")
    stamps = pd.to_datetime(text, format="ISO8601", utc=True, errors="coerce")
    wrong = ~looks_right | np.asarray(stamps.isna())
    values = stamps.as_unit("ns").asi8.copy()
    values[wrong] = 0
    return Parsed(values, wrong, np.zeros(len(wrong), dtype=np.bool_))


def instants(raw: Any) -> Parsed:
    """Dates with time, or numbers since 1970 whose size tells s, ms, µs and ns apart.

    Years 2001 to 2286 are 1e9 to 1e10 seconds; a number outside is no instant.
    """
    dates, numbers, exact = wall_ns(raw), floats(raw, None), ints(raw, None)
    values = np.where(dates.wrong, 0, dates.values)
    found = ~dates.wrong
    for scale in (1, 10**3, 10**6, 10**9):
        fits = (numbers.values >= 1e9 * scale) & (numbers.values < 1e10 * scale) & ~numbers.wrong
        whole, part = fits & ~exact.wrong, fits & exact.wrong
        values[whole] = exact.values[whole] * (10**9 // scale)
        values[part] = np.round(numbers.values[part] * 1e6 / scale).astype(np.int64) * 1000
        found |= fits
    return Parsed(values, ~found, np.zeros(len(found), dtype=np.bool_))


def words(raw: Any) -> NDArray[np.object_]:
    """Text as it stands, None where it is empty or missing."""
    values = raw if isinstance(raw, list | np.ndarray) else raw.to_pylist()
    column = np.empty(len(values), dtype=object)
    column[:] = [None if v in ("", None) or v is MISSING else str(v) for v in values]
    return column


def _from_text(raw: Any, absent: float | None, pattern: str, dtype: Any) -> Parsed:
    arrow, compute = import_module("pyarrow"), import_module("pyarrow.compute")
    right = compute.match_substring_regex(raw, pattern)
    none = np.zeros(len(raw), dtype=np.bool_)
    if absent is not None:
        none = compute.equal(compute.utf8_trim_whitespace(raw), "").to_numpy(zero_copy_only=False)
    text = compute.utf8_trim_whitespace(compute.if_else(right, raw, "0"))
    if dtype is np.int64:
        # pandas writes a column of whole numbers with gaps as 374.0; the cast knows no fraction.
        text = compute.replace_substring_regex(text, r"\.0*$", "")
    text = compute.replace_substring_regex(text, r"^\+", "")
    kind = arrow.int64() if dtype is np.int64 else arrow.float64()
    values = compute.cast(text, kind).to_numpy(zero_copy_only=False).copy()
    wrong = ~right.to_numpy(zero_copy_only=False) & ~none
    values[none] = absent or 0
    return Parsed(values, wrong, none)


def _from_array(raw: NDArray[Any], absent: float | None, dtype: Any) -> Parsed:
    if raw.dtype.kind not in "iuf":
        return _from_values(raw.tolist(), absent, dtype)
    exact = raw.dtype.kind in "iu"
    none = np.zeros(len(raw), dtype=np.bool_) if exact else np.isnan(raw)
    wrong = np.zeros(len(raw), dtype=np.bool_)
    if not exact:
        with np.errstate(invalid="ignore"):
            wrong = ~(np.abs(raw) < 2.0**63) & ~none
            wrong |= ~none & ~wrong & (dtype is np.int64) & (raw != np.floor(raw))
    values = np.where(wrong | none, 0, raw).astype(dtype)
    if absent is None:
        wrong, none = wrong | none, np.zeros(len(raw), dtype=np.bool_)
    values[none] = absent or 0
    return Parsed(values, wrong, none)


def _from_values(raw: list[Any], absent: float | None, dtype: Any) -> Parsed:
    wrong = np.zeros(len(raw), dtype=np.bool_)
    none = np.zeros(len(raw), dtype=np.bool_)
    values = np.zeros(len(raw), dtype=dtype)
    for place, value in enumerate(raw):
        if absent is not None and (value is None or value is MISSING):
            none[place], values[place] = True, absent
        elif _is_number(value, dtype):
            values[place] = value
        else:
            wrong[place] = True
    return Parsed(values, wrong, none)


def _is_number(value: object, dtype: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    if not abs(value) < 2**63:  # so neither NaN nor infinity
        return False
    return dtype is np.float64 or value == int(value)
