"""Requests in the system at once, from comings and goings that become known bit by bit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.record.usage import Concurrency

__all__ = ["AtOnce"]

Floats = NDArray[np.float64]


class AtOnce:
    """For how long so many requests were in the system, exactly; what is settled is only counted.

    >>> seen = AtOnce()
    >>> seen.add(np.array([0.0, 1.0]), np.array([3.0, 2.0]))
    >>> seen.settle(4.0)
    >>> seen.lasted_s.tolist()
    [1.0, 2.0, 1.0]
    """

    def __init__(self) -> None:
        self.lasted_s: Floats = np.zeros(1)
        """Time in which there were 0, 1, 2, … requests. [s]"""
        self._came: Floats = np.zeros(0)
        self._left: Floats = np.zeros(0)
        self._now_s = 0.0
        self._number = 0

    def add(self, came: Floats, left: Floats) -> None:
        """These requests were in the system from the one instant to the other. [s]"""
        self._came = np.concatenate([self._came, came])
        self._left = np.concatenate([self._left, left])

    def settle(self, until_s: float) -> None:
        """Nothing more will become known of the time before. [s]"""
        if until_s <= self._now_s:
            return
        came, self._came = _cut(self._came, until_s)
        left, self._left = _cut(self._left, until_s)
        edges = np.unique(np.concatenate([[self._now_s, until_s], came, left]))
        edges = edges[edges >= self._now_s]
        at = edges[:-1]
        number = self._number + (
            np.searchsorted(came, at, side="right") - np.searchsorted(left, at, side="right")
        )
        before = self.lasted_s
        self.lasted_s = np.zeros(max(len(before), int(number.max()) + 1))
        self.lasted_s[: len(before)] = before
        np.add.at(self.lasted_s, number, np.diff(edges))
        self._number += len(came) - len(left)
        self._now_s = until_s

    def concurrency(self) -> Concurrency:
        """Mean, 99.9th percentile and peak."""
        whole = float(self.lasted_s.sum())
        if whole <= 0:
            return Concurrency(np.nan, np.nan, 0)
        number = np.arange(len(self.lasted_s))
        upto = np.cumsum(self.lasted_s) / whole
        return Concurrency(
            float((number * self.lasted_s).sum() / whole),
            float(np.searchsorted(upto, 0.999)),
            int(np.flatnonzero(self.lasted_s)[-1]),
        )


def _cut(instants: Floats, until_s: float) -> tuple[Floats, Floats]:
    """Those up to an instant, in order, and the others."""
    known = instants <= until_s
    return np.sort(instants[known]), instants[~known]
