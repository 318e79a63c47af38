"""Usage: what of a run a price can be put on; all that a cost line may know of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from simulator.economics.capital import HOURS_PER_MONTH
from simulator.economics.cost_lines import gpu_seconds
from simulator.economics.people import merged_episodes
from simulator.record.efficiency import run_watts
from simulator.record.metrics import meets_slo
from simulator.record.result import Result
from simulator.record.tables import STATES

__all__ = ["SECONDS_PER_MONTH", "Usage", "stretches", "usage_of"]

Floats = NDArray[np.float64]
SECONDS_PER_MONTH = HOURS_PER_MONTH * 3600
QUARTER_S = 900.0
BREACH_WINDOW_S = 300.0
BREACH_SHARE = 0.9
"""A window in which fewer requests than this share were good is a breach of the SLO."""

NONE: Floats = np.zeros(0)


@dataclass(frozen=True, kw_only=True, eq=False)
class Usage:
    """A stretch of time on a fleet, in quantities."""

    seconds: float
    """How long it was. [s]"""
    gpu_s: Mapping[str, float]
    """GPU-seconds by what the replicas did: busy, idle, warming, down … [GPU s]"""
    gpus_per_replica: int = 1
    held: Floats = field(default_factory=NONE.copy)
    """Replicas held, in order of time, shape (n,)."""
    lasted_s: Floats = field(default_factory=NONE.copy)
    """For how long each. [s]"""
    life_s: Floats = field(default_factory=NONE.copy)
    """From request to release of each replica. [s]"""
    standing: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, dtype=bool))
    """Whether it was there from the start to the end, so that its life goes on beyond both."""
    idle_gaps_s: Floats = field(default_factory=NONE.copy)
    """Unbroken idle times of a replica. [s]"""
    dynamic_kwh: float = 0.0
    """Drawn by the GPUs above what they draw with nothing to do. [kWh]"""
    peak_dynamic_kw: float = 0.0
    """The same in the hungriest quarter of an hour, mean over it. [kW]"""
    e2e_mean_s: float = 0.0
    requests: float = 0.0
    """Completed."""
    good: float = 0.0
    """Completed within the SLO."""
    prompt_tokens: float = 0.0
    output_tokens: float = 0.0
    incidents: float = 0.0
    """Failures, and episodes in which the SLO was broken."""

    @property
    def held_gpu_s(self) -> float:
        """GPU-seconds held, busy or not. [GPU s]"""
        return float(sum(self.gpu_s.values()))

    @property
    def months(self) -> float:
        """How long it was. [month]"""
        return self.seconds / SECONDS_PER_MONTH

    @property
    def peak_gpus(self) -> int:
        """GPUs held at most."""
        return int(self.held.max(initial=0)) * self.gpus_per_replica

    def share(self, state: str) -> float:
        """Share of the GPU time held that was spent in a state."""
        return self.gpu_s.get(state, 0.0) / self.held_gpu_s if self.held_gpu_s > 0 else 0.0

    def rounding_gpu_s(self, quantum_s: float) -> float:
        """Rest of the last billing quantum of each life that ended; standing ones go on. [GPU s]"""
        ended = self.life_s[~self.standing]
        # A length that is a whole number of quanta but for rounding is that number.
        paid = np.ceil(np.round(ended / quantum_s, 9)) * quantum_s
        return float((np.maximum(paid - ended, 0.0)).sum()) * self.gpus_per_replica

    def times(self, factor: float) -> Usage:
        """The same need on `factor` times the GPUs: for what-ifs, not for queues."""
        return replace(
            self,
            gpu_s={state: seconds * factor for state, seconds in self.gpu_s.items()},
            held=self.held * factor,
        )


def stretches(held: Floats, lasted_s: Floats, level: int) -> Floats:
    """Lengths of the unbroken times in which at least `level` replicas were held. [s]

    >>> stretches(np.array([1, 2, 3, 1, 2]), np.array([1.0, 2.0, 3.0, 4.0, 5.0]), 2).tolist()
    [5.0, 5.0]
    """
    above = held >= level
    number = np.cumsum(np.diff(above, prepend=False) & above)
    lengths: Floats = np.bincount(number[above], weights=lasted_s[above]).astype(np.float64)
    return lengths[1:]


def usage_of(result: Result) -> Usage:
    """Quantities of a run."""
    replicas, requests = result.replicas, result.requests
    held, lasted = _held(result)
    good = meets_slo(result)
    completed = (requests["outcome"] == "completed").to_numpy()
    idle = result.intervals[result.intervals["state"] == "idle"]
    kwh, peak_kw = _dynamic(result)
    e2e = requests.loc[completed, "e2e_s"].to_numpy()
    whole = (replicas["requested_s"] <= 0) & (replicas["stopped_s"] >= result.horizon_s)
    return Usage(
        seconds=result.horizon_s,
        gpu_s={state: gpu_seconds(result, state) for state in STATES},
        gpus_per_replica=int(replicas["gpus"].max()) if len(replicas) else 1,
        held=held,
        lasted_s=lasted,
        life_s=(replicas["stopped_s"] - replicas["requested_s"]).to_numpy(np.float64),
        standing=whole.to_numpy(),
        idle_gaps_s=(idle["end_s"] - idle["start_s"]).to_numpy(np.float64),
        dynamic_kwh=kwh,
        peak_dynamic_kw=peak_kw,
        e2e_mean_s=float(e2e.mean()) if len(e2e) else 0.0,
        requests=float(completed.sum()),
        good=float(good.sum()),
        prompt_tokens=float(requests["prompt_tokens"].sum()),
        output_tokens=float(requests["generated_tokens"].sum()),
        incidents=float(_incidents(result, good)),
    )


def _held(result: Result) -> tuple[Floats, Floats]:
    """Number of replicas held over time: values and how long each lasted."""
    begin = result.replicas["requested_s"].to_numpy(np.float64)
    end = result.replicas["stopped_s"].to_numpy(np.float64)
    instants = np.unique(np.concatenate([[0.0, result.horizon_s], begin, end]))
    middle = (instants[1:] + instants[:-1]) / 2
    held = ((begin[:, None] <= middle) & (middle < end[:, None])).sum(axis=0)
    return held.astype(np.float64), np.diff(instants)


def _dynamic(result: Result) -> tuple[float, float]:
    """Energy above the idle draw, and its mean power in the worst quarter of an hour."""
    steps = result.steps
    gpus = result.replicas.set_index("replica")["gpus"].reindex(steps["replica"]).to_numpy()
    took = (steps["end_s"] - steps["start_s"]).to_numpy()
    above = np.maximum(run_watts(result) - result.scenario.gpu.loaded_idle_w, 0.0)
    joules = above * gpus * took
    bins = max(1, int(np.ceil(result.horizon_s / QUARTER_S)))
    which = np.minimum((steps["start_s"].to_numpy() // QUARTER_S).astype(int), bins - 1)
    per_bin = np.bincount(which, weights=joules, minlength=bins)
    width = min(QUARTER_S, max(result.horizon_s, 1e-9))
    return float(joules.sum()) / 3.6e6, float(per_bin.max(initial=0.0)) / width / 1000


def _incidents(result: Result, good: NDArray[np.bool_]) -> int:
    """Failures of replicas, and windows in which too few requests were good; near ones are one."""
    down = result.intervals.loc[result.intervals["state"] == "down", "start_s"].to_numpy()
    arrived = result.requests["arrival_s"].to_numpy()
    window = (arrived // BREACH_WINDOW_S).astype(int)
    came = np.bincount(window)
    fine = np.bincount(window, weights=good, minlength=len(came))
    broken = np.flatnonzero((came > 0) & (fine < BREACH_SHARE * came)) * BREACH_WINDOW_S
    return merged_episodes(np.concatenate([down, broken]))
