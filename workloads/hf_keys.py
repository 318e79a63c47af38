"""Whole numbers and other plain things out of a parsed ``config.json``, or one clear line."""

from collections.abc import Mapping, Sequence
from typing import Any

from hardware_profiles.errors import InputError

__all__ = ["count", "mapping", "smallest_period", "words"]

LARGEST = 10**9


def count(text: Mapping[str, Any], *names: str, default: int | None = None) -> int:
    """Whole number under the first of `names` that is there and not null.

    A list of equal numbers, one a layer, is that number.

    Raises
    ------
    InputError
        If no name is there and no default either, or what is there is no whole number of 0 or more.
    """
    for name in names:
        if (found := text.get(name)) is None:
            continue
        if isinstance(found, list) and found:
            if any(entry != found[0] for entry in found):
                raise InputError(f"config.json: {name}: layers that differ are not modelled")
            found = found[0]
        if isinstance(found, bool) or not isinstance(found, int) or found < 0:
            raise InputError(f"config.json: {name}: expected a whole number, found {_short(found)}")
        if found > LARGEST:
            raise InputError(f"config.json: {name}: no model has {float(min(found, 10**300)):.0e}")
        return found
    if default is None:
        raise InputError(f"config.json: needs the key {' or '.join(map(repr, names))}")
    return default


def mapping(text: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Object under a key; empty if the key is not there or null.

    Raises
    ------
    InputError
        If it is something else than an object.
    """
    found = text.get(name)
    if found is None:
        return {}
    if not isinstance(found, Mapping):
        raise InputError(f"config.json: {name}: expected an object, found {_short(found)}")
    return found


def words(text: Mapping[str, Any], *names: str) -> list[str]:
    """List of words under the first of `names` that is there and not null; else empty."""
    for name in names:
        if (found := text.get(name)) is None:
            continue
        if not isinstance(found, list) or not all(isinstance(word, str) for word in found):
            raise InputError(
                f"config.json: {name}: expected a list of names, found {_short(found)}"
            )
        return found
    return []


def smallest_period(entries: Sequence[str]) -> tuple[str, ...]:
    """Shortest beginning of a list that gives all of it when repeated.

    >>> smallest_period(["sliding", "full"] * 12 + ["sliding"])
    ('sliding', 'full')
    """
    for length in range(1, len(entries)):
        if all(entry == entries[index % length] for index, entry in enumerate(entries)):
            return tuple(entries[:length])
    return tuple(entries)


def _short(found: object) -> str:
    text = repr(found)
    return text if len(text) <= 60 else f"{text[:57]}..."
