"""What a search may choose from: ranges and lists of values, by path of the scenario."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator

from hardware_profiles.errors import InputError
from hardware_profiles.value import Value

if TYPE_CHECKING:
    from optuna.trial import Trial

__all__ = ["Choice", "Range", "Space", "suggest"]


class Range(Value):
    """Numbers from `low` to `high`, both included; whole ones if both are whole."""

    low: int | float
    high: int | float
    log: bool = False
    """Spread evenly over orders of magnitude."""
    step: int | float | None = None
    """Only every so far from `low`."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.low < self.high:
            raise InputError(f"low ({self.low:g}) must be below high ({self.high:g})")
        if self.log and (self.low <= 0 or self.step is not None):
            raise InputError("log: needs low above 0, and no step")
        if self.step is not None and not 0 < self.step <= self.high - self.low:
            raise InputError(f"step: expected a number above 0 and within the range: {self.step:g}")
        return self

    @property
    def whole(self) -> bool:
        """Whether it holds whole numbers alone."""
        given = [self.low, self.high, *([] if self.step is None else [self.step])]
        return all(isinstance(number, int) for number in given)


class Choice(Value):
    """One of several values, which have no order."""

    values: Annotated[tuple[Any, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        told = [json.dumps(value, sort_keys=True, default=str) for value in self.values]
        if len(set(told)) < len(told):
            raise InputError("a value is given twice")
        return self


def _read(data: Any) -> Any:
    """A list is a choice, ``{low, high}`` a range."""
    if not isinstance(data, Mapping):
        return data
    if not data:
        raise InputError("expected {path: values}, found nothing")
    found: dict[str, Any] = {}
    for path, given in data.items():
        if not all(str(path).split(".")):
            raise InputError(f"{path!r} is no path such as engine.max_num_seqs")
        if path in ("seed", "offer"):
            raise InputError(f"{path}: is chosen here, and not searched")
        try:
            if isinstance(given, list | tuple):
                found[path] = Choice.parse({"values": given})
            elif isinstance(given, Mapping):
                found[path] = Range.parse(dict(given))
            elif isinstance(given, Range | Choice):
                found[path] = given
            else:
                raise InputError(f"expected a list of values, or low and high; found {given!r}")
        except InputError as error:
            raise InputError(f"{path}: {error}") from None
    return found


Space = Annotated[dict[str, Range | Choice], BeforeValidator(_read)]


def suggest(trial: Trial, space: Mapping[str, Range | Choice]) -> dict[str, Any]:
    """Values of one trial, by path."""
    return {path: _suggested(trial, path, one) for path, one in space.items()}


def _suggested(trial: Trial, path: str, one: Range | Choice) -> Any:
    if isinstance(one, Choice):
        # Values that are mappings are unknown to optuna, so it chooses their places.
        return one.values[trial.suggest_categorical(path, range(len(one.values)))]
    if one.whole:
        step = 1 if one.step is None else int(one.step)
        return trial.suggest_int(path, int(one.low), int(one.high), step=step, log=one.log)
    found = trial.suggest_float(path, one.low, one.high, step=one.step, log=one.log)
    return found if math.isfinite(found) else one.low
