"""How sure: intervals on what was simulated, and differences that may be chance.

Runs of one scenario with different seeds are independent; requests within a run are not, since one
that waits makes the next one wait. So intervals come from whole runs (`mean_interval`) or from long
batches of one run (`batch_means`, `batch_quantile`); `quantile_interval` is for independent values.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

__all__ = [
    "LEVEL",
    "Difference",
    "Interval",
    "batch_means",
    "batch_quantile",
    "mean_interval",
    "paired_difference",
    "quantile_interval",
]

LEVEL = 0.95
"""Level of confidence where none is asked for."""
BATCHES = 20
"""Between the 10 and 30 that Schmeiser, Operations Research 30 (1982) 556-568, finds enough."""

Floats = NDArray[np.float64]


class Interval(NamedTuple):
    """An estimate with its confidence interval; unbounded where there is too little to say."""

    estimate: float
    low: float
    high: float
    n: int
    """Independent values it rests on: runs, batches, observations."""
    level: float

    @property
    def half_width(self) -> float:
        """Half of the interval's width, in the unit of the estimate."""
        return (self.high - self.low) / 2

    def holds(self, value: float) -> bool:
        """Whether `value` lies in the interval."""
        return self.low <= value <= self.high


class Difference(NamedTuple):
    """What one thing is more than another, as far as it can be told from chance."""

    interval: Interval

    @property
    def shown(self) -> bool:
        """Whether the interval leaves zero out."""
        return not (math.isnan(self.interval.estimate) or self.interval.holds(0.0))

    def __str__(self) -> str:
        if not self.shown:
            return "no difference shown"
        e, low, high = self.interval[:3]
        word = "more" if e > 0 else "less"
        low, high = sorted((abs(low), abs(high)))
        return f"{word} by {_plain(abs(e))} ({_plain(low)} to {_plain(high)})"


def mean_interval(values: ArrayLike, level: float = LEVEL) -> Interval:
    r"""Student's interval on the mean, $\bar x \pm t_{n-1,(1+p)/2}\, s / \sqrt n$.

    It is exact for normal values. Means of long runs are nearly so; those of short runs of a queue
    are skewed and begin empty, and then it holds the truth less often. Of an M/M/1 at load 0.8,
    runs of 3,000 requests are long enough; at 0.9 ten of 6,000 hold it 91 times in a hundred.

    Parameters
    ----------
    values : independent, shape (n,): one number a replication. If one is NaN, nothing can be said.
    level : of confidence, between 0 and 1.

    Raises
    ------
    ValueError
        If there are no values, or the level is not between 0 and 1.

    >>> found = mean_interval([1.0, 2.0, 3.0])
    >>> round(found.estimate, 3), round(found.half_width, 3)
    (2.0, 2.484)
    """
    x = _checked(values, level)
    return _student(float(x.mean()), x, level)


def quantile_interval(values: ArrayLike, q: float, level: float = LEVEL) -> Interval:
    """Interval on a quantile of *independent* values, from their order alone.

    Unbounded on a side on which there are too few values (the p99 of a hundred has no upper end).
    Source: `scipy.stats.quantile_test`; Conover, Practical Nonparametric Statistics (1999), 3.2.

    >>> found = quantile_interval(range(1001), 0.5)
    >>> found.estimate, found.low < 500 < found.high
    (500.0, True)
    """
    x = _checked(values, level)
    _check_share("q", q)
    if np.isnan(x).any():
        return Interval(math.nan, math.nan, math.nan, len(x), level)
    estimate = float(np.quantile(x, q))
    found: Any = stats.quantile_test(x, q=estimate, p=q).confidence_interval(level)
    low, high = float(found.low), float(found.high)
    low, high = -math.inf if math.isnan(low) else low, math.inf if math.isnan(high) else high
    return Interval(estimate, low, high, len(x), level)


def batch_means(values: ArrayLike, batches: int = BATCHES, level: float = LEVEL) -> Interval:
    """Interval on the long-run mean from one run, cut into batches too long to know one another.

    Parameters
    ----------
    values : in order of time, warm-up removed, shape (n,); what does not fill a batch is left out
        at the beginning.

    Raises
    ------
    ValueError
        If there are fewer than two values a batch.
    """
    x = _batched(values, batches, level)
    return _student(float(x.mean()), x.mean(axis=1), level)


def batch_quantile(
    values: ArrayLike, q: float, batches: int = BATCHES, level: float = LEVEL
) -> Interval:
    r"""Interval on a quantile from one run: that of the whole run, give or take what batches do.

    Sectioning: $\hat q \pm t_{b-1} \sqrt{\sum_i (\hat q_i - \hat q)^2 / (b - 1) / b}$ with
    $\hat q_i$ of each batch and $\hat q$ of all; centred on the latter because it is less biased.
    Source: Asmussen and Glynn, Stochastic Simulation (2007), III.5a.

    Raises
    ------
    ValueError
        If a batch has fewer than ten values beyond the quantile: use fewer batches, a longer run or
        replications.
    """
    _check_share("q", q)
    x = _batched(values, batches, level)
    beyond = x.shape[1] * min(q, 1 - q)
    if beyond < 10:
        raise ValueError(
            f"expected 10 values beyond the quantile in each batch, found {beyond:.1f} "
            f"({batches} batches of {x.shape[1]} values, q = {q:g})"
        )
    return _student(float(np.quantile(x, q)), np.quantile(x, q, axis=1), level)


def paired_difference(first: ArrayLike, second: ArrayLike, level: float = LEVEL) -> Difference:
    """How much more `second` is than `first`, run by run with common random numbers.

    Parameters
    ----------
    first, second : shape (n,): the same metric of two scenarios, entry i of both with the same
        seed, so that what the traffic did by chance is in both and cancels.

    Raises
    ------
    ValueError
        If they are not of one length.

    >>> str(paired_difference([1.0, 2.0, 3.0], [1.1, 1.9, 3.0]))
    'no difference shown'
    >>> str(paired_difference([1.0, 2.0, 3.0], [2.0, 3.1, 4.0]))
    'more by 1.033 (0.8899 to 1.177)'
    """
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if a.shape != b.shape:
        raise ValueError(f"expected as many values of each, found {a.size} and {b.size}")
    return Difference(mean_interval(b - a, level))


def _plain(value: float) -> str:
    """Four digits that count, without an exponent.

    >>> _plain(10154.2), _plain(0.0012344)
    ('10,150', '0.001234')
    """
    return f"{float(f'{value:.4g}'):,.10g}"


def _student(centre: float, values: Floats, level: float) -> Interval:
    """Interval about `centre` as wide as the spread of independent values about it allows."""
    n = len(values)
    if math.isnan(centre) or np.isnan(values).any():
        return Interval(math.nan, math.nan, math.nan, n, level)
    if n == 1:
        return Interval(centre, -math.inf, math.inf, n, level)
    spread = math.sqrt(float(np.sum((values - centre) ** 2)) / (n - 1) / n)
    half = float(stats.t.ppf((1 + level) / 2, n - 1)) * spread
    return Interval(centre, centre - half, centre + half, n, level)


def _batched(values: ArrayLike, batches: int, level: float) -> Floats:
    x = _checked(values, level)
    if batches < 2 or len(x) < 2 * batches:
        raise ValueError(
            f"expected two batches or more of two values or more, found {batches} batches of "
            f"{len(x)} values"
        )
    return x[len(x) % batches :].reshape(batches, -1)


def _checked(values: ArrayLike, level: float) -> Floats:
    x = np.asarray(values, dtype=np.float64)
    if x.ndim != 1 or not len(x):
        raise ValueError(f"expected one number or more in a row, found shape {x.shape}")
    if np.isinf(x).any():
        raise ValueError("expected finite numbers, found an infinite one")
    _check_share("level", level)
    return x


def _check_share(name: str, value: float) -> None:
    if not 0 < value < 1:
        raise ValueError(f"{name}: expected a number between 0 and 1, found {value}")
