"""How near the GPUs came to their peaks, and the energy that took."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simulator.physics.power import Activity, watts
from simulator.physics.precision import peak_flops
from simulator.physics.work import StepWork
from simulator.record.by_pool import by_pool
from simulator.scenario import step_time_of

if TYPE_CHECKING:
    from simulator.record.result import Result

__all__ = [
    "Efficiency",
    "Energy",
    "efficiency",
    "energy",
    "joules_drawn",
    "middle_work",
    "run_watts",
]

Floats = NDArray[np.float64]


class Efficiency(NamedTuple):
    """Useful work over what the hardware could do at most; NaN where the load is not known."""

    mfu: float
    """Model FLOPs utilization: FLOP/s over the dense peak, over all the time GPUs were held."""
    mbu: float
    """Model bandwidth utilization: bytes/s read over the memory bandwidth, over the same time."""
    mfu_busy: float
    """MFU over the time in which a step was running."""
    mbu_busy: float


def efficiency(result: Result) -> Efficiency:
    """MFU and MBU of the fleet, padding and overheads not counted as work."""
    compute, memory = _activity(result)
    gpu_s = _gpus(result, result.steps["replica"]) * _took_s(result.steps)
    done, moved = float((compute * gpu_s).sum()), float((memory * gpu_s).sum())
    replicas = result.replicas
    held = float((replicas["gpus"] * (replicas["stopped_s"] - replicas["requested_s"])).sum())
    busy = float(gpu_s.sum())
    return Efficiency(
        *(part / whole if whole > 0 else np.nan for whole in (held, busy) for part in (done, moved))
    )


class Energy(NamedTuple):
    """Electrical energy of the GPUs alone: no servers, no cooling."""

    kwh: float
    mean_w: float
    """Over the whole run. [W]"""
    wh_per_request: float
    """Per completed request, idle time included. [Wh]"""
    joules_per_output_token: float
    """Per token generated, prompts and idle time included. [J]"""
    joules_per_step: float
    """Of all GPUs of a replica while a step runs, idle time left out. [J]"""
    idle_share: float
    """Of the energy, what was drawn while no step was running."""

    @classmethod
    def of(
        cls,
        busy_j: float,
        joules: float,
        run_s: float,
        completed: float,
        tokens: float,
        steps: float,
    ) -> Energy:
        """The energy of a run of so many requests, output tokens and steps. [J]"""
        return cls(
            kwh=float(joules) / 3.6e6,
            mean_w=_per(joules, run_s),
            wh_per_request=_per(joules / 3600, completed),
            joules_per_output_token=_per(joules, tokens),
            joules_per_step=_per(busy_j, steps),
            idle_share=1 - busy_j / joules if joules > 0 else np.nan,
        )


def energy(result: Result) -> Energy:
    """What the GPUs drew: by activity while they computed, loaded idle or bare idle otherwise."""
    busy_j, joules = joules_drawn(result)
    completed = int((result.requests["outcome"] == "completed").sum())
    tokens = result.requests["generated_tokens"].sum()
    steps = result.steps["num_steps"].sum()
    return Energy.of(busy_j, joules, result.horizon_s, completed, tokens, steps)


def joules_drawn(result: Result) -> tuple[float, float]:
    """What the GPUs drew while steps ran, and in all. [J]"""
    steps = result.steps
    busy_j = (run_watts(result) * _gpus(result, steps["replica"]) * _took_s(steps)).sum()
    spans = result.intervals
    gpu_s = _gpus(result, spans["replica"]) * (spans["end_s"] - spans["start_s"]).to_numpy()
    loaded = spans["state"].isin(["idle", "warming"]).to_numpy()
    down = (spans["state"] == "down").to_numpy()
    joules = busy_j
    for plan, mine in by_pool(result, spans["replica"]):
        joules += gpu_s[loaded & mine].sum() * plan.gpu.loaded_idle_w
        joules += gpu_s[down & mine].sum() * plan.gpu.idle_w
    return float(busy_j), float(joules)


def _per(whole: float, count: float) -> float:
    return float(whole) / float(count) if count > 0 else float("nan")


def run_watts(result: Result) -> Floats:
    """Draw of one GPU during each row of `steps`; its limit where the load is not known. [W]"""
    compute, memory = _activity(result)
    drawn: Floats = np.empty(len(compute))
    for plan, mine in by_pool(result, result.steps["replica"]):
        its = watts(plan.gpu, Activity(compute[mine], memory[mine]))
        drawn[mine] = np.where(np.isnan(its), plan.gpu.tdp_w, its)
    return drawn


def middle_work(steps: pd.DataFrame) -> StepWork:
    """Work of the step in the middle of each run; what is affine in it is so for the whole run."""
    half_way = steps["decode_seqs"] * ((steps["num_steps"] - 1) / 2.0)
    return StepWork(
        prefill_tokens=steps["prefill_tokens"].to_numpy(np.float64),
        prefill_seqs=steps["prefill_seqs"].to_numpy(np.float64),
        prefill_context=steps["prefill_context"].to_numpy(np.float64),
        prefill_pairs=steps["prefill_pairs"].to_numpy(np.float64),
        decode_seqs=steps["decode_seqs"].to_numpy(np.float64),
        decode_context=(steps["decode_context"] + half_way).to_numpy(np.float64),
    )


def _activity(result: Result) -> Activity:
    """Shares of its peaks that a GPU uses during each row of `steps`; NaN where not known."""
    steps = result.steps
    compute, memory = np.full(len(steps), np.nan), np.full(len(steps), np.nan)
    for plan, mine in by_pool(result, steps["replica"]):
        rows = steps[mine]
        load = step_time_of(plan).load(middle_work(rows))
        peak = peak_flops(plan.gpu, plan.engine.layout(plan.model).weights_precision)
        seconds = _took_s(rows) / rows["num_steps"].to_numpy()
        compute[mine] = _share(load.flops, peak * seconds)
        memory[mine] = _share(load.bytes, plan.gpu.bytes_per_s * seconds)
    return Activity(compute, memory)


def _share(part: Floats, whole: Floats) -> Floats:
    known = (whole > 0) & (part > 0)
    share: Floats = np.divide(part, whole, out=np.full(len(whole), np.nan), where=known)
    return share


def _took_s(steps: pd.DataFrame) -> Floats:
    took: Floats = (steps["end_s"] - steps["start_s"]).to_numpy()
    return took


def _gpus(result: Result, replica: pd.Series[int]) -> Floats:
    """GPUs of the replica of each row."""
    return result.replicas.set_index("replica")["gpus"].reindex(replica).to_numpy(np.float64)
