"""Capacity: what one replica serves within the SLO, from runs on a grid of loads and seeds.

The runs give throughput; what it costs is computed from that, and never interpolated.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from experiments.compare_routes import Grid
from simulator.record.metrics import meets_slo
from simulator.record.usage import busy_share
from simulator.scenario import Scenario
from simulator.simulate import simulate

__all__ = ["Capacity", "capacity", "same_replica"]

FIRST, MOST = 0.5, 300.0
"""Loads that are tried, over that of the scenario."""
HALVINGS = 4
ALONE: dict[str, Any] = {
    "replicas": 1, "overflow": None, "autoscaler": None, "faults": (), "operations": (),
    "start_up": None,
}  # fmt: skip
"""What is changed in a scenario to run one replica of it."""
WARM_UP = 0.2
"""Share of a run that is not counted: it begins empty."""


def same_replica(scenario: Scenario) -> str:
    """What a replica's capacity depends on: scenarios in which that is alike share their runs."""
    beside = {"name": "", "offer": None}
    return repr(scenario.model_copy(update={**ALONE, **beside}))


class Capacity(NamedTuple):
    """How much load a replica takes."""

    requests_per_s: float
    """Mean over the seeds. [1/s]"""
    standard_error: float
    """Of that mean: the noise of the simulation. [1/s]"""
    runs: pd.DataFrame
    """One row a run: seed, load [1/s], good_share, busy_share, e2e_mean_s."""


def capacity(scenario: Scenario, grid: Grid) -> Capacity:
    """Load up to which enough requests are good, between two loads that were run.

    Parameters
    ----------
    scenario : of any number of replicas; one of them is run, on the same kind of requests, without
        faults, scaling and operations: what they cost is in the month, not in the capacity.

    Returns
    -------
    Capacity; for each seed the load at which the share of good requests, made to fall with the load
    and linear between runs, reaches that of the grid.
    """
    rows: list[dict[str, float]] = []
    found = []
    for seed in range(grid.seeds):
        one = scenario.model_copy(
            update={
                **ALONE,
                "seed": scenario.seed + seed,
                "horizon_s": grid.horizon_s,
            }
        )
        mine = _curve(one, max(1, scenario.replicas), grid)
        rows += [{"seed": seed, **row} for row in mine]
        found.append(_crossing(pd.DataFrame(mine), grid.good_share))
    spread = float(np.std(found, ddof=1)) / np.sqrt(len(found))
    return Capacity(float(np.mean(found)), float(spread), pd.DataFrame(rows))


def _curve(one: Scenario, replicas: int, grid: Grid) -> list[dict[str, float]]:
    """Runs at rising loads until too few requests are good, then between the last two loads."""
    rows: list[dict[str, float]] = []
    factor, step = FIRST, 2.0
    while factor < MOST:
        rows += _run(one, factor / replicas, grid)
        if rows and rows[-1]["good_share"] < grid.good_share:
            break
        factor *= step
    low, high = factor / step, factor
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        found = _run(one, middle / replicas, grid)
        rows += found
        enough = bool(found) and found[0]["good_share"] >= grid.good_share
        low, high = (middle, high) if enough else (low, middle)
    return sorted(rows, key=lambda row: row["load"])


def _run(one: Scenario, speed: float, grid: Grid) -> list[dict[str, float]]:
    """One run on the traffic sped up or slowed down; none if nobody comes."""
    # As much of the traffic as then fills the run.
    enough = one.model_copy(update={"horizon_s": grid.horizon_s * speed})
    trace = enough.trace().rate_scaled(speed).window(0.0, grid.horizon_s)
    if not len(trace):
        return []
    result = simulate(one, trace)
    settled = trace.arrival_s >= WARM_UP * trace.arrival_s[-1]
    share = float(meets_slo(result)[settled].mean())
    load = len(trace) / max(float(trace.arrival_s[-1]), 1e-9)
    e2e = float(result.requests["e2e_s"].mean())
    row = {"load": load, "good_share": share, "busy_share": busy_share(result), "e2e_mean_s": e2e}
    return [row]


def _crossing(curve: pd.DataFrame, target: float) -> float:
    """Load at which the share of good requests falls to the target."""
    load = curve["load"].to_numpy()
    share = np.minimum.accumulate(curve["good_share"].to_numpy())
    below = np.flatnonzero(share < target)
    if not len(below):
        return float(load[-1])
    first = int(below[0])
    if first == 0:
        return float(load[0] * share[0] / target)
    high, low = share[first - 1], share[first]
    part = (high - target) / (high - low)
    return float(load[first - 1] + part * (load[first] - load[first - 1]))
