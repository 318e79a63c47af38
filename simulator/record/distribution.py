"""A distribution in a few numbers: mean and percentiles, of values that may carry weights."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["PERCENTILES", "Distribution", "describe", "quantiles"]

PERCENTILES = (0.50, 0.90, 0.95, 0.99)


class Distribution(NamedTuple):
    """Mean and percentiles of `n` values, in their unit; NaN when there are none."""

    n: int
    mean: float
    p50: float
    p90: float
    p95: float
    p99: float
    max: float


def describe(values: ArrayLike, weights: ArrayLike | None = None) -> Distribution:
    """Distribution of `values`, each counted `weights` times; NaN values are left out.

    Parameters
    ----------
    values : shape (n,), any unit.
    weights : whole numbers, shape (n,); once each if not given.

    >>> describe([1.0, 2.0, 4.0]).p50
    2.0
    >>> describe([1.0, 3.0], weights=[3, 1]).mean
    1.5
    """
    x = np.asarray(values, dtype=np.float64)
    w = np.ones(x.shape, np.int64) if weights is None else np.asarray(weights, dtype=np.int64)
    kept = ~np.isnan(x) & (w > 0)
    x, w = x[kept], w[kept]
    total = int(w.sum())
    if total == 0:
        nan = float("nan")
        return Distribution(0, nan, nan, nan, nan, nan, nan)
    p50, p90, p95, p99 = quantiles(x, w, PERCENTILES).tolist()
    return Distribution(total, float(np.average(x, weights=w)), p50, p90, p95, p99, float(x.max()))


def quantiles(
    values: NDArray[np.float64], weights: NDArray[np.int64], probabilities: ArrayLike
) -> NDArray[np.float64]:
    """Quantiles of the sample in which ``values[i]`` stands ``weights[i]`` times, unexpanded.

    Linear between neighbours, as `numpy.quantile` of ``numpy.repeat(values, weights)``.

    >>> quantiles(np.array([1.0, 2.0]), np.array([1, 3]), [0.0, 0.25, 1.0]).tolist()
    [1.0, 1.75, 2.0]
    """
    order = np.argsort(values)
    x, upto = values[order], np.cumsum(weights[order])
    place = np.asarray(probabilities, dtype=np.float64) * (upto[-1] - 1)
    low = np.floor(place)
    below = x[np.searchsorted(upto, low, side="right")]
    above = x[np.searchsorted(upto, np.ceil(place), side="right")]
    result: NDArray[np.float64] = below + (above - below) * (place - low)
    return result
