"""Requests written out one by one, with named prompt segments, turned into columns."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

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
            for prompt in [_segments(row, place)]
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


def _segments(row: Mapping[str, Any], place: int) -> Sequence[tuple[Any, Any]]:
    """The prompt as pairs of segment and length; one of a single unnamed segment is alone."""
    prompt = row.get("prompt", [(("alone", place), row.get("prompt_tokens"))])
    pairs = isinstance(prompt, list | tuple) and all(
        isinstance(pair, list | tuple) and len(pair) == 2 for pair in prompt
    )
    if not pairs:
        raise InputError(
            f"request {place}: prompt: expected [segment, tokens] pairs, found {prompt!r}"
        )
    found: Sequence[tuple[Any, Any]] = prompt
    return found


def _number(name: Any, numbers: dict[Any, int], rows: int) -> int:
    """Whole number that stands for a segment's name; outputs count down from -1."""
    if isinstance(name, str) and name.startswith("out:"):
        row = name.removeprefix("out:")
        if not row.isdecimal() or int(row) >= rows:
            raise InputError(f"segment {name!r}: expected out:0 … out:{rows - 1}")
        return -1 - int(row)
    return numbers.setdefault(name, len(numbers))


def _whole(length: Any, place: int) -> int:
    number = isinstance(length, int | float | np.integer) and not isinstance(length, bool)
    if not number or length < 0 or length != length // 1:
        raise InputError(f"request {place}: expected a whole number of tokens, found {length!r}")
    return int(length)


def _given(values: list[Any], absent: Any = None) -> list[Any] | None:
    """The column, or None when nobody said anything."""
    if all(value is None for value in values):
        return None
    return [absent if value is None else value for value in values]
