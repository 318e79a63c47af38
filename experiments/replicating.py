"""How often to replicate: until the interval is narrow enough, and what may then be told of it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from experiments.statistics import LEVEL, Interval, mean_interval

__all__ = ["Replicated", "replicate_until", "runs_needed", "stopped_interval"]

Floats = NDArray[np.float64]


class Replicated(NamedTuple):
    """What `replicate_until` found."""

    interval: Interval
    values: Floats
    """One a replication, shape (n,)."""
    narrow: bool
    """Whether the interval became as narrow as was asked."""


def replicate_until(
    measure: Callable[[int], float],
    *,
    half_width: float | None = None,
    relative: float | None = None,
    least: int = 8,
    most: int = 100,
    level: float = LEVEL,
) -> Replicated:
    """Replicate until the interval on the mean is narrow enough.

    Parameters
    ----------
    measure : gives the metric of replication 0, 1, 2, …
    half_width : wanted, in the unit of the metric; or
    relative : wanted, as a share of the mean.
    least, most : replications to begin with, and to give up after. With few to begin with it stops
        too early too often, by a stroke of luck.
    """
    if not 2 <= least <= most:
        raise ValueError(f"expected 2 <= least <= most, found least {least}, most {most}")
    values: list[float] = []
    wanted = least
    while True:
        values += [measure(i) for i in range(len(values), min(wanted, most))]
        found = mean_interval(values, level)
        wanted = runs_needed(found, half_width=half_width, relative=relative)
        if wanted <= len(values) or len(values) >= most:
            told = stopped_interval(found, least, half_width=half_width, relative=relative)
            return Replicated(told, np.array(values), wanted <= len(values))


def stopped_interval(
    found: Interval, least: int, *, half_width: float | None = None, relative: float | None = None
) -> Interval:
    """What to tell of a mean whose runs were counted by its own interval.

    Whoever goes on until the interval is narrow stops where the spread happens to look small, so
    that interval holds the truth less often than it says. The one of the width that was asked for
    holds it as often: Chow and Robbins, "On the asymptotic theory of fixed-width sequential
    confidence intervals for the mean", Annals of Mathematical Statistics 36 (1965) 457-462.

    Parameters
    ----------
    found : of all runs.
    least : runs to begin with; where they were enough, nothing was chosen and `found` stands.

    >>> stopped_interval(Interval(10.0, 9.2, 10.8, 12, 0.95), 8, half_width=1.0)[:3]
    (10.0, 9.0, 11.0)
    """
    target = _target(found, half_width, relative)
    if found.n <= least or not found.half_width < target:
        return found
    centre = found.estimate
    return found._replace(low=centre - target, high=centre + target)


def runs_needed(
    found: Interval, *, half_width: float | None = None, relative: float | None = None
) -> int:
    r"""Replications that would make an interval as narrow as wanted, if the spread is as it seems.

    $n (h / h^*)^2$, at most doubled at a time. A relative width $\gamma$ is asked of the true mean,
    so the estimate is held to $\gamma / (1 + \gamma)$: Law, Simulation Modeling and Analysis,
    5th ed. (2015), 9.4.1.

    >>> runs_needed(Interval(10.0, 9.0, 11.0, 8, 0.95), half_width=0.8)
    13
    """
    target = _target(found, half_width, relative)
    if not target >= 0:
        return found.n if math.isnan(found.estimate) else 2 * found.n
    if found.half_width <= target:
        return found.n
    if target == 0 or math.isinf(found.half_width):
        return 2 * found.n
    grown = found.n * (found.half_width / target) ** 2
    return max(found.n + 1, min(2 * found.n, math.ceil(grown)))


def _target(found: Interval, half_width: float | None, relative: float | None) -> float:
    """Half of the width that is asked for, in the unit of the estimate."""
    if (half_width is None) == (relative is None):
        raise ValueError("give either half_width or relative")
    if half_width is not None:
        return half_width
    assert relative is not None
    return relative / (1 + relative) * abs(found.estimate)
