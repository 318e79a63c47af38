"""A request alone on a replica: the least that latency can be, whatever the number of replicas."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from experiments.targets import Target
from simulator.physics.work import StepWork
from simulator.scenario import Scenario, step_time_of
from workloads.trace import Trace

__all__ = ["Alone", "alone", "cannot_be", "service_rate"]

BUSY = 0.7
"""Share of the time that a replica can be busy before waits grow, as a first guess."""

Floats = NDArray[np.float64]
QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "max": 1.0}
SLACK = 0.98
"""A bound is called impossible only if it lies this far below what a request takes alone."""


class Alone(NamedTuple):
    """Latency of each request of a trace on an empty replica, shape (rows,). [s]"""

    ttft_s: Floats
    tpot_s: Floats
    """NaN for an answer of one token."""
    e2e_s: Floats


def alone(scenario: Scenario, trace: Trace) -> Alone:
    """What each request takes if nothing else is there and nothing of its prompt is cached."""
    step_time = step_time_of(scenario)
    before_s, sending_s = step_time.client_overhead if scenario.client_overhead else (0.0, 0.0)
    prompt = trace.prompt_tokens.astype(np.float64)
    answer = trace.output_tokens.astype(np.float64)
    pairs = prompt * (prompt + 1) / 2
    prefill_s = np.asarray(
        step_time.seconds(StepWork(prompt, np.ones_like(prompt), 0 * prompt, pairs, 0 * prompt))
    )
    line = step_time.decode_line(1)
    middle = prompt + answer / 2
    decode_s = np.maximum(line.floor_s, line.constant_s + line.per_context_s * middle)
    ttft_s = prefill_s + before_s + sending_s
    tpot_s = np.where(answer > 1, decode_s + sending_s, np.nan)
    e2e_s = ttft_s + np.where(answer > 1, (decode_s + sending_s) * (answer - 1), 0.0)
    return Alone(ttft_s, tpot_s, e2e_s)


def cannot_be(scenario: Scenario, trace: Trace, target: Target) -> str:
    """Why no number of replicas keeps a target, or nothing if some may.

    Knows percentiles and means of TTFT, TPOT and E2E; says nothing where a prompt may be found in
    the cache, or tokens come several at a time.
    """
    metric, _, which = target.metric.partition(".")
    if target.at_most is None or metric not in ("ttft", "tpot", "e2e"):
        return ""
    cached = trace.segments is not None and scenario.engine.enable_prefix_caching
    if scenario.engine.speculative_config is not None or (cached and metric != "tpot"):
        return ""
    values = getattr(alone(scenario, trace), f"{metric}_s")
    values = values[np.isfinite(values)]
    if not len(values) or which not in (*QUANTILES, "mean"):
        return ""
    least = float(values.mean() if which == "mean" else np.quantile(values, QUANTILES[which]))
    if least * SLACK <= target.at_most:
        return ""
    return (
        f"{metric.upper()} {which} would be {1e3 * least:,.0f} ms with every request alone on a "
        f"replica; {1e3 * target.at_most:,.0f} ms are asked for"
    )


def service_rate(scenario: Scenario, trace: Trace, tpot_s: float | None = None) -> float:
    """Requests a second that one replica might bear: a guess, for a search to begin with.

    A replica that always decodes as many sequences as memory, `max_num_seqs` and the bound on TPOT
    allow, 70 % of the time.

    Raises
    ------
    InputError
        If the model does not fit the GPU.
    """
    prompt, answer = float(trace.prompt_tokens.mean()), float(trace.output_tokens.mean())
    blocks, block_size = scenario.num_gpu_blocks(), scenario.engine.block_size
    seqs = scenario.engine.max_num_seqs or 1
    most = max(1, min(seqs, int(blocks * block_size / (prompt + answer))))
    step_time = step_time_of(scenario)

    def decode_s(batch: int) -> float:
        line = step_time.decode_line(batch)
        context = batch * (prompt + answer / 2)
        return float(max(line.floor_s, line.constant_s + line.per_context_s * context))

    low, high = 1, most
    while tpot_s is not None and low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if decode_s(middle) <= tpot_s / 1.3 else (low, middle - 1)
    batch = high
    pairs = prompt * (prompt + 1) / 2
    prefill_s = float(step_time.seconds(StepWork(prompt, 1, 0, pairs, 0, 0)))
    return BUSY / (prefill_s + answer * decode_s(batch) / batch)
