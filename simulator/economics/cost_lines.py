"""Cost lines: each a function of a run that gives US dollars; the bill is their sum.

A replica is busy, idle, warming or down all the time it is held, so the rent falls into these four
and what is lost to whole billing quanta.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
import pandas as pd

from simulator.record.result import Result

__all__ = ["COST_LINES", "WORK_LINES", "gpu_rent_idle", "gpu_seconds", "paid_gpu_seconds"]


def gpu_rent_busy(result: Result) -> float:
    """GPUs that were computing, at the hourly price. [USD]"""
    return gpu_seconds(result, "busy") * _price(result)


def gpu_rent_idle(result: Result) -> float:
    """GPUs that were ready and had nothing to do, at the hourly price. [USD]"""
    return gpu_seconds(result, "idle") * _price(result)


def gpu_rent_warming(result: Result) -> float:
    """GPUs that were booting or loading weights, at the hourly price. [USD]"""
    return gpu_seconds(result, "warming") * _price(result)


def gpu_rent_down(result: Result) -> float:
    """GPUs that were held and out of order, at the hourly price. [USD]"""
    return gpu_seconds(result, "down") * _price(result)


def gpu_rent_rounding(result: Result) -> float:
    """Rest of each started billing quantum, at the hourly price. [USD]"""
    held = result.replicas["gpus"] * _held_s(result)
    unused = max(0.0, paid_gpu_seconds(result) - float(held.sum()))
    return unused * _price(result)


COST_LINES: Final[Mapping[str, Callable[[Result], float]]] = {
    "gpu_rent_busy": gpu_rent_busy,
    "gpu_rent_idle": gpu_rent_idle,
    "gpu_rent_warming": gpu_rent_warming,
    "gpu_rent_down": gpu_rent_down,
    "gpu_rent_rounding": gpu_rent_rounding,
}
"""Lines of the bill, in the order in which it shows them."""

WORK_LINES: Final = ("gpu_rent_busy",)
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
    quantum = result.scenario.offer.billing_quantum_s
    # A length that is a whole number of quanta but for rounding is that number.
    quanta = np.ceil(np.round(_held_s(result) / quantum, 9))
    return float((result.replicas["gpus"] * quanta * quantum).sum())


def _price(result: Result) -> float:
    return float(result.scenario.offer.usd_per_gpu_s)


def _held_s(result: Result) -> pd.Series[float]:
    return result.replicas["stopped_s"] - result.replicas["requested_s"]
