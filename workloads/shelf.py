"""The shelf of named traffic: one YAML file each, with what it is modelled on."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hardware_profiles.errors import InputError, did_you_mean
from hardware_profiles.profile import load_yaml

__all__ = ["SHELF", "from_shelf", "names"]

SHELF = Path(__file__).parent / "traffic"


def names() -> tuple[str, ...]:
    """Traffic on the shelf, in alphabetical order."""
    return tuple(sorted(path.stem for path in SHELF.glob("*.yaml")))


def from_shelf(data: Any) -> Any:
    """The entry that a name stands for, or ``{like: name, key: value}`` with keys changed."""
    if isinstance(data, Mapping) and isinstance(data.get("like"), str):
        base = from_shelf(data["like"])
        changes = {key: value for key, value in data.items() if key != "like"}
        if not changes:
            return base
        changed = f"{base.get('source', '')}; changed here: {', '.join(sorted(changes))}"
        said = {"source": changed, "confidence": "C"}  # it is no longer what was measured
        return {**_merged(base, changes), **{key: changes.get(key, said[key]) for key in said}}
    if not isinstance(data, str):
        return data
    if data not in names():
        raise InputError(f"no traffic is called {data!r}; {did_you_mean(data, names())}")
    return load_yaml(SHELF / f"{data}.yaml")


def _merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """``base`` with ``changes`` laid over it, all the way down; another kind replaces the whole."""
    merged = dict(base)
    for key, value in changes.items():
        below = merged.get(key)
        merged[key] = value
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            kind = below.get("kind")
            if value.get("kind", kind) == kind:
                merged[key] = _merged(below, value)
    return merged
