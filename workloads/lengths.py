"""How much a request asks for: distributions of token counts that know their own mean."""

from math import erf, exp, log, log1p, sqrt
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.random import Generator
from pydantic import BeforeValidator, Field, model_validator

from hardware_profiles.errors import InputError
from hardware_profiles.value import Value
from workloads.columns import MAX_TOKENS
from workloads.segments import Ints

__all__ = ["Empirical", "Fixed", "LengthDistribution", "Lengths", "Lognormal", "Uniform"]

Tokens = Annotated[int, Field(ge=1, lt=MAX_TOKENS)]
Positive = Annotated[float, Field(gt=0)]


class LengthDistribution(Value):
    """A distribution of whole numbers of at least 1."""

    def sample(self, rng: Generator, number: int, base_dir: Path = Path()) -> Ints:
        """`number` lengths; files are looked for from `base_dir`."""
        raise NotImplementedError

    def mean_tokens(self, base_dir: Path = Path()) -> float:
        """Mean length. [tokens]"""
        raise NotImplementedError


class Fixed(LengthDistribution):
    """Always the same; a bare number in YAML means this."""

    kind: Literal["fixed"] = "fixed"
    tokens: Tokens

    def sample(self, rng: Generator, number: int, base_dir: Path = Path()) -> Ints:
        return np.full(number, self.tokens, dtype=np.int64)

    def mean_tokens(self, base_dir: Path = Path()) -> float:
        return float(self.tokens)


class Uniform(LengthDistribution):
    """Every length from `min` to `max`, both included, equally often."""

    kind: Literal["uniform"] = "uniform"
    min: Tokens = 1
    max: Tokens

    @model_validator(mode="after")
    def _ordered(self) -> "Uniform":
        _in_order(self.min, self.max)
        return self

    def sample(self, rng: Generator, number: int, base_dir: Path = Path()) -> Ints:
        return rng.integers(self.min, self.max, number, endpoint=True)

    def mean_tokens(self, base_dir: Path = Path()) -> float:
        return (self.min + self.max) / 2


class Lognormal(LengthDistribution):
    """Many short, few very long. Give `mean` with `cv`, or `median` with `sigma`.

    These describe the distribution before values are rounded and moved into ``[min, max]``.
    """

    kind: Literal["lognormal"] = "lognormal"
    mean: Positive | None = None
    cv: Positive | None = None
    """Standard deviation over mean."""
    median: Positive | None = None
    sigma: Positive | None = None
    """Standard deviation of the logarithm."""
    min: Tokens = 1
    max: Tokens = MAX_TOKENS - 1

    @model_validator(mode="after")
    def _one_pair(self) -> "Lognormal":
        by_mean = (self.mean is not None, self.cv is not None)
        by_median = (self.median is not None, self.sigma is not None)
        if {by_mean, by_median} != {(True, True), (False, False)}:
            raise InputError("lognormal: give mean and cv, or median and sigma")
        _in_order(self.min, self.max)
        return self

    def parameters(self) -> tuple[float, float]:
        r"""$\mu, \sigma$ of the logarithm: $\sigma^2 = \ln(1 + cv^2)$, $\mu = \ln m - \sigma^2/2$.

        >>> mu, sigma = Lognormal(mean=1000, cv=1).parameters()
        >>> round(mu, 4), round(sigma, 4)
        (6.5612, 0.8326)
        """
        if self.median is not None and self.sigma is not None:
            return log(self.median), self.sigma
        assert self.mean is not None
        assert self.cv is not None
        variance = log1p(self.cv**2)
        return log(self.mean) - variance / 2, sqrt(variance)

    def sample(self, rng: Generator, number: int, base_dir: Path = Path()) -> Ints:
        mu, sigma = self.parameters()
        drawn = np.exp(mu + sigma * rng.standard_normal(number))
        return np.asarray(np.rint(np.clip(drawn, self.min, self.max)), dtype=np.int64)

    def mean_tokens(self, base_dir: Path = Path()) -> float:
        r"""Mean after moving into $[a, b]$, before rounding: with $z_x = (\ln x - \mu)/\sigma$,

        $a\Phi(z_a) + e^{\mu+\sigma^2/2}(\Phi(z_b-\sigma) - \Phi(z_a-\sigma)) + b(1-\Phi(z_b))$.
        """
        mu, sigma = self.parameters()
        low, high = (log(self.min) - mu) / sigma, (log(self.max) - mu) / sigma
        middle = exp(mu + sigma**2 / 2) * (_normal(high - sigma) - _normal(low - sigma))
        return self.min * _normal(low) + middle + self.max * _normal(-high)


class Empirical(LengthDistribution):
    """Lengths that were seen, drawn again: written out, or one a line in a file.

    A line of the file is ``tokens`` or ``tokens,weight``.
    """

    kind: Literal["empirical"] = "empirical"
    values: tuple[Tokens, ...] = ()
    weights: tuple[Annotated[float, Field(ge=0)], ...] = ()
    """How often each is drawn, up to a factor; equally often when not given."""
    path: Path | None = None

    @model_validator(mode="after")
    def _one_source(self) -> "Empirical":
        if bool(self.values) == (self.path is not None):
            raise InputError("empirical: give either values or path")
        _check_weights(self.values, self.weights, "empirical")
        return self

    def sample(self, rng: Generator, number: int, base_dir: Path = Path()) -> Ints:
        values, weights = self._table(base_dir)
        return np.asarray(rng.choice(values, number, p=weights))

    def mean_tokens(self, base_dir: Path = Path()) -> float:
        values, weights = self._table(base_dir)
        return float(values @ weights)

    def _table(self, base_dir: Path) -> tuple[Ints, np.ndarray[Any, np.dtype[np.float64]]]:
        values, weights = self.values, self.weights
        if self.path is not None:
            values, weights = _read_table(base_dir / self.path)
        chance = np.array(weights or [1.0] * len(values), dtype=np.float64)
        return np.array(values, dtype=np.int64), chance / chance.sum()


def _normal(z: float) -> float:
    """Standard normal distribution function."""
    return (1 + erf(z / sqrt(2))) / 2


def _in_order(low: int, high: int) -> None:
    if low > high:
        raise InputError(f"expected min not above max, found {low} and {high}")


def _check_weights(values: tuple[int, ...], weights: tuple[float, ...], where: str) -> None:
    if weights and len(weights) != len(values):
        raise InputError(f"{where}: expected {len(values)} weights, found {len(weights)}")
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
    _check_weights(tuple(values), tuple(weights), str(path))
    return tuple(values), tuple(weights)


def _bare_number(data: Any) -> Any:
    if isinstance(data, int) and not isinstance(data, bool):
        return {"kind": "fixed", "tokens": data}
    return data


Lengths = Annotated[
    Annotated[Fixed | Uniform | Lognormal | Empirical, Field(discriminator="kind")],
    BeforeValidator(_bare_number),
]
