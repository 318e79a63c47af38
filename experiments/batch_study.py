"""Where more stops helping: the knee of a curve, and the least setting that is as good as the best.

For the studies of batch size: throughput over `max_num_seqs`, latency over the arrival rate.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from experiments.statistics import Interval, mean_interval, paired_difference
from experiments.sweep import StudyRun

__all__ = ["knee", "knees", "least_enough"]


def knee(x: ArrayLike, y: ArrayLike, log_x: bool = False) -> float:
    r"""Place where a curve bends most: farthest from the chord between its ends.

    Both axes are scaled to 0 … 1; for a rising curve the knee maximises $|y - x|$, for a falling
    one $|y - (1 - x)|$. Source: Satopää, Albrecht, Irwin and Raghavan, "Finding a kneedle in a
    haystack", ICDCSW 2011, without its smoothing: means over replications are smooth enough.

    Parameters
    ----------
    x, y : the curve, shape (n,); x distinct, in any order.
    log_x : whether x is taken on a logarithmic scale, as batch sizes are.

    Returns
    -------
    One of `x`; NaN for a curve that is flat, too short or has gaps.

    >>> knee([1, 2, 4, 8, 16], [10, 20, 40, 42, 43], log_x=True)
    4.0
    """
    at, height = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    order = np.argsort(at)
    at, height = at[order], height[order]
    if len(at) < 3 or not np.isfinite(height).all() or height[0] == height[-1]:
        return math.nan
    place = np.log(at) if log_x else at
    across = (place - place[0]) / (place[-1] - place[0])
    up = (height - height[0]) / (height[-1] - height[0])
    return float(at[np.argmax(np.abs(up - across))])


def knees(run: StudyRun, metric: str, x: str, log_x: bool = False) -> pd.DataFrame:
    """The knee of a metric over one axis, for every combination of the others.

    The knee of each replication is found by itself, so that it has an interval like anything else.

    Returns
    -------
    DataFrame: the other axes, metric, knee (mean), low, high, n.
    """
    others = _beside(run, x)
    rows = []
    for at, cells in _groups(run.table, others):
        found = [
            knee(one[x], one[metric], log_x) for _, one in cells.groupby("replication", sort=True)
        ]
        interval = mean_interval(found, run.study.level)
        rows.append({**at, "metric": metric, **_columns("knee", interval)})
    return pd.DataFrame(rows)


def least_enough(
    run: StudyRun, metric: str, x: str, tolerance: float = 0.01, more_is_better: bool = True
) -> pd.DataFrame:
    """The least value of one axis that is as good as the best, for every combination of the others.

    As good: over replications with the same traffic, the difference from the best is not shown, or
    even the far end of its interval is less than `tolerance` of the best.

    Returns
    -------
    DataFrame: the other axes, metric, best (value of the axis), best_mean, enough (the least value
    that is as good), enough_mean.
    """
    others = _beside(run, x)
    rows = []
    for at, cells in _groups(run.table, others):
        table = cells.pivot(index="replication", columns=x, values=metric)
        means: dict[Any, float] = {at: float(mean) for at, mean in table.mean().items()}
        best = (max if more_is_better else min)(means, key=lambda value: means[value])
        near = abs(means[best]) * tolerance
        enough = min(v for v in means if _as_good(table, v, best, near, run))
        rows.append(
            {
                **at,
                "metric": metric,
                "best": best,
                "best_mean": means[best],
                "enough": enough,
                "enough_mean": means[enough],
            }
        )
    return pd.DataFrame(rows)


def _as_good(table: pd.DataFrame, value: Any, best: Any, near: float, run: StudyRun) -> bool:
    if value == best:
        return True
    found = paired_difference(table[best], table[value], run.study.level)
    if math.isnan(found.interval.estimate):
        return False
    farthest = max(abs(found.interval.low), abs(found.interval.high))
    return not found.shown or farthest <= near


def _beside(run: StudyRun, x: str) -> list[str]:
    """Paths that do not move along with x."""
    return [path for axis in run.study.axes if x not in axis for path in axis]


def _groups(table: pd.DataFrame, others: list[str]) -> list[tuple[dict[str, Any], pd.DataFrame]]:
    if not others:
        return [({}, table)]
    return [
        (dict(zip(others, at, strict=True)), cells)
        for at, cells in table.groupby(others, sort=False)
    ]


def _columns(name: str, interval: Interval) -> dict[str, float]:
    return {
        name: interval.estimate,
        "low": interval.low,
        "high": interval.high,
        "n": interval.n,
    }
