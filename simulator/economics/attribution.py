"""Whose time it was: each step's seconds divided over the requests that shared it."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simulator.economics.stays import stay_seconds
from simulator.physics.work import StepShares, StepWork
from simulator.record.by_pool import by_pool
from simulator.record.efficiency import middle_work
from simulator.record.result import Result
from simulator.record.runs import Runs
from simulator.record.tokens import Work, work
from simulator.scenario import step_time_of

__all__ = ["attribute", "step_shares"]

Floats = NDArray[np.float64]

COLUMNS = ("prefill_gpu_s", "cached_gpu_s", "recompute_gpu_s", "decode_gpu_s")


def attribute(result: Result) -> pd.DataFrame:
    """GPU time of each request: one row a request, GPU-seconds in columns that do not overlap.

    A step's time is divided by what each request had in it, as `StepTime.shares` says: what every
    step costs equally over its sequences, the rest to the tokens, attention pairs and context that
    cause it. For a step time that is affine in these that is the Shapley value of the game in which
    a coalition costs the time of its own step (Shapley 1953): symmetric, additive, and with nothing
    left over, so that the table sums to the time in which the fleet's GPUs were computing.

    Returns
    -------
    DataFrame with the index of ``result.requests`` and the columns [GPU s]

    * prefill_gpu_s : computing prompt tokens for the first time, attention to cached ones apart.
    * cached_gpu_s : attention of computed prompt tokens to those that came from the cache.
    * recompute_gpu_s : computing again what a preemption threw away.
    * decode_gpu_s : one token a step, and the draft tokens verified with it.
    """
    runs = Runs.of(result.steps)
    shares = step_shares(result, runs)
    done = work(result, runs)
    chunks, stays = np.flatnonzero(~done.is_stay & ~done.is_draft), np.flatnonzero(done.is_stay)
    drafts = np.flatnonzero(done.is_draft)
    seconds = np.zeros((len(COLUMNS), len(done.request)))
    seconds[:3, chunks] = _chunk_seconds(result, runs, shares, done, chunks)
    seconds[3, stays] = stay_seconds(
        runs,
        np.asarray(shares.per_seq_s + shares.per_decode_token_s),
        np.asarray(shares.per_context_s),
        done.first_serial[stays],
        done.last_serial[stays],
        result.decodes["context"].to_numpy()[done.row[stays]],
    )
    seconds[3, drafts] = _token_seconds(result, runs, shares, done, drafts)
    gpus = result.replicas.set_index("replica")["gpus"].reindex(done.replica).to_numpy()
    n = len(result.requests)
    columns = {
        name: np.bincount(done.request, weights=row * gpus, minlength=n)
        for name, row in zip(COLUMNS, seconds, strict=True)
    }
    return pd.DataFrame(columns, index=result.requests.index)


def step_shares(result: Result, runs: Runs) -> StepShares:
    """Shares of each run of steps, scaled so that they add up to the time it really took.

    They are taken in the middle of a run. Where the time is affine in the context that is exact for
    each of its steps; where a floor binds, for the run as a whole.
    """
    middle = middle_work(runs.table)
    shares = StepShares(*(np.zeros(len(runs)) for _ in StepShares._fields))
    for plan, mine in by_pool(result, runs.replica):
        part = step_time_of(plan).shares(StepWork(*(column[mine] for column in middle)))
        for whole, its in zip(shares, part, strict=True):
            whole[mine] = its
    total = _per_step_s(shares, middle) * runs.num_steps
    took = runs.duration_s
    scale = np.divide(took, total, out=np.zeros_like(took), where=total > 0)
    return StepShares(*(share * scale for share in shares))


def _per_step_s(shares: StepShares, w: StepWork) -> Floats:
    seconds: Floats = (
        shares.per_seq_s * (w.prefill_seqs + w.decode_seqs)
        + shares.per_prefill_token_s * w.prefill_tokens
        + shares.per_prefill_pair_s * w.prefill_pairs
        + shares.per_decode_token_s * w.decode_seqs
        + shares.per_context_s * w.decode_context
    )
    return seconds


def _chunk_seconds(
    result: Result, runs: Runs, shares: StepShares, done: Work, which: NDArray[np.int64]
) -> tuple[Floats, Floats, Floats]:
    """Time of each chunk, cut into three: first computation, attention to the cache, repetition."""
    chunk = result.chunks.iloc[done.row[which]]
    tokens, context = chunk["tokens"].to_numpy(), chunk["context"].to_numpy()
    run = runs.row(done.first_serial[which])
    per_pair = shares.per_prefill_pair_s[run]
    whole = shares.per_seq_s[run] + _token_seconds(result, runs, shares, done, which)
    again = whole * (done.recomputed[which] / tokens)
    to_cache = per_pair * tokens * np.minimum(_cached_before(done, chunk, which), context)
    to_cache = np.minimum(to_cache, whole - again)
    return whole - again - to_cache, to_cache, again


def _token_seconds(
    result: Result, runs: Runs, shares: StepShares, done: Work, which: NDArray[np.int64]
) -> Floats:
    """Time of the tokens and the attention pairs of each chunk. [s]"""
    chunk = result.chunks.iloc[done.row[which]]
    tokens, context = chunk["tokens"].to_numpy(), chunk["context"].to_numpy()
    run = runs.row(done.first_serial[which])
    pairs = tokens * context + tokens * (tokens + 1) / 2.0
    seconds: Floats = (
        shares.per_prefill_token_s[run] * tokens + shares.per_prefill_pair_s[run] * pairs
    )
    return seconds


def _cached_before(done: Work, chunk: pd.DataFrame, which: NDArray[np.int64]) -> NDArray[np.int64]:
    """Tokens that the admission a chunk belongs to took from the cache. [tokens]"""
    begins = np.flatnonzero(~_continues(done.request[which], chunk))
    admission = np.searchsorted(begins, np.arange(len(which)), side="right") - 1
    cached: NDArray[np.int64] = chunk["cached"].to_numpy()[begins[admission]]
    return cached


def _continues(request: NDArray[np.int64], chunk: pd.DataFrame) -> NDArray[np.bool_]:
    """Whether a chunk goes on where the same request's chunk before it ended."""
    end = (chunk["context"] + chunk["tokens"]).to_numpy()
    context, cached = chunk["context"].to_numpy(), chunk["cached"].to_numpy()
    goes_on = np.zeros(len(request), dtype=bool)
    goes_on[1:] = (request[1:] == request[:-1]) & (context[1:] == end[:-1]) & (cached[1:] == 0)
    return goes_on
