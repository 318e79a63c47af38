"""Arrivals whose gaps are independent: Poisson, constant, Gamma, Weibull."""

from functools import lru_cache
from math import exp, lgamma, sqrt
from typing import Annotated, Literal

import numpy as np
from numpy.random import Generator
from pydantic import Field

from workloads.process import Renewal, Seconds, unit_gaps

__all__ = ["Constant", "Gamma", "Poisson", "Weibull", "weibull_shape"]

CV = Annotated[float, Field(gt=0.01, le=30)]
"""Coefficient of variation of the gaps: standard deviation over mean."""


class Poisson(Renewal):
    """Many users who know nothing of one another."""

    kind: Literal["poisson"] = "poisson"

    def gap_cv(self) -> float:
        return 1.0

    def _unit_gaps(self, rng: Generator, number: int) -> Seconds:
        return rng.standard_exponential(number)


class Constant(Renewal):
    """A clock: one request every ``1 / rate_per_s`` seconds, the first at 0."""

    kind: Literal["constant"] = "constant"

    def gap_cv(self) -> float:
        return 0.0

    def _points(self, rng: Generator, number: int | None, horizon_s: float | None) -> Seconds:
        within = np.inf if horizon_s is None else np.ceil(horizon_s * self.rate_per_s)
        points: Seconds = np.arange(min(within, number or np.inf)) / self.rate_per_s
        return points if horizon_s is None else points[points < horizon_s]


class Gamma(Renewal):
    """Steadier (cv < 1) or burstier (cv > 1) than Poisson; `vllm bench` calls 1/cv² burstiness."""

    kind: Literal["gamma"] = "gamma"
    cv: CV

    def gap_cv(self) -> float:
        return self.cv

    def _unit_gaps(self, rng: Generator, number: int) -> Seconds:
        return unit_gaps(rng, number, self.cv)


class Weibull(Renewal):
    """Bursts with a heavier tail of silences than Gamma's, for the same cv."""

    kind: Literal["weibull"] = "weibull"
    cv: CV

    def gap_cv(self) -> float:
        return self.cv

    def _unit_gaps(self, rng: Generator, number: int) -> Seconds:
        shape = weibull_shape(self.cv)
        return rng.weibull(shape, number) / exp(lgamma(1 + 1 / shape))


@lru_cache(maxsize=64)
def weibull_shape(cv: float) -> float:
    r"""Shape $k$ of the Weibull distribution with $cv^2 + 1 = \Gamma(1+2/k) / \Gamma(1+1/k)^2$.

    cv : standard deviation over mean [1].

    >>> round(weibull_shape(1.0), 6), round(weibull_shape(2.0), 4)
    (1.0, 0.5427)
    """
    low, high = 0.05, 200.0
    for _ in range(200):
        middle = sqrt(low * high)
        spread = lgamma(1 + 2 / middle) - 2 * lgamma(1 + 1 / middle)
        low, high = (middle, high) if exp(spread) > cv**2 + 1 else (low, middle)
    return sqrt(low * high)
