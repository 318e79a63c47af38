"""The peak rule: replicas for the mean, p95, p99 and peak of simultaneous requests, and the cost.

Question. For how many simultaneous requests should a fleet be made?
What is varied. The number of replicas. What is held. Requests, SLO, price.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from simulator.economics.usage import SECONDS_PER_MONTH
from simulator.record.metrics import goodput
from simulator.record.usage import in_system
from simulator.scenario import Scenario
from simulator.simulate import simulate
from workloads.trace import Trace

__all__ = ["LEVELS", "peak_rule"]

LEVELS = ("mean", "p95", "p99", "peak")


def peak_rule(
    scenario: Scenario, trace: Trace, at_once: float, replica_month_usd: float
) -> pd.DataFrame:
    """What it costs and saves to make a fleet for ever rarer peaks.

    Parameters
    ----------
    scenario : with enough replicas that requests hardly wait.
    trace : the requests.
    at_once : requests in the system that one replica takes within the SLO.
    replica_month_usd : what a replica costs. [USD/month]

    Returns
    -------
    DataFrame, a row a level: level, simultaneous, replicas, usd_per_month, good_share,
    missed_per_month, and against the level before: more_usd, fewer_missed, usd_per_miss_saved.
    """
    scenario = scenario.model_copy(update={"overflow": None, "autoscaler": None})
    instants, number = in_system(simulate(scenario, trace))
    length = np.diff(instants)
    order = np.argsort(number, kind="stable")
    share = np.cumsum(length[order]) / length.sum()
    levels = {
        "mean": float((number * length).sum() / length.sum()),
        "p95": float(number[order][np.searchsorted(share, 0.95)]),
        "p99": float(number[order][np.searchsorted(share, 0.99)]),
        "peak": float(number.max()),
    }
    span_s = max(float(instants[-1]), 1e-9)
    rows = []
    for level in LEVELS:
        replicas = max(1, math.ceil(levels[level] / at_once))
        good = goodput(simulate(scenario.model_copy(update={"replicas": replicas}), trace))
        missed = (len(trace) - good.good_requests) * SECONDS_PER_MONTH / span_s
        rows.append(
            {
                "level": level,
                "simultaneous": levels[level],
                "replicas": replicas,
                "usd_per_month": replicas * replica_month_usd,
                "good_share": good.share,
                "missed_per_month": missed,
            }
        )
    return _steps(pd.DataFrame(rows))


def _steps(table: pd.DataFrame) -> pd.DataFrame:
    more, fewer = table["usd_per_month"].diff(), 0.0 - table["missed_per_month"].diff()
    return table.assign(
        more_usd=more,
        fewer_missed=fewer,
        usd_per_miss_saved=np.where(fewer > 0, more / fewer.where(fewer > 0), np.nan),
    )
