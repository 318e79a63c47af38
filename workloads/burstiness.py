"""How even arrivals are: dispersion of counts and gaps at several scales, and a verdict.

For a Poisson process every index here is 1. The index of dispersion for counts is the variance of
the number of arrivals in a window over its mean; the one for intervals is that of k gaps together,
k var / mean² of one (Cox and Lewis, *The Statistical Analysis of Series of Events*, 1966, ch. 4).
"""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workloads.process import Seconds

__all__ = ["Arrivals", "Verdict"]

SCALES_S = (1, 10, 60, 600, 3600)
GAPS_TOGETHER = (1, 10, 100, 1000)
LAGS = (1, 2, 5, 10, 30, 60)
LOCAL_S = 600
"""Within a stretch of this length the rate is taken to be steady, whatever it does in a day."""
MIN_WINDOWS = 5
"""Fewer windows than this say nothing of a variance."""
EVEN, BURSTY, DRIFTING, PEAKED, BATCHED = 0.75, 1.25, 5.0, 2.0, 0.2


class Verdict(NamedTuple):
    """What to call the arrivals, and why."""

    word: str
    """``even``, ``steady``, ``drifting``, ``bursty`` or ``batched``."""
    reason: str


@dataclass
class Arrivals:
    """Counts and gaps of arrivals, taken in piece by piece; a week takes a few megabytes."""

    per_second: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    """Arrivals in each second from 0 on."""
    local: dict[int, NDArray[np.float64]] = field(default_factory=dict)
    """Number, sum and sum of squares of the gaps that end in each stretch of `LOCAL_S`."""
    blocks: dict[int, NDArray[np.float64]] = field(default_factory=dict)
    """Number, sum and sum of squares of so many gaps together."""
    same_instant: int = 0
    """Requests that arrive at the very instant of the one before."""
    first_s: float = np.nan
    last_s: float = np.nan
    _open: dict[int, Seconds] = field(default_factory=dict)
    _products: NDArray[np.float64] = field(default_factory=lambda: np.zeros(2))
    _gap: float = np.nan

    def add(self, arrival_s: Seconds) -> None:
        """Take in arrivals that come after all before. [s]"""
        if not len(arrival_s):
            return
        seconds = np.bincount(arrival_s.astype(np.int64), minlength=len(self.per_second))
        seconds[: len(self.per_second)] += self.per_second
        self.per_second = seconds
        if np.isnan(self.first_s):
            self.first_s = self.last_s = float(arrival_s[0])
            gaps, ends = np.diff(arrival_s), arrival_s[1:]
        else:
            gaps, ends = np.diff(arrival_s, prepend=self.last_s), arrival_s
        self.last_s = float(arrival_s[-1])
        self.same_instant += int((gaps == 0).sum())
        self._add_local(gaps, ends)
        self._add_blocks(gaps)
        if len(gaps):
            pairs = gaps if np.isnan(self._gap) else np.concatenate(([self._gap], gaps))
            self._products += [float((pairs[1:] * pairs[:-1]).sum()), len(pairs) - 1]
            self._gap = float(gaps[-1])

    def _add_local(self, gaps: Seconds, ends: Seconds) -> None:
        stretch = (ends // LOCAL_S).astype(np.int64)
        if not len(stretch):
            return
        first = int(stretch[0])
        sums = [np.bincount(stretch - first, weights=gaps**power) for power in (0, 1, 2)]
        for place, row in enumerate(np.stack(sums, axis=1)):
            if row[0]:
                old = self.local.get(first + place, np.zeros(3))
                self.local[first + place] = old + row

    def _add_blocks(self, gaps: Seconds) -> None:
        for size in GAPS_TOGETHER:
            waiting = np.concatenate((self._open.get(size, np.zeros(0)), gaps))
            whole = len(waiting) // size * size
            sums = waiting[:whole].reshape(-1, size).sum(axis=1)
            old = self.blocks.get(size, np.zeros(3))
            new = np.array([len(sums), sums.sum(), (sums**2).sum()], dtype=np.float64)
            self.blocks[size] = old + new
            self._open[size] = waiting[whole:]

    def counts(self, window_s: int) -> NDArray[np.int64]:
        """Arrivals in each whole window. A last one that is cut short is left out."""
        whole = len(self.per_second) // window_s * window_s
        return np.asarray(self.per_second[:whole].reshape(-1, window_s).sum(axis=1))

    def gap_cv(self) -> float:
        """Coefficient of variation of all gaps."""
        return float(np.sqrt(_index(self.blocks.get(1, np.zeros(3)), 1)))

    def local_gap_cv(self) -> float:
        """Median over stretches of ten minutes of the coefficient of variation within each.

        A rate that drifts through the day does not move it, bursts do.
        """
        values = [np.sqrt(_index(row, 1)) for row in self.local.values() if row[0] >= 20]
        return float(np.median(values)) if values else self.gap_cv()

    def gap_autocorrelation(self) -> float:
        """Correlation of a gap with the next."""
        number, total, squares = self.blocks.get(1, np.zeros(3))
        products, pairs = self._products
        if pairs < 2:
            return float("nan")
        mean = total / number
        variance = squares / number - mean**2
        return float((products / pairs - mean**2) / variance) if variance > 0 else float("nan")

    def dispersion(self) -> pd.DataFrame:
        """Index of dispersion for counts by window: columns window_s, windows, mean, dispersion."""
        rows = []
        for window in SCALES_S:
            counts = self.counts(window)
            enough = len(counts) >= MIN_WINDOWS and counts.mean() > 0
            index = counts.var(ddof=1) / counts.mean() if enough else np.nan
            rows.append((window, len(counts), counts.mean() if len(counts) else np.nan, index))
        names = ["window_s", "windows", "requests_per_window", "dispersion"]
        return pd.DataFrame(rows, columns=names)

    def gap_dispersion(self) -> pd.DataFrame:
        """Index of dispersion for intervals: columns gaps_together, cv, dispersion."""
        rows = []
        for size in GAPS_TOGETHER:
            row = self.blocks.get(size, np.zeros(3))
            index = _index(row, size) if row[0] >= MIN_WINDOWS else np.nan
            rows.append((size, np.sqrt(index / size), index))
        return pd.DataFrame(rows, columns=["gaps_together", "cv", "dispersion"])

    def autocorrelation(self) -> pd.DataFrame:
        """Correlation of the counts of seconds and minutes with later ones."""
        rows = [
            (lag, _correlation(self.per_second, lag), _correlation(self.counts(60), lag))
            for lag in LAGS
        ]
        return pd.DataFrame(rows, columns=["lag", "of_seconds", "of_minutes"])

    def verdict(self) -> Verdict:
        """Steady or bursty, and the number that says so."""
        local = self.local_gap_cv()
        table = self.dispersion().set_index("window_s").dispersion
        minutes = self.counts(60)
        peak = minutes.max() / minutes.mean() if len(minutes) >= MIN_WINDOWS else np.nan
        together = self.same_instant / max(int(self.per_second.sum()) - 1, 1)
        if together >= BATCHED:
            return Verdict(
                "batched",
                f"{together:.0%} of requests come at the very instant of the one before: the "
                f"trace's clock ticks slowly or clients send batches; over minutes counts are "
                f"{table[60]:.1f} times as dispersed as Poisson",
            )
        if local >= BURSTY:
            return Verdict(
                "bursty",
                f"within ten minutes gaps have a cv of {local:.2f}; independent users give 1",
            )
        if local <= EVEN:
            return Verdict(
                "even", f"within ten minutes gaps have a cv of {local:.2f}: something paces them"
            )
        if table[60] >= DRIFTING or peak >= PEAKED:
            return Verdict(
                "drifting",
                f"from one request to the next it looks Poisson (cv {local:.2f}), but the rate "
                f"moves: the busiest minute has {peak:.2f} times the mean, and counts of minutes "
                f"are {table[60]:.1f} times as dispersed as Poisson",
            )
        return Verdict(
            "steady", f"gaps have a cv of {local:.2f} and no minute stands out (peak {peak:.2f})"
        )


def _index(row: NDArray[np.float64], size: int) -> float:
    """Variance over squared mean of a sum of `size` gaps, times `size`."""
    number, total, squares = row
    if number < 2 or total <= 0:
        return float("nan")
    mean = total / number
    return float(max(squares / number - mean**2, 0.0) / mean**2 * size)


def _correlation(counts: NDArray[np.int64], lag: int) -> float:
    if len(counts) < lag + 10:
        return float("nan")
    centred = counts - counts.mean()
    power = float((centred**2).sum())
    return float((centred[lag:] * centred[:-lag]).sum() / power) if power > 0 else float("nan")
