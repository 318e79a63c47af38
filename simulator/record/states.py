"""How long each replica was in each state, added up over the chapters of a run."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from simulator.record.result import Result
from simulator.record.tables import STATES

__all__ = ["States"]


class States:
    """Seconds by replica and state, and the fleet as it was last told."""

    def __init__(self) -> None:
        self._seconds: dict[tuple[int, str], float] = {}
        self._last: Result | None = None

    def add(self, worked: Result) -> None:
        """Take in the intervals of the next chapter."""
        spans = worked.intervals
        length = spans["end_s"] - spans["start_s"]
        by = length.groupby([spans["replica"], spans["state"].astype(str)]).sum()
        for key, seconds in zip(by.index.to_list(), by.to_list(), strict=True):
            self._seconds[key] = self._seconds.get(key, 0.0) + seconds
        self._last = worked

    def fleet(self) -> Result:
        """The run without its requests and steps, each replica's time in a state in one piece.

        When that was is lost; how long it was is right.
        """
        assert self._last is not None, "no chapter has been told"
        rows = [(replica, state, 0.0, s) for (replica, state), s in sorted(self._seconds.items())]
        spans = pd.DataFrame(rows, columns=["replica", "state", "start_s", "end_s"])
        spans["state"] = pd.Categorical(spans["state"], categories=list(STATES))
        return replace(self._last, steps=self._last.steps.iloc[:0], intervals=spans)
