"""Shapes of length distributions: fixed, uniform, lognormal, Zipf; each knows its own mean."""

from math import erf, exp, log, log1p, sqrt
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from pydantic import Field, model_validator

from hardware_profiles.errors import InputError
from hardware_profiles.value import Value
from workloads.columns import MAX_TOKENS
from workloads.segments import Ints

__all__ = ["Fixed", "LengthDistribution", "Lognormal", "Positive", "Tokens", "Uniform", "Zipf"]

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


class Zipf(LengthDistribution):
    """Few lengths very often, most hardly ever: chance of n in proportion to n ** -exponent."""

    kind: Literal["zipf"] = "zipf"
    exponent: Annotated[float, Field(ge=0, le=10)]
    min: Tokens = 1
    max: Annotated[int, Field(ge=1, le=10_000_000)]

    @model_validator(mode="after")
    def _ordered(self) -> "Zipf":
        _in_order(self.min, self.max)
        return self

    def _chances(self) -> tuple[Ints, NDArray[np.float64]]:
        lengths = np.arange(self.min, self.max + 1)
        weight = (lengths / self.min) ** -self.exponent
        return lengths, weight / weight.sum()

    def sample(self, rng: Generator, number: int, base_dir: Path = Path()) -> Ints:
        lengths, chance = self._chances()
        return np.asarray(lengths[np.searchsorted(np.cumsum(chance)[:-1], rng.random(number))])

    def mean_tokens(self, base_dir: Path = Path()) -> float:
        lengths, chance = self._chances()
        return float(lengths @ chance)


def _normal(z: float) -> float:
    """Standard normal distribution function."""
    return (1 + erf(z / sqrt(2))) / 2


def _in_order(low: int, high: int) -> None:
    if low > high:
        raise InputError(f"expected min not above max, found {low} and {high}")
