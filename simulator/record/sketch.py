"""Percentiles of any number of values in a fixed memory, each right to within one part in 1,000."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simulator.record.distribution import PERCENTILES, Distribution

__all__ = ["RELATIVE_ERROR", "Sketch"]

RELATIVE_ERROR = 1e-3
"""Of a percentile, at most."""
LEAST, MOST = 1e-9, 1e9
"""What lies below the one counts as 0, what lies above the other as this. [s]"""
_LOG_GAMMA = float(np.log1p(RELATIVE_ERROR) - np.log1p(-RELATIVE_ERROR))
_BINS = int(np.ceil(np.log(MOST / LEAST) / _LOG_GAMMA)) + 2


class Sketch:
    """Counts in bins whose edges grow by a constant factor, as in DDSketch.

    Every value of a bin is within `RELATIVE_ERROR` of the bin's own value, so every percentile is;
    number, mean and greatest value are exact (Masson, Rim and Lee, *DDSketch*, VLDB 2019).

    >>> seen = Sketch()
    >>> seen.add([1.0, 2.0, 4.0])
    >>> seen.distribution().n, round(seen.distribution().p50, 2)
    (3, 2.0)
    """

    def __init__(self) -> None:
        self.counts: NDArray[np.int64] = np.zeros(_BINS, dtype=np.int64)
        """Bin 0 holds what is 0; bin i values around ``LEAST * gamma ** i``."""
        self.total = 0.0
        """Sum of the values."""
        self.most = -np.inf

    def add(self, values: ArrayLike, weights: ArrayLike | None = None) -> None:
        """Count values that are not negative, each `weights` times; NaN is left out.

        Weights are whole numbers; one below 0 takes back what was counted before.
        """
        x = np.asarray(values, dtype=np.float64)
        w = np.ones(x.shape, np.int64) if weights is None else np.asarray(weights, dtype=np.int64)
        kept = ~np.isnan(x) & (w != 0)
        x, w = x[kept], w[kept]
        if not len(x):
            return
        place = np.ceil(np.log(np.clip(x, LEAST, MOST) / LEAST) / _LOG_GAMMA).astype(np.int64)
        self.counts += np.bincount(place, weights=w, minlength=_BINS).astype(np.int64)
        self.total += float((x * w).sum())
        self.most = max(self.most, float(x[w > 0].max(initial=-np.inf)))

    @property
    def n(self) -> int:
        """How many values were counted."""
        return int(self.counts.sum())

    def quantiles(self, probabilities: ArrayLike) -> NDArray[np.float64]:
        """As `numpy.quantile`, linear between neighbours; NaN where there are no values."""
        wanted = np.asarray(probabilities, dtype=np.float64)
        upto = np.cumsum(self.counts)
        if not upto[-1]:
            return np.full(wanted.shape, np.nan)
        place = wanted * (upto[-1] - 1)
        low = np.floor(place)
        values = np.minimum(self.values(), self.most)
        below = values[np.searchsorted(upto, low, side="right")]
        above = values[np.searchsorted(upto, np.ceil(place), side="right")]
        found: NDArray[np.float64] = below + (above - below) * (place - low)
        return found

    def values(self) -> NDArray[np.float64]:
        """What each bin stands for: the number that is relatively as near to both of its edges."""
        upper = LEAST * np.exp(np.arange(_BINS) * _LOG_GAMMA)
        middle: NDArray[np.float64] = upper * (1 - RELATIVE_ERROR)
        middle[0] = 0.0
        return middle

    def distribution(self) -> Distribution:
        """Mean and percentiles."""
        number = self.n
        if not number:
            nan = float("nan")
            return Distribution(0, nan, nan, nan, nan, nan, nan)
        p50, p90, p95, p99 = self.quantiles(PERCENTILES).tolist()
        return Distribution(number, self.total / number, p50, p90, p95, p99, self.most)
