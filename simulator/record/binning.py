"""Exact sums over bins of time, of spans and of runs of steps that lie across their edges."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from simulator.record.runs import Runs

__all__ = ["overlap", "per_step", "per_time", "per_time_rising"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Into = Callable[[Runs, Ints, Floats], Floats]


def overlap(edges: Floats, spans: ArrayLike | pd.DataFrame) -> Floats:
    """Time that spans have in common with each bin, added over the spans. [s]

    Parameters
    ----------
    edges : of m bins, rising, shape (m + 1,). [s]
    spans : (start, end) pairs, which may overlap, shape (n, 2). [s]

    >>> overlap(np.array([0.0, 1.0, 3.0]), [[0.5, 2.0], [0.0, 1.0]]).tolist()
    [1.5, 1.0]
    """
    span = np.asarray(spans, dtype=np.float64).reshape(-1, 2)
    inside: Floats = _since(edges, span[:, 0]) - _since(edges, span[:, 1])
    return inside


def _since(edges: Floats, instants: Floats) -> Floats:
    """Time of each bin that lies after an instant, added over the instants. [s]"""
    ordered = np.sort(instants)
    already = np.searchsorted(ordered, edges[:-1], side="right")
    within = ordered[(ordered > edges[0]) & (ordered < edges[-1])]
    where = np.searchsorted(edges, within, side="left") - 1
    rest = np.bincount(where, edges[where + 1] - within, minlength=len(edges) - 1)
    # Counts are whole numbers, so that a bin in which nothing is, is exactly 0.
    since: Floats = already * np.diff(edges) + rest
    return since


def per_time(runs: Runs, level: ArrayLike, edges: Floats) -> Floats:
    """Integral over each bin of a quantity that has one level during each run. [unit x s]

    Parameters
    ----------
    runs : of one replica, shape (n,).
    level : shape (n,), any unit.
    edges : of m bins, rising, shape (m + 1,). [s]
    """
    value = np.asarray(level, dtype=np.float64)
    return _binned(runs, value * runs.duration_s, value, _seconds_into, edges)


def per_time_rising(runs: Runs, first: ArrayLike, last: ArrayLike, edges: Floats) -> Floats:
    """Integral over each bin of a quantity that goes evenly from `first` to `last`. [unit x s]

    Parameters
    ----------
    runs : of one replica, shape (n,).
    first, last : its level when each run begins and ends, shape (n,), any unit.
    edges : of m bins, rising, shape (m + 1,). [s]
    """
    low, high = np.asarray(first, dtype=np.float64), np.asarray(last, dtype=np.float64)
    duration = runs.duration_s
    slope = np.divide(high - low, duration, out=np.zeros_like(low), where=duration > 0)

    def into(runs: Runs, row: Ints, instants: Floats) -> Floats:
        gone = _seconds_into(runs, row, instants)
        area: Floats = gone * (low[row] + slope[row] * gone / 2)
        return area

    return _binned(runs, (low + high) / 2 * duration, np.ones_like(low), into, edges)


def per_step(runs: Runs, amount: ArrayLike, edges: Floats) -> Floats:
    """Total in each bin of an amount that each step of a run does evenly over its time. [unit]

    Parameters
    ----------
    runs : of one replica, shape (n,).
    amount : per step, shape (n,), any unit.
    edges : of m bins, rising, shape (m + 1,). [s]
    """
    value = np.asarray(amount, dtype=np.float64)
    return _binned(runs, value * runs.num_steps, value, _steps_into, edges)


def _binned(runs: Runs, total: Floats, level: Floats, into: Into, edges: Floats) -> Floats:
    if len(runs) == 0:
        return np.zeros(len(edges) - 1)
    row = np.clip(np.searchsorted(runs.start_s, edges, side="right") - 1, 0, None)
    upto = np.concatenate([[0.0], np.cumsum(total)])
    binned: Floats = np.diff(upto[row] + level[row] * into(runs, row, edges))
    return binned


def _seconds_into(runs: Runs, row: Ints, instants: Floats) -> Floats:
    """How far into its run each instant falls, the whole run if it has ended by then. [s]"""
    return np.clip(instants - runs.start_s[row], 0.0, runs.duration_s[row])


def _steps_into(runs: Runs, row: Ints, instants: Floats) -> Floats:
    """How many steps of its run are done at each instant, a fraction for the one under way.

    Step j ends when ``j f + g j (j - 1) / 2`` seconds of the run have gone by.
    """
    f, g, n = runs.first_step_s[row], runs.growth_s[row], runs.num_steps[row]
    gone = _seconds_into(runs, row, instants)
    b = f - g / 2
    root = b + np.sqrt(np.maximum(b * b + 2 * g * gone, 0.0))
    near = np.divide(2 * gone, root, out=np.zeros_like(gone), where=root > 0)
    j = np.clip(np.floor(near), 0, n - 1)
    step = f + g * j
    rest = gone - (j * f + g * j * (j - 1) / 2)
    part = np.divide(rest, step, out=np.zeros_like(gone), where=step > 0)
    done: Floats = j + np.clip(part, 0.0, 1.0)
    return np.where(gone >= runs.duration_s[row], n, done)
