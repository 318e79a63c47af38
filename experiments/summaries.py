"""The replications of a study in sum: means with their intervals, and paired differences."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pandas as pd
from numpy.typing import ArrayLike

from experiments.labels import shown, unit
from experiments.replicating import stopped_interval
from experiments.statistics import Interval, mean_interval, paired_difference

if TYPE_CHECKING:
    from experiments.study import Study

__all__ = ["differences", "intervals"]


def intervals(study: Study, table: pd.DataFrame) -> pd.DataFrame:
    """Mean over replications of each metric at each point, with its interval.

    A mean over the runs that happened to succeed would be one of lucky runs, so a point with a
    failed cell has none.

    Returns
    -------
    DataFrame: point, the values of the axes, metric, unit, mean, low, high, n (replications),
    failed (how many of them), level.
    """
    rows = []
    for point, cells in table.groupby("point", sort=True):
        failed = int((cells["status"] == "failed").sum())
        for metric in study.metrics:
            found = _interval(study, metric, cells[metric].to_numpy())
            rows.append(
                {
                    "point": point,
                    **{path: cells[path].iloc[0] for path in study.paths},
                    "metric": metric,
                    "unit": unit(metric),
                    "mean": found.estimate,
                    "low": found.low,
                    "high": found.high,
                    "n": found.n,
                    "failed": failed,
                    "level": found.level,
                }
            )
    return pd.DataFrame(rows)


def _interval(study: Study, metric: str, values: ArrayLike) -> Interval:
    """Interval on the mean of a metric; of the width asked for where that decided when to stop."""
    found, until = mean_interval(values, study.level), study.replications
    if isinstance(until, int) or until.metric != metric:
        return found
    width = {"half_width": until.half_width, "relative": until.relative}
    return stopped_interval(found, until.least, **width)


def differences(study: Study, table: pd.DataFrame) -> pd.DataFrame:
    """What each point has more than the baseline beside it, with the same random numbers.

    Returns
    -------
    DataFrame: point, the values of the axes, metric, unit, baseline (its mean), difference, low,
    high, n, verdict: *no difference shown* where the interval holds zero.

    Raises
    ------
    ValueError
        If the study names no baseline.
    """
    if study.baseline is None:
        raise ValueError("the study names no baseline to compare with")
    ((path, value),) = study.baseline.items()
    moving = next(axis for axis in study.axes if path in axis)
    held = [other for other in study.paths if other not in moving]
    at_base = str(shown(value))
    groups: list[tuple[Any, pd.DataFrame]] = (
        list(table.groupby(held, sort=False)) if held else [((), table)]
    )
    rows = []
    for _, cells in groups:
        base = cells[cells[path].astype(str) == at_base].set_index("replication")
        base = base[list(study.metrics)].add_suffix(" base")
        for point, mine in cells.groupby("point", sort=True):
            if str(mine[path].iloc[0]) == at_base:
                continue
            both = mine.set_index("replication").join(base, how="inner")
            for metric in study.metrics:
                first, second = both[f"{metric} base"], both[metric]
                found = paired_difference(first, second, study.level)
                rows.append(
                    {
                        "point": point,
                        **{name: mine[name].iloc[0] for name in study.paths},
                        "metric": metric,
                        "unit": unit(metric),
                        "baseline": float(first.mean()) if len(first) else math.nan,
                        "difference": found.interval.estimate,
                        "low": found.interval.low,
                        "high": found.interval.high,
                        "n": found.interval.n,
                        "verdict": str(found),
                    }
                )
    return pd.DataFrame(rows).sort_values("point", kind="stable", ignore_index=True)
