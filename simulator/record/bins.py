"""Table `timeline` of a run whose length is not known: bins that grow when they get too many."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simulator.record.chapter import Chapter
from simulator.record.result import Result
from simulator.record.tables import empty
from simulator.record.timeline import from_totals, queues, totals

__all__ = ["Bins"]

Floats = NDArray[np.float64]
MOST = 720


class Bins:
    """What was done in each bin of time, added up chapter by chapter.

    Bins begin with a second and are doubled when there are more than `MOST`; as they are sums,
    nothing is lost by that but detail.
    """

    def __init__(self) -> None:
        self.width_s = 1.0
        self._sums: dict[str, Floats] = {}

    def add(self, chapter: Chapter) -> None:
        """Lay a chapter's work and its requests into the bins."""
        requests, worked = chapter.ended.requests, chapter.worked
        starts = (requests["arrival_s"], worked.steps["start_s"], worked.intervals["start_s"])
        ends = (requests["finish_s"], worked.steps["end_s"], worked.intervals["end_s"])
        first = min((float(column.min()) for column in starts if len(column)), default=np.nan)
        last = max((float(column.max()) for column in ends if len(column)), default=np.nan)
        if not (np.isfinite(first) and np.isfinite(last)):
            return
        while last >= self.width_s * MOST:
            self._double()
        low, high = int(first // self.width_s), int(last // self.width_s) + 1
        edges: Floats = np.arange(low, high + 1, dtype=np.float64) * self.width_s
        done = {**totals(worked, edges), **queues(chapter.ended, edges)}
        done.pop("held_s")
        for name, amount in done.items():
            whole = self._sums.get(name, np.zeros(0))
            whole = np.pad(whole, (0, max(high - len(whole), 0)))
            whole[low:high] += amount
            self._sums[name] = whole

    def _double(self) -> None:
        self.width_s *= 2
        self._sums = {name: _paired(amount) for name, amount in self._sums.items()}

    def table(self, fleet: Result) -> pd.DataFrame:
        """The table `timeline` of the run that ended as `fleet` says."""
        bins = int(np.ceil(fleet.horizon_s / self.width_s - 1e-9))
        if bins < 1 or not self._sums:
            return empty("timeline")
        edges = np.append(np.arange(bins) * self.width_s, fleet.horizon_s)
        held: Mapping[str, Floats] = {"held_s": totals(fleet, edges)["held_s"]}
        done = {name: _long(amount, bins) for name, amount in self._sums.items()}
        return from_totals({**done, **held}, edges)


def _paired(amount: Floats) -> Floats:
    even = np.pad(amount, (0, len(amount) % 2))
    pairs: Floats = even.reshape(-1, 2).sum(axis=1)
    return pairs


def _long(amount: Floats, bins: int) -> Floats:
    """So many bins; what lies beyond the last edge by rounding belongs to the last."""
    long = np.pad(amount, (0, max(bins - len(amount), 0)))
    long[bins - 1] = long[bins - 1 :].sum()
    return long[:bins]
