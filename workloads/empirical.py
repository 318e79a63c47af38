"""Lengths that were seen, drawn again."""

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from pydantic import Field, model_validator

from hardware_profiles.errors import InputError
from workloads.columns import MAX_TOKENS
from workloads.length_shapes import LengthDistribution, Tokens
from workloads.segments import Ints

__all__ = ["Empirical", "Weights", "chances", "check_weights"]

Weights = tuple[Annotated[float, Field(ge=0)], ...]


class Empirical(LengthDistribution):
    """Lengths that were seen, drawn again: written out, or one a line in a file.

    A line of the file is ``tokens`` or ``tokens,weight``.
    """

    kind: Literal["empirical"] = "empirical"
    values: tuple[Tokens, ...] = ()
    weights: Weights = ()
    """How often each is drawn, up to a factor; equally often when not given."""
    path: Path | None = None

    @model_validator(mode="after")
    def _one_source(self) -> "Empirical":
        if bool(self.values) == (self.path is not None):
            raise InputError("empirical: give either values or path")
        check_weights(len(self.values), self.weights, "empirical")
        return self

    def sample(self, rng: Generator, number: int, base_dir: Path = Path()) -> Ints:
        values, weights = self._table(base_dir)
        return np.asarray(rng.choice(values, number, p=weights))

    def mean_tokens(self, base_dir: Path = Path()) -> float:
        values, weights = self._table(base_dir)
        return float(values @ weights)

    def _table(self, base_dir: Path) -> tuple[Ints, NDArray[np.float64]]:
        values, weights = self.values, self.weights
        if self.path is not None:
            values, weights = _read_table(base_dir / self.path)
        return np.array(values, dtype=np.int64), chances(weights, len(values))


def chances(weights: tuple[float, ...], number: int) -> NDArray[np.float64]:
    """Weights that add up to 1; equal ones where none are given."""
    chance = np.array(weights or [1.0] * number, dtype=np.float64)
    return np.asarray(chance / chance.sum())


def check_weights(number: int, weights: tuple[float, ...], where: str) -> None:
    """Raise `InputError` unless there are no weights, or one a value and some above 0."""
    if weights and len(weights) != number:
        raise InputError(f"{where}: expected {number} weights, found {len(weights)}")
    if weights and not sum(weights) > 0:
        raise InputError(f"{where}: expected a weight above 0")


def _read_table(path: Path) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Lengths and weights from a file of ``tokens[,weight]`` lines."""
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from None
    values, weights = [], []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        tokens, _, weight = line.partition(",")
        try:
            values.append(int(tokens))
            weights.append(float(weight or 1))
        except ValueError:
            raise InputError(
                f"{path}, line {number}: expected `tokens` or `tokens,weight`, found {line!r}"
            ) from None
        if not (1 <= values[-1] < MAX_TOKENS and 0 <= weights[-1] < float("inf")):
            raise InputError(
                f"{path}, line {number}: expected at least 1 token and a weight of at least 0, "
                f"found {line!r}"
            )
    if not values:
        raise InputError(f"{path}: holds no lengths; expected one a line")
    check_weights(len(values), tuple(weights), str(path))
    return tuple(values), tuple(weights)
