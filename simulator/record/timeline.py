"""The run over time: loads and rates in bins, each exact for its bin."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from simulator.record.binning import overlap, per_step, per_time, per_time_rising
from simulator.record.efficiency import run_watts
from simulator.record.runs import Runs
from simulator.record.tables import empty, frame
from simulator.record.usage import kv_blocks

if TYPE_CHECKING:
    from simulator.record.result import Result

__all__ = ["from_totals", "queues", "round_bin_s", "timeline", "totals"]

Floats = NDArray[np.float64]
MOST_BINS = 360
FLEET = -1
TOTALS = ("kv_s", "prefill", "decode", "busy_s", "energy_j", "blocks_s", "held_s")
NICE_S = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 900, 1800, 3600)


def timeline(result: Result, bin_s: float | None = None, by_replica: bool = False) -> pd.DataFrame:
    """Table `timeline`: mean loads and rates per bin, of the fleet and if asked of each replica.

    A run of steps that spans several bins is shared among them step by step, so that a rate times
    its bins' lengths adds up to exactly what was done.

    Parameters
    ----------
    bin_s : length of a bin [s]; the last may be shorter. Round, and at most 360 bins, if not given.
    by_replica : add the rows of each replica after those of the fleet, which is replica -1.
    """
    if bin_s is None:
        bin_s = round_bin_s(result.horizon_s)
    if not bin_s > 0:
        raise ValueError(f"bin_s must be positive, found {bin_s}")
    bins = int(np.ceil(result.horizon_s / bin_s - 1e-9))
    if bins < 1:
        return empty("timeline")
    edges = np.append(np.arange(bins) * float(bin_s), result.horizon_s)
    replicas = result.replicas["replica"].to_list()
    parts = _by_replica(result, edges)
    wanted = {FLEET: list(parts.values())}
    if by_replica:
        wanted |= {replica: [parts[replica]] for replica in replicas}
    return pd.concat(
        [
            from_totals(_added(chosen, edges) | queues(result, edges, replica), edges, replica)
            for replica, chosen in wanted.items()
        ],
        ignore_index=True,
    )


def totals(result: Result, edges: Floats) -> dict[str, Floats]:
    """What the fleet did in each bin: integrals over time, and tokens; they may be added up."""
    return _added(list(_by_replica(result, edges).values()), edges)


def round_bin_s(horizon_s: float, most: int = MOST_BINS) -> float:
    """Shortest round length with at most so many bins. [s]

    >>> round_bin_s(3600.0)
    10
    """
    for nice in NICE_S:
        if horizon_s <= nice * most:
            return nice
    return float(np.ceil(horizon_s / most / 3600)) * 3600


def _by_replica(result: Result, edges: Floats) -> dict[int, dict[str, Floats]]:
    first, last = kv_blocks(result)
    steps = result.steps.assign(held=first, held_last=last, watts=run_watts(result))
    return {
        replica: _totals(result, steps, replica, edges)
        for replica in result.replicas["replica"].to_list()
    }


def _totals(result: Result, steps: pd.DataFrame, replica: int, edges: Floats) -> dict[str, Floats]:
    """What one replica did in each bin."""
    runs = Runs.of(steps[steps["replica"] == replica])
    life = result.replicas[result.replicas["replica"] == replica].iloc[0]
    spans = result.intervals[result.intervals["replica"] == replica]
    ready = spans[spans["state"].isin(["busy", "idle", "draining"])]
    return {
        "kv_s": per_time_rising(runs, runs.table["held"], runs.table["held_last"], edges),
        "prefill": per_step(runs, runs.table["prefill_tokens"], edges),
        "decode": per_step(runs, runs.table["decode_seqs"], edges),
        "busy_s": overlap(edges, spans.loc[spans["state"] == "busy", ["start_s", "end_s"]]),
        "energy_j": life["gpus"] * _energy_j(result, life["pool"], runs, spans, edges),
        "blocks_s": overlap(edges, ready[["start_s", "end_s"]]) * life["num_gpu_blocks"],
        "held_s": overlap(edges, [[life["requested_s"], life["stopped_s"]]]),
    }


def _added(parts: list[dict[str, Floats]], edges: Floats) -> dict[str, Floats]:
    none = np.zeros(len(edges) - 1)
    return {key: none + sum(part[key] for part in parts) for key in TOTALS}


def _energy_j(result: Result, pool: str, runs: Runs, spans: pd.DataFrame, edges: Floats) -> Floats:
    """Energy of one GPU of a replica in each bin. [J]"""
    plans = result.scenario.plans()
    gpu = plans.get(str(pool), result.scenario).gpu
    loaded = spans.loc[spans["state"].isin(["idle", "warming"]), ["start_s", "end_s"]]
    down = spans.loc[spans["state"] == "down", ["start_s", "end_s"]]
    return (
        per_time(runs, runs.table["watts"], edges)
        + gpu.loaded_idle_w * overlap(edges, loaded)
        + gpu.idle_w * overlap(edges, down)
    )


def from_totals(total: dict[str, Floats], edges: Floats, replica: int = FLEET) -> pd.DataFrame:
    """Rows of the table: what is in the bins as means over them."""
    width = np.diff(edges)
    columns: dict[str, ArrayLike] = {
        "replica": np.full(len(width), replica),
        "start_s": edges[:-1],
        "end_s": edges[1:],
        "running": total["running_s"] / width,
        "waiting": total["waiting_s"] / width,
        "kv_use": _share(total["kv_s"], total["blocks_s"]),
        "prefill_tokens_per_s": total["prefill"] / width,
        "decode_tokens_per_s": total["decode"] / width,
        "busy_share": _share(total["busy_s"], total["held_s"]),
        "power_w": total["energy_j"] / width,
    }
    return frame("timeline", columns)


def queues(result: Result, edges: Floats, replica: int = FLEET) -> dict[str, Floats]:
    """Request-seconds spent waiting and running in each bin, from the requests themselves."""
    requests = result.requests[result.requests["outcome"] != "rejected"]
    if replica != FLEET:
        requests = requests[requests["replica"] == replica]
    end = result.horizon_s
    left = requests["finish_s"].fillna(end)
    admitted = requests["scheduled_s"].fillna(left)
    waits = np.column_stack([requests["arrival_s"], admitted])
    runs = np.column_stack([admitted, left])
    return {"waiting_s": overlap(edges, waits), "running_s": overlap(edges, runs)}


def _share(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
