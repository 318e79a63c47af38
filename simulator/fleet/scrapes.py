"""What a monitoring system has seen of a run by each of its looks; nothing of what comes later."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hardware_profiles.errors import InputError
from simulator.fleet.alerts import Burn, Quantile, Rule
from simulator.fleet.incidents import faults
from simulator.record.metrics import meets_slo
from simulator.record.timeline import timeline

if TYPE_CHECKING:
    from simulator.record.result import Result

__all__ = ["MOST_LOOKS", "Scrapes"]

Floats = NDArray[np.float64]
MOST_LOOKS = 200_000


class Scrapes:
    """A run as it is scraped every so many seconds, and what rules come to at each scrape.

    Requests are counted when their client has what is measured: the first token, or the last. A
    window (t - w, t] that begins before the run holds what there is, as in Prometheus, whose
    counters stand at 0 before the run; that it extrapolates to the edges of a window does not show
    in a ratio of two rates. Waiting, running and down are sampled at the scrape; shares
    are means since the scrape before. A mean over a window is that of its scrapes
    (``avg_over_time``).

    Parameters
    ----------
    interval_s : between two scrapes; the first is that long after the beginning. [s]
    table : the table `timeline`, where the run has no steps; a bin counts when it has ended.

    Raises
    ------
    InputError
        If the interval is longer than the run, or there are more than `MOST_LOOKS`.
    """

    def __init__(
        self, result: Result, interval_s: float, table: pd.DataFrame | None = None
    ) -> None:
        looks = result.horizon_s / interval_s * (1 + 1e-12)
        if not 1 <= looks <= MOST_LOOKS:
            raise InputError(
                f"interval_s: {interval_s:g} s makes {looks:,.6g} looks at a run of "
                f"{result.horizon_s:,.6g} s; expected 1 to {MOST_LOOKS:,}"
            )
        self.result = result
        self.interval_s = interval_s
        self.at_s: Floats = np.arange(1.0, int(looks) + 1) * interval_s
        """Instants of the looks, none after the end of the run."""
        self._table = table
        self._gauges: dict[str, Floats] = {}

    def value(self, rule: Rule) -> Floats:
        """What is held against the rule's bound at each look; NaN where it says nothing.

        Of a burn rate, the lesser of its two windows: both have to be above.
        """
        if isinstance(rule, Quantile):
            return self._quantile(rule)
        if isinstance(rule, Burn):
            return self._burn(rule)
        return self._mean(self.gauge(rule.of), rule.window_s)

    # -- requests ----------------------------------------------------------------------------------

    def _window(self, seen_s: Floats, window_s: float) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """From which to which of the rising instants a window that ends with each look reaches."""
        first = np.searchsorted(seen_s, self.at_s - window_s, side="right")
        return first, np.searchsorted(seen_s, self.at_s, side="right")

    def _quantile(self, rule: Quantile) -> Floats:
        """The least value that at least a share q of the window's requests do not exceed."""
        requests = self.result.requests
        at = "ttft_s" if rule.latency == "ttft_s" else "e2e_s"
        seen_s = (requests["arrival_s"] + requests[at]).to_numpy()
        value = requests[rule.latency].to_numpy()
        there = np.flatnonzero(np.isfinite(seen_s) & np.isfinite(value))
        order = there[np.argsort(seen_s[there], kind="stable")]
        seen_s, value = seen_s[order], value[order]
        told = np.full(len(self.at_s), np.nan)
        for i, (a, b) in enumerate(zip(*self._window(seen_s, rule.window_s), strict=True)):
            n = int(b - a)
            if n >= rule.least:
                rank = max(math.ceil(rule.q * n - 1e-9), 1) - 1
                told[i] = np.partition(value[a:b], rank)[rank]
        return told

    def _burn(self, rule: Burn) -> Floats:
        requests = self.result.requests
        seen_s = (requests["arrival_s"] + requests["e2e_s"]).fillna(requests["finish_s"])
        order = np.argsort(seen_s.fillna(np.inf).to_numpy(), kind="stable")
        at = seen_s.fillna(np.inf).to_numpy()[order]
        bad = np.concatenate([[0], np.cumsum(~meets_slo(self.result)[order])])

        def rate(window_s: float, least: int) -> Floats:
            first, last = self._window(at, window_s)
            share: Floats = (bad[last] - bad[first]) / np.maximum(last - first, 1)
            told: Floats = np.where(last - first >= least, share / (1 - rule.objective), np.nan)
            return told

        lesser: Floats = np.minimum(rate(rule.long_s, 1), rate(rule.short_s, rule.least))
        return lesser

    # -- gauges ------------------------------------------------------------------------------------

    def gauge(self, name: str) -> Floats:
        """A quantity of the fleet at each scrape; those of `Level`."""
        if name not in self._gauges:
            read: Callable[[], Floats] = {
                "waiting": self._waiting,
                "running": self._running,
                "down": self._down,
            }.get(name, lambda: self._share(name))
            self._gauges[name] = read()
        return self._gauges[name]

    def _mean(self, samples: Floats, window_s: float) -> Floats:
        """Mean of the scrapes in (t - w, t]."""
        many = int(min(max(window_s / self.interval_s * (1 + 1e-12), 1), len(samples)))
        total = np.concatenate([[0.0], np.cumsum(samples)])
        last = np.arange(1, len(samples) + 1)
        first = np.maximum(last - many, 0)
        # Differences of long sums: what is nothing shall be nothing.
        mean: Floats = np.round((total[last] - total[first]) / (last - first), 9)
        return mean

    def _under_way(self, start_s: Floats, end_s: Floats) -> Floats:
        """How many spans have begun before each scrape and not ended."""
        begun = np.searchsorted(np.sort(start_s), self.at_s, side="left")
        return (begun - np.searchsorted(np.sort(end_s), self.at_s, side="left")).astype(np.float64)

    def _stays(self) -> tuple[Floats, Floats, Floats]:
        """When each request came, was admitted and left, without those that were turned away."""
        requests = self.result.requests[self.result.requests["outcome"] != "rejected"]
        left = requests["finish_s"].fillna(np.inf)
        admitted = requests["scheduled_s"].fillna(left)
        return requests["arrival_s"].to_numpy(), admitted.to_numpy(), left.to_numpy()

    def _waiting(self) -> Floats:
        came, admitted, _ = self._stays()
        return self._under_way(came, admitted)

    def _running(self) -> Floats:
        _, admitted, left = self._stays()
        return self._under_way(admitted, left)

    def _down(self) -> Floats:
        gone = [fault for fault in faults(self.result) if fault.what != "slow_gpu"]
        spans = np.array([(fault.start_s, fault.end_s) for fault in gone]).reshape(-1, 2)
        return self._under_way(spans[:, 0], spans[:, 1])

    def _share(self, name: str) -> Floats:
        """Mean since the scrape before; of a table given, over its bins that have ended since."""
        if self._table is None:
            self._table = timeline(self.result, self.interval_s)
        table = self._table
        ends_s, column = table["end_s"].to_numpy(), table[name].to_numpy()
        width_s = ends_s - table["start_s"].to_numpy()
        ended = np.searchsorted(ends_s, self.at_s * (1 + 1e-12), side="right")
        before = np.concatenate([[0], ended[:-1]])
        area = np.concatenate([[0.0], np.cumsum(column * width_s)])
        time_s = np.concatenate([[0.0], np.cumsum(width_s)])
        last = np.concatenate([[0.0], column])[ended]
        some = ended > before
        mean = (area[ended] - area[before]) / np.where(some, time_s[ended] - time_s[before], 1.0)
        found: Floats = np.where(some, mean, last)
        return found
