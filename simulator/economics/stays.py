"""Seconds of stays in decode, by sums over the steps they span: no loop over steps or requests."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.record.runs import Runs

__all__ = ["stay_seconds"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Longs = NDArray[Any]


def stay_seconds(
    runs: Runs, per_step: Floats, per_context: Floats, first: Ints, last: Ints, context: Ints
) -> Floats:
    r"""Time attributed to stays in decode, whose context grows by one token a step. [s]

    $\sum_{s=a}^{b} \bigl(A(s) + K(s)\,(c + s - a)\bigr)$, with A and K constant in a run of steps,
    taken as differences of the running sums of A, K and s K. Those grow with the length of the run
    and a stay is short, hence the long floats.

    Parameters
    ----------
    runs : the steps, shape (n,).
    per_step, per_context : A and K of each run; [s] and [s/token], shape (n,).
    first, last : serial numbers a and b of each stay's steps, both inclusive, shape (m,).
    context : tokens c before its first step, shape (m,).
    """
    if len(runs) == 0:
        return np.zeros(len(first))
    flat = _sum_over(runs, per_step, first, last)
    slope = _sum_over(runs, per_context, first, last)
    ramp = _ramp_over(runs, per_context, first, last)
    seconds: Floats = (flat + (context - first) * slope + ramp).astype(np.float64)
    return seconds


def _sum_over(runs: Runs, level: Floats, first: Ints, last: Ints) -> Longs:
    """Sum of ``level(s)`` over the steps first..last."""
    upto = _running(level.astype(np.longdouble) * runs.num_steps)

    def before(serial: Ints) -> Longs:
        row = runs.row(serial)
        total: Longs = upto[row] + level[row] * (serial - runs.first_serial[row])
        return total

    return before(last + 1) - before(first)


def _ramp_over(runs: Runs, level: Floats, first: Ints, last: Ints) -> Longs:
    """Sum of ``s level(s)`` over the steps first..last."""

    def within(row: Ints, steps: Ints) -> Longs:
        start = runs.first_serial[row].astype(np.longdouble)
        total: Longs = level[row] * (steps * (2 * start + steps - 1) / 2)
        return total

    upto = _running(within(np.arange(len(runs)), runs.num_steps))

    def before(serial: Ints) -> Longs:
        row = runs.row(serial)
        return upto[row] + within(row, serial - runs.first_serial[row])

    return before(last + 1) - before(first)


def _running(values: Longs) -> Longs:
    """Sum of all values before each."""
    return np.concatenate([np.zeros(1, np.longdouble), np.cumsum(values)])[:-1]
