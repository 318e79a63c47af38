"""Requests under way at once: what a fleet has to hold, and how far the peak lies over the mean."""

from dataclasses import dataclass, field
from typing import Annotated

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from hardware_profiles.value import Value
from workloads.process import Seconds
from workloads.trace import Trace

__all__ = ["ServiceTime", "Simultaneous", "of_intervals"]

NotNegative = Annotated[float, Field(ge=0)]


class ServiceTime(Value):
    """Time a request is under way, if nobody is in its way. [s]"""

    base_s: NotNegative = 0.1
    prompt_token_s: NotNegative = 0.0001
    """10,000 prompt tokens a second."""
    output_token_s: NotNegative = 0.02
    """50 tokens a second and user."""

    def of(self, trace: Trace) -> Seconds:
        """Service time of each request [s], shape (rows,)."""
        tokens = self.prompt_token_s * trace.prompt_tokens
        return np.asarray(self.base_s + tokens + self.output_token_s * trace.output_tokens)


@dataclass
class Simultaneous:
    """Time spent with so many requests under way, taken in piece by piece."""

    held_s: NDArray[np.float64] = field(default_factory=lambda: np.zeros(1))
    """Time with 0, 1, 2, … requests under way. [s]"""
    peak_per_minute: dict[int, int] = field(default_factory=dict)
    """Most at once in each minute."""
    _level: int = 0
    _now: float | None = None
    _ends: Seconds = field(default_factory=lambda: np.zeros(0))

    def add(self, starts_s: Seconds, ends_s: Seconds) -> None:
        """Take in requests that start after all before. [s]"""
        lasting = ends_s > starts_s  # one that ends as it starts is never under way
        starts_s, ends_s = starts_s[lasting], ends_s[lasting]
        if len(starts_s):
            if self._now is None:
                self._now = float(starts_s[0])
            ends = np.sort(np.concatenate((self._ends, ends_s)))
            until = float(starts_s[-1])
            done = int(np.searchsorted(ends, until, side="right"))
            self._advance(starts_s, ends[:done])
            self._ends = ends[done:]

    def finish(self) -> None:
        """Let what is under way come to its end."""
        self._advance(np.zeros(0), self._ends)
        self._ends = np.zeros(0)

    def _advance(self, starts: Seconds, ends: Seconds) -> None:
        times = np.concatenate((ends, starts))
        steps = np.repeat([-1, 1], [len(ends), len(starts)])
        # Ends before starts: a place given up at an instant is free at that instant.
        order = np.lexsort((steps, times))
        times, steps = times[order], steps[order]
        levels = self._level + np.cumsum(steps)
        before = np.concatenate(([self._level], levels[:-1])) if len(levels) else levels
        waits = np.diff(times, prepend=self._now or 0.0)
        new = np.bincount(before, weights=waits, minlength=len(self.held_s))
        held = np.zeros(len(new), dtype=np.float64)
        held[: len(self.held_s)] = self.held_s
        self.held_s = held + new
        if len(times):
            minute = (times // 60).astype(np.int64)
            first = np.flatnonzero(np.diff(minute, prepend=minute[0] - 1))
            peaks = np.maximum.reduceat(levels, first)
            for place, peak in zip(minute[first].tolist(), peaks.tolist(), strict=True):
                self.peak_per_minute[place] = max(self.peak_per_minute.get(place, 0), peak)
            self._level, self._now = int(levels[-1]), float(times[-1])

    def summary(self) -> pd.Series:
        """Peak, p99.9, p99, p95, mean and peak over mean; percentiles are of time.

        It is the time from the first arrival to the end of the last request.
        """
        held = self.held_s.copy()
        levels = np.arange(len(held))
        share = np.cumsum(held) / held.sum() if held.sum() > 0 else np.ones(len(held))
        mean = float(levels @ held / held.sum()) if held.sum() > 0 else 0.0
        seen = np.flatnonzero(held)
        peak = int(seen[-1]) if len(seen) else 0
        found = {f"p{p:g}": int(np.searchsorted(share, p / 100)) for p in (50, 95, 99, 99.9)}
        ratio = peak / mean if mean > 0 else float("nan")
        return pd.Series({"mean": mean, **found, "peak": peak, "peak_over_mean": ratio})

    def by_minute(self) -> pd.DataFrame:
        """Most requests at once in each minute in which anything began or ended."""
        minutes = sorted(self.peak_per_minute)
        peaks = [self.peak_per_minute[minute] for minute in minutes]
        return pd.DataFrame({"start_s": np.array(minutes) * 60.0, "peak": peaks})


def of_intervals(starts_s: Seconds, ends_s: Seconds) -> Simultaneous:
    """Requests under way between given starts and ends, from a simulation say; in any order.

    >>> at_once = of_intervals(np.array([0.0, 1.0]), np.array([3.0, 2.0]))
    >>> at_once.held_s.tolist()
    [0.0, 2.0, 1.0]
    """
    order = np.argsort(starts_s, kind="stable")
    found = Simultaneous()
    found.add(np.asarray(starts_s)[order], np.asarray(ends_s)[order])
    found.finish()
    return found
