"""KV-block-seconds: how much of the cache each request held, and for how long."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.economics.stays import stay_seconds
from simulator.record.result import Result
from simulator.record.runs import Runs
from simulator.record.tokens import work

__all__ = ["kv_block_seconds"]

Floats = NDArray[np.float64]


def kv_block_seconds(result: Result) -> Floats:
    """Blocks held, integrated over the time they were held, of each request. [block s]

    The right price where admission is limited by memory: who holds blocks keeps others out. A
    block that several requests share counts for each. While a request decodes, a block that is not
    full yet counts whole, on average half a block more than the tokens need.

    Returns
    -------
    Shape (requests,), in the order of ``result.requests``.
    """
    runs = Runs.of(result.steps)
    done = work(result, runs)
    size = result.scenario.engine.block_size
    held = np.zeros(len(done.request))
    stays, chunks = np.flatnonzero(done.is_stay), np.flatnonzero(~done.is_stay & ~done.is_draft)
    step_s = runs.duration_s / runs.num_steps
    # Before step j of a stay c + j tokens are there; then one more.
    held[stays] = stay_seconds(
        runs,
        step_s * (1 + (size - 1) / 2) / size,
        step_s / size,
        done.first_serial[stays],
        done.last_serial[stays],
        result.decodes["context"].to_numpy()[done.row[stays]],
    )
    chunk = result.chunks.iloc[done.row[chunks]]
    end = (chunk["context"] + chunk["tokens"]).to_numpy()
    held[chunks] = np.ceil(end / size) * _held_s(runs, done.first_serial[chunks])
    total = np.bincount(done.request, weights=held, minlength=len(result.requests))
    return total.astype(np.float64)


def _held_s(runs: Runs, serial: NDArray[np.int64]) -> Floats:
    """Length of single steps. [s]"""
    return runs.end_of(serial) - runs.start_of(serial)
