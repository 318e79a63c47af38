"""Requests written out one by one, with named prompt segments, turned into columns."""

from collections.abc import Iterable, Mapping
from typing import Any

from hardware_profiles.errors import InputError
from workloads import segments as ragged

__all__ = ["columns_of"]

_KEYS = {"arrival_s", "prompt", "prompt_tokens", "output_tokens", "priority", "tenant", "session"}


def columns_of(requests: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Arguments of `Trace.from_columns` for a list of requests, in the order given.

    Segment names are numbered as they first appear; ``out:i`` is the output of request ``i``.
    """
    rows = list(requests)
    for place, row in enumerate(rows):
        if missing := {"arrival_s", "output_tokens"} - set(row):
            raise InputError(f"request {place} has no {min(missing)!r}; each needs one")
        if unknown := set(row) - _KEYS:
            raise InputError(f"request {place}: no key {min(unknown)!r}; there are {sorted(_KEYS)}")
        if ("prompt" in row) == ("prompt_tokens" in row):
            raise InputError(f"request {place}: give either prompt or prompt_tokens")
    numbers: dict[Any, int] = {}
    table = ragged.from_rows(
        [
            [(_number(name, numbers, len(rows)), _whole(length, place)) for name, length in prompt]
            for place, row in enumerate(rows)
            for prompt in [row.get("prompt", [[("alone", place), row.get("prompt_tokens")]])]
        ]
    )
    return {
        "arrival_s": [row["arrival_s"] for row in rows],
        "prompt_tokens": table.row_tokens(),
        "output_tokens": [row["output_tokens"] for row in rows],
        "priority": [row.get("priority", 0) for row in rows],
        "tenant": _given([row.get("tenant") for row in rows]),
        "session": _given([row.get("session") for row in rows], absent=-1),
        "segments": table if any("prompt" in row for row in rows) else None,
    }


def _number(name: Any, numbers: dict[Any, int], rows: int) -> int:
    """Whole number that stands for a segment's name; outputs count down from -1."""
    if isinstance(name, str) and name.startswith("out:"):
        row = name.removeprefix("out:")
        if not row.isdecimal() or int(row) >= rows:
            raise InputError(f"segment {name!r}: expected out:0 … out:{rows - 1}")
        return -1 - int(row)
    return numbers.setdefault(name, len(numbers))


def _whole(length: Any, place: int) -> int:
    if isinstance(length, bool) or length is None or int(length) != length or length < 0:
        raise InputError(f"request {place}: expected a whole number of tokens, found {length!r}")
    return int(length)


def _given(values: list[Any], absent: Any = None) -> list[Any] | None:
    """The column, or None when nobody said anything."""
    if all(value is None for value in values):
        return None
    return [absent if value is None else value for value in values]
