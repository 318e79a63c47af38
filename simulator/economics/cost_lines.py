"""Cost lines: each a function of a run that gives US dollars; the bill is their sum.

A replica is busy, idle, warming, draining or down all the time it is held, so the rent falls into
these five and what is lost to whole billing quanta. Each pool has its own price.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
import pandas as pd

from simulator.record.by_pool import per_replica
from simulator.record.result import Result

__all__ = [
    "COST_LINES",
    "WORK_LINES",
    "gpu_rent_idle",
    "gpu_seconds",
    "paid_gpu_seconds",
    "paid_usd",
]


def gpu_rent_busy(result: Result) -> float:
    """GPUs that were computing, at the hourly price. [USD]"""
    return _rent(result, "busy")


def gpu_rent_idle(result: Result) -> float:
    """GPUs that were ready and had nothing to do, at the hourly price. [USD]"""
    return _rent(result, "idle")


def gpu_rent_warming(result: Result) -> float:
    """GPUs that were booting or loading weights, at the hourly price. [USD]"""
    return _rent(result, "warming")


def gpu_rent_down(result: Result) -> float:
    """GPUs that were held and out of order, at the hourly price. [USD]"""
    return _rent(result, "down")


def gpu_rent_draining(result: Result) -> float:
    """GPUs that worked off what they had before they were given back, at the hourly price. [USD]"""
    return _rent(result, "draining")


def gpu_rent_rounding(result: Result) -> float:
    """Rest of each started billing quantum, at the hourly price. [USD]"""
    held = result.replicas["gpus"] * _held_s(result)
    unused = (_paid_gpu_s(result) - held) * per_replica(result, "usd_per_gpu_s")
    return max(0.0, float(unused.sum()))


def endpoint_calls(result: Result) -> float:
    """What was asked of others, at their prices per token. [USD]"""
    return float(result.calls["usd"].sum())


COST_LINES: Final[Mapping[str, Callable[[Result], float]]] = {
    "gpu_rent_busy": gpu_rent_busy,
    "gpu_rent_idle": gpu_rent_idle,
    "gpu_rent_warming": gpu_rent_warming,
    "gpu_rent_down": gpu_rent_down,
    "gpu_rent_draining": gpu_rent_draining,
    "gpu_rent_rounding": gpu_rent_rounding,
    "endpoint_calls": endpoint_calls,
}
"""Lines of the bill, in the order in which it shows them."""

WORK_LINES: Final = ("gpu_rent_busy", "gpu_rent_draining")
"""Those that pay for work done, and are attributed to requests; the rest is overhead."""


def gpu_seconds(result: Result, state: str) -> float:
    """GPU-seconds that the fleet spent in a state. [GPU s]"""
    spans = result.intervals[result.intervals["state"] == state]
    gpus = result.replicas.set_index("replica")["gpus"].reindex(spans["replica"]).to_numpy()
    return float(((spans["end_s"] - spans["start_s"]).to_numpy() * gpus).sum())


def paid_gpu_seconds(result: Result) -> float:
    """GPU-seconds paid: each replica from its request to its end, in whole quanta. [GPU s]

    ``sum of gpus x ceil((stopped - requested) / quantum) x quantum``.
    """
    return float(_paid_gpu_s(result).sum())


def paid_usd(result: Result) -> pd.Series[float]:
    """Rent of each replica at its own price, in whole quanta, by its row. [USD]"""
    return _paid_gpu_s(result) * per_replica(result, "usd_per_gpu_s")


def _paid_gpu_s(result: Result) -> pd.Series[float]:
    quantum = per_replica(result, "billing_quantum_s")
    # A length that is a whole number of quanta but for rounding is that number.
    quanta = np.ceil(np.round(_held_s(result) / quantum, 9))
    return result.replicas["gpus"] * quanta * quantum


def _rent(result: Result, state: str) -> float:
    """Time in a state, each replica's at its own price. [USD]"""
    spans = result.intervals[result.intervals["state"] == state]
    price = result.replicas["gpus"] * per_replica(result, "usd_per_gpu_s")
    price.index = pd.Index(result.replicas["replica"])
    length = (spans["end_s"] - spans["start_s"]).to_numpy()
    return float((length * price.reindex(spans["replica"]).to_numpy()).sum())


def _held_s(result: Result) -> pd.Series[float]:
    return result.replicas["stopped_s"] - result.replicas["requested_s"]
