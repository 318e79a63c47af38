"""The points of a study: values of its axes, zipped within an axis and crossed between axes."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from itertools import product
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from pydantic import BeforeValidator

from experiments.labels import shown
from experiments.offers import cheapest
from hardware_profiles.errors import InputError
from hardware_profiles.gpu import GPU
from hardware_profiles.offer import Mode
from simulator.scenario import Scenario

__all__ = ["LAID_BY", "Axes", "Axis", "Point", "make_point", "points", "resolve"]

Axis = dict[str, tuple[Any, ...]]
"""Values by dotted path of the scenario; several paths move together, value by value."""


def _crossed(axes: Any) -> Any:
    """A mapping is so many axes of one path each; a list holds axes."""
    if isinstance(axes, Mapping):
        axes = [{path: values} for path, values in axes.items()]
    for axis in axes if isinstance(axes, list | tuple) else ():
        for path, values in axis.items() if isinstance(axis, Mapping) else ():
            if not isinstance(values, list | tuple):
                raise InputError(f"{path}: expected a list of values, found {values!r}")
    return axes


Axes = Annotated[tuple[Axis, ...], BeforeValidator(_crossed)]
"""Axes are crossed, the last moves fastest; a mapping is so many axes of one path each."""

LAID_BY = "set"
"""What lays a value over the base: a key of the question's file, and an option of its command."""
MOST_POINTS = 20_000
"""More is taken for a slip of the pen."""


class Point(NamedTuple):
    """One combination of values, and the scenario it makes."""

    values: dict[str, Any]
    scenario: Scenario | None
    error: str = ""
    """Why there is no such scenario."""


def points(axes: Sequence[Axis]) -> list[dict[str, Any]]:
    """Every combination of the axes, the last moving fastest.

    Raises
    ------
    InputError
        If zipped lists differ in length, one is empty, a path or a value comes twice, or there
        are too many.

    >>> points([{"replicas": (1, 2)}, {"gpu": ("l4", "l40s"), "offer": ("a", "b")}])[1]
    {'replicas': 1, 'gpu': 'l40s', 'offer': 'b'}
    """
    seen: set[str] = set()
    for axis in axes:
        _check_axis(axis, seen)
    number = math.prod(len(next(iter(axis.values()))) for axis in axes)
    if number > MOST_POINTS:
        raise InputError(f"axes: {number:,} points are too many; expected {MOST_POINTS:,} or fewer")
    return [
        {k: v for step in steps for k, v in step.items()} for steps in product(*map(_zipped, axes))
    ]


def resolve(
    base: Path,
    changes: Mapping[str, Any],
    axes: Sequence[Axis],
    modes: Sequence[Mode] = ("on_demand",),
) -> list[Point]:
    """The scenario of each point, or why there is none.

    A combination that cannot be is a point with an error; a value that cannot be in any
    combination is a mistake. Where the GPU is varied and the offer is not, each GPU has the
    cheapest offer of those `modes`.

    Raises
    ------
    InputError
        If the base is wrong, or a value of an axis is wrong wherever it is used.
    """
    Scenario.from_file(base, deepcopy(dict(changes)), LAID_BY)
    found = [make_point(base, changes, values, modes) for values in points(axes)]
    for axis in axes:
        good = {_key(p.values, axis) for p in found if p.scenario is not None}
        for point in found:
            if _key(point.values, axis) not in good:
                told = _without_place(point.error, base, axis)
                raise InputError(f"axes: {_told(point.values, axis)}: {told}")
    return found


def make_point(
    base: Path, changes: Mapping[str, Any], values: dict[str, Any], modes: Sequence[Mode]
) -> Point:
    """The scenario with changes and values laid over the base, or why there is none."""
    laid = deepcopy({**changes, **values})
    try:
        if "gpu" in values and "offer" not in laid:
            laid["offer"] = cheapest(GPU.parse(values["gpu"]), modes).name
        return Point(values, Scenario.from_file(base, laid, LAID_BY))
    except InputError as error:
        return Point(values, None, str(error))


def _zipped(axis: Axis) -> Iterator[dict[str, Any]]:
    """Values that move together, one step after the other."""
    return (dict(zip(axis, step, strict=True)) for step in zip(*axis.values(), strict=True))


def _check_axis(axis: Axis, seen: set[str]) -> None:
    if not axis:
        raise InputError("axes: an axis has no path; expected {path: [values]}")
    for path, values in axis.items():
        if path == "seed":
            raise InputError("axes: seed: replications have the seeds, ask for more of those")
        if path in seen or not all(path.split(".")):
            what = "is varied twice" if path in seen else "is no path such as engine.max_num_seqs"
            raise InputError(f"axes: {path!r} {what}")
        seen.add(path)
        if not values:
            raise InputError(f"axes: {path}: expected values, found none")
    lengths = {path: len(values) for path, values in axis.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{path} has {length}" for path, length in lengths.items())
        raise InputError(f"axes: zipped lists must be of one length; {told}")
    keys: set[str] = set()
    for step in _zipped(axis):
        if (key := _key(step, axis)) in keys:
            raise InputError(f"axes: {_told(step, axis)} is given twice")
        keys.add(key)


def _key(values: Mapping[str, Any], axis: Axis) -> str:
    """The values of one axis as a text that tells them apart: ``true`` is not 1."""
    return json.dumps([values[path] for path in axis], sort_keys=True, default=str)


def _told(values: Mapping[str, Any], axis: Axis) -> str:
    return ", ".join(f"{path} = {shown(values[path])}" for path in axis)


def _without_place(message: str, base: Path, axis: Axis) -> str:
    """The message without the place of the mistake, where that is known to be the axis."""
    place, _, rest = message.partition(": ")
    laid = any(place.endswith(f"{LAID_BY} {path}") for path in axis)
    return rest if rest and (laid or place.startswith(str(base))) else message
