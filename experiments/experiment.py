"""Experiment: what every question has, a scenario to start from and words for what it asks."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any, Self

from pydantic import Field, field_validator

from experiments.grid import LAID_BY
from hardware_profiles.errors import InputError, did_you_mean
from hardware_profiles.profile import Text, load_yaml
from hardware_profiles.value import Value
from simulator.scenario import Scenario

__all__ = ["SCENARIOS", "Experiment"]

SCENARIOS = Path(__file__).parent / "scenarios"


class Experiment(Value):
    """What every question has: words for it, a scenario to start from, changes laid over it."""

    name: Text
    question: str = ""
    varied: str = ""
    held: str = ""
    found: str = ""
    """What came out, with numbers and the date."""
    base: Path
    """Scenario file, from the folder of this file; or the name of one on the shelf."""
    set: dict[str, Any] = Field(default_factory=dict)
    """Values by dotted path, laid over the base for every run."""

    @classmethod
    def from_file(cls, path: Path | str, overrides: Mapping[str, Any] | None = None) -> Self:
        """Read a YAML file; `overrides`, by dotted path of the scenario, come after its `set`.

        Raises
        ------
        InputError
            One line: file, line and key, what was found, what would have gone right.
        """
        path = Path(path)
        data = load_yaml(path)
        data.setdefault("name", path.stem)
        if isinstance(data.get("base"), str):
            data["base"] = str(_find(data["base"], path.parent))
        changes = data.get("set")
        if overrides and (changes is None or isinstance(changes, dict)):
            data["set"] = {**(changes or {}), **overrides}
        _anchor(data, path.parent)
        return cls.parse(data)

    @field_validator("base", mode="after")
    @classmethod
    def _known_base(cls, base: Path) -> Path:
        return _find(str(base), Path())

    def scenario(self, changes: Mapping[str, Any] | None = None) -> Scenario:
        """The base, with `set` and further changes laid over it."""
        # A copy, because laying a change below another changes that one.
        return Scenario.from_file(self.base, deepcopy({**self.set, **(changes or {})}), LAID_BY)


def _find(base: str, folder: Path) -> Path:
    """A scenario file by its path from `folder`, or by its name on the shelf."""
    path = folder / base
    named = SCENARIOS / f"{base}.yaml"
    if path.is_file() or not named.is_file():
        if path.suffix not in (".yaml", ".yml") and not path.exists():
            names = [entry.stem for entry in SCENARIOS.glob("*.yaml")]
            raise InputError(f"base: no scenario is called {base!r}; {did_you_mean(base, names)}")
        return path.resolve()
    return named


def _anchor(data: dict[str, Any], folder: Path) -> None:
    """Make paths of traces, given in this file, start from its folder."""
    axes = data.get("axes")
    places = [data.get("set"), *([axes] if isinstance(axes, dict) else axes or [])]
    for place in places:
        if not isinstance(place, dict):
            continue
        for key, value in place.items():
            listed = isinstance(value, list)
            anchored = [_absolute(key, one, folder) for one in (value if listed else [value])]
            place[key] = anchored if listed else anchored[0]


def _absolute(key: str, value: Any, folder: Path) -> Any:
    if key == "traffic.path" and isinstance(value, str):
        return str((folder / value).resolve())
    if key == "traffic" and isinstance(value, dict) and isinstance(value.get("path"), str):
        value["path"] = str((folder / value["path"]).resolve())
    return value
