"""What the fleet did with its time: shares, idle gaps, batches, memory and concurrency."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.record.distribution import Distribution, describe
from simulator.record.tables import STATES

if TYPE_CHECKING:
    from simulator.record.result import Result

__all__ = [
    "BatchSize",
    "Concurrency",
    "IdleTime",
    "KVUse",
    "batch_size",
    "busy_share",
    "concurrency",
    "idle_time",
    "kv_use",
    "provisioned_s",
    "state_shares",
]

Floats = NDArray[np.float64]


def provisioned_s(result: Result) -> float:
    """Replica-seconds held, from request to release, summed over replicas. [s]"""
    return float((result.replicas["stopped_s"] - result.replicas["requested_s"]).sum())


def state_shares(result: Result) -> dict[str, float]:
    """Share of the provisioned time spent in each state; the shares add up to one."""
    length = result.intervals["end_s"] - result.intervals["start_s"]
    by_state = length.groupby(result.intervals["state"], observed=False).sum()
    whole = provisioned_s(result)
    return {s: float(by_state.get(s, 0.0)) / whole if whole > 0 else np.nan for s in STATES}


def busy_share(result: Result) -> float:
    """Share of the provisioned time in which a step was running."""
    return state_shares(result)["busy"]


class IdleTime(NamedTuple):
    """Time in which a replica was ready and had nothing to do."""

    share: float
    """Of the provisioned time."""
    total_s: float
    """Over all replicas. [s]"""
    gaps: Distribution
    """Lengths of the unbroken idle stretches; `n` is how many, `max` the longest. [s]"""


def idle_time(result: Result) -> IdleTime:
    """How much of the time was idle, and in gaps of what length."""
    idle = result.intervals[result.intervals["state"] == "idle"]
    length = (idle["end_s"] - idle["start_s"]).to_numpy()
    length = length[length > 0]
    return IdleTime(state_shares(result)["idle"], float(length.sum()), describe(length))


class BatchSize(NamedTuple):
    """Sequences in a step, prefilling and decoding ones together."""

    mean: float
    """Over steps."""
    time_mean: float
    """Over busy time: a long step counts more."""
    peak: int
    tokens_per_step: float
    """Tokens computed in a step, mean over steps."""


def batch_size(result: Result) -> BatchSize:
    """How many sequences shared a step; NaN when nothing ran."""
    steps = result.steps
    n = steps["num_steps"].to_numpy()
    if n.sum() == 0:
        return BatchSize(np.nan, np.nan, 0, np.nan)
    sequences = (steps["prefill_seqs"] + steps["decode_seqs"]).to_numpy()
    tokens = (steps["prefill_tokens"] + steps["decode_seqs"]).to_numpy()
    busy = (steps["end_s"] - steps["start_s"]).to_numpy()
    over_time = float(np.average(sequences, weights=busy)) if busy.sum() > 0 else np.nan
    return BatchSize(
        mean=float(np.average(sequences, weights=n)),
        time_mean=over_time,
        peak=int(sequences.max()),
        tokens_per_step=float(np.average(tokens, weights=n)),
    )


class KVUse(NamedTuple):
    """Share of the KV blocks that are held."""

    mean: float
    """Over the time in which replicas were ready or draining; an idle replica holds none."""
    busy_mean: float
    """Over busy time."""
    peak: float


def kv_use(result: Result) -> KVUse:
    """How full the KV cache was."""
    blocks = result.replicas.set_index("replica")["num_gpu_blocks"]
    pool = blocks.reindex(result.steps["replica"]).to_numpy()
    first, last = (held / pool for held in kv_blocks(result))
    share = (first + last) / 2
    busy = (result.steps["end_s"] - result.steps["start_s"]).to_numpy()
    length = result.intervals["end_s"] - result.intervals["start_s"]
    ready_s = float(length[result.intervals["state"].isin(["busy", "idle", "draining"])].sum())
    held = float((share * busy).sum())
    busy_s = float(busy.sum())
    return KVUse(
        mean=held / ready_s if ready_s > 0 else np.nan,
        busy_mean=held / busy_s if busy_s > 0 else np.nan,
        peak=float(last.max()) if len(last) else np.nan,
    )


def kv_blocks(result: Result) -> tuple[Floats, Floats]:
    """KV blocks held in the first and in the last step of each row of `steps`. [blocks]

    Known when the run was composed; from there on each decoding sequence takes a block every
    `block_size` steps, so the last is right to within one block a sequence, up to the pool.
    """
    steps = result.steps
    first = steps["kv_blocks"].to_numpy().astype(np.float64)
    grown = steps["decode_seqs"] * (steps["num_steps"] - 1) / result.scenario.engine.block_size
    pool = result.replicas.set_index("replica")["num_gpu_blocks"].reindex(steps["replica"])
    return first, np.minimum(first + grown.to_numpy(), pool.to_numpy() - 1.0)


class Concurrency(NamedTuple):
    """Requests in the system at once, waiting or running: what a fleet must be sized on."""

    mean: float
    """Over time; by Little's law, requests per second times the mean time in the system."""
    p999: float
    """In 99.9 % of the time there are no more than this."""
    peak: int


def in_system(result: Result) -> tuple[Floats, NDArray[np.int64]]:
    """Number of requests in the system as a step function of time.

    Returns the instants at which it may change, from 0 to the end of the run, shape (m + 1,), and
    the numbers between them, shape (m,). A request is in the system from its arrival to its last
    token; one that was refused never is, an unfinished one is to the end.
    """
    served = result.requests[result.requests["outcome"] != "rejected"]
    end = result.horizon_s
    came = np.sort(np.minimum(served["arrival_s"].to_numpy(), end))
    left = np.sort(np.minimum(served["finish_s"].fillna(end).to_numpy(), end))
    instants = np.unique(np.concatenate([[0.0, end], came, left]))
    at = instants[:-1]
    number = np.searchsorted(came, at, side="right") - np.searchsorted(left, at, side="right")
    return instants, number


def concurrency(result: Result) -> Concurrency:
    """Mean, 99.9th percentile and peak of the requests in the system, exactly."""
    instants, number = in_system(result)
    length = np.diff(instants)
    if length.sum() <= 0:
        return Concurrency(np.nan, np.nan, 0)
    order = np.argsort(number, kind="stable")
    share = np.cumsum(length[order]) / length.sum()
    p999 = number[order][min(int(np.searchsorted(share, 0.999)), len(order) - 1)]
    return Concurrency(
        float((number * length).sum() / length.sum()), float(p999), int(number.max())
    )
