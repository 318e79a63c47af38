"""A toy fleet that serves at random and remembers everything twice: as tables and as plain lists.

It preempts, passes over, rejects and leaves unfinished as the dice fall, far more often than a real
engine would, so that what is read off the tables can be compared with what happened.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

from hardware_profiles.offer import Offer
from simulator.record.result import Result
from simulator.record.tables import frame, names
from simulator.scenario import SLO, Scenario
from simulator.step_time_model import Linear

C0, C_TOK, C_CTX, C_SEQ = 5e-3, 4e-5, 2e-8, 3e-4
BLOCKS = 4000


STEP_TIME = Linear(c0=C0, c_tok=C_TOK, c_ctx=C_CTX, c_seq=C_SEQ)


@dataclass
class Job:
    """One request on its way through the toy."""

    row: int
    arrival: float
    prompt: int
    output: int
    computed: int = 0
    given: int = 0
    cached: int = -1
    cached_total: int = 0
    preemptions: int = 0
    scheduled: float = np.nan
    highest: int = 0
    tokens_at: list[float] = field(default_factory=list)
    cost: float = 0.0
    cost_prefill: float = 0.0
    recomputed: int = 0
    fresh_cached: int = 0
    outcome: str = "unfinished"
    finish: float = np.nan
    replica: int = -1


@dataclass
class Toy:
    """The tables, and what really happened."""

    result: Result
    jobs: list[Job]
    busy_s: float

    def with_scenario(self, other: Scenario) -> Result:
        """The same run under other promises and prices."""
        return replace(self.result, scenario=other)

    def lasting(self, horizon_s: float) -> Result:
        """The same tables in a run of another length."""
        return replace(self.result, horizon_s=horizon_s)


OFFER = {
    "name": "toy", "source": "made up", "checked": "2026-01-01", "confidence": "C",
    "gpu": "h100-sxm", "provider": "nobody", "mode": "on_demand", "usd_per_gpu_hour": 3.6,
    "billing_quantum_s": 60.0,
}  # fmt: skip


@cache
def _plain() -> Scenario:
    parts = {
        "name": "toy",
        "traffic": "steady-chat",
        "model": "llama-3.1-8b",
        "gpu": "h100-sxm",
        "slo": {"ttft_s": 0.5, "tpot_s": 0.02},
        "step_time": STEP_TIME,
        "offer": OFFER,
    }
    return Scenario.parse(parts)


def scenario(slo: dict[str, float] | None = None, **offer: float) -> Scenario:
    """The scenario that the toy pretends to run, with another promise or price."""
    changes: dict[str, Any] = {"offer": Offer.parse({**OFFER, **offer})}
    if slo is not None:
        changes["slo"] = SLO.parse(slo)
    return _plain().model_copy(update=changes)


def toy_run(seed: int = 0, requests: int = 60, replicas: int = 2, horizon: float = 12.0) -> Toy:
    """Serve `requests` random requests and stop the clock at `horizon`."""
    rng = np.random.default_rng(seed)
    arrivals = np.sort(rng.uniform(0, horizon * 0.6, requests))
    jobs = [
        Job(i, float(t), int(rng.integers(1, 400)), int(rng.integers(1, 60)))
        for i, t in enumerate(arrivals)
    ]
    tables: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for job in jobs:
        job.replica = int(rng.integers(replicas))
        if rng.random() < 0.05:
            job.outcome, job.finish, job.replica = "rejected", job.arrival, -1
    busy = sum(_serve(rng, r, jobs, tables, horizon) for r in range(replicas))
    frames = {name: _frame(name, tables[name]) for name in Result.TABLES if name != "requests"}
    frames["requests"] = _requests(jobs)
    return Toy(Result(scenario=scenario(), version="0", horizon_s=horizon, **frames), jobs, busy)


def _serve(rng: np.random.Generator, r: int, jobs: list[Job], tables: Any, horizon: float) -> float:
    mine = [j for j in jobs if j.replica == r]
    waiting: list[Job] = []
    running: list[Job] = []
    rows: list[dict[str, Any]] = []
    ready = 0.5 if r else 0.0
    now, step, busy = ready, 0, 0.0
    if ready:
        _interval(tables, r, "warming", 0.0, ready)
    while now < horizon:
        while mine and mine[0].arrival <= now:
            waiting.append(mine.pop(0))
        if not waiting and not running:
            until = min(mine[0].arrival if mine else horizon, horizon)
            _interval(tables, r, "idle", now, until)
            now = until
            continue
        work = _compose(rng, waiting, running, now)
        row, seconds = _step_row(r, step, now, work, len(running), len(waiting))
        if now + seconds > horizon:
            _interval(tables, r, "idle", now, horizon)
            break
        rows.append(row)
        _commit(work, running, now + seconds, row, tables, r, step)
        _interval(tables, r, "busy", now, now + seconds)
        now, step, busy = now + seconds, step + 1, busy + seconds
    tables["steps"] += _merged(rows)
    tables["replicas"].append(
        {"replica": r, "gpus": 1 + r, "requested_s": 0.0, "ready_s": ready, "stopped_s": horizon,
         "num_gpu_blocks": BLOCKS, "pool": ""}
    )  # fmt: skip
    return busy


def _compose(
    rng: np.random.Generator, waiting: list[Job], running: list[Job], now: float
) -> list[tuple[Job, int, int]]:
    """(job, tokens, cached before this chunk) of each that takes part in the step."""
    if running and rng.random() < 0.05:
        victim = running.pop()
        victim.computed = 0
        victim.preemptions += 1
        waiting.insert(0, victim)
        preempted = bool(running)
    else:
        preempted = False
    work: list[tuple[Job, int, int]] = []
    for job in running:
        n = job.prompt + job.given - job.computed
        if rng.random() < 0.98 or job is running[0]:
            work.append((job, n if n == 1 else int(min(n, rng.integers(1, 200))), 0))
    while waiting and not preempted and (not work or rng.random() < 0.6):
        job = waiting.pop(0)
        known = job.prompt + job.given
        cached = int(rng.choice([0, 0, (known - 1) // 2]))
        job.computed = cached
        job.cached_total += cached
        if job.cached < 0:
            job.cached, job.scheduled = cached, now
        running.append(job)
        work.append((job, int(min(known - cached, rng.integers(1, 400))), cached))
    return work


def _step_row(
    r: int, step: int, now: float, work: Any, running: int, waiting: int
) -> tuple[dict[str, Any], float]:
    prefill = [(j, n) for j, n, _ in work if _is_prefill(j, n)]
    decode = [j for j, n, _ in work if not _is_prefill(j, n)]
    row = {
        "replica": r,
        "first_step": step,
        "num_steps": 1,
        "start_s": now,
        "prefill_tokens": sum(n for _, n in prefill),
        "prefill_seqs": len(prefill),
        "prefill_context": sum(j.computed for j, _ in prefill),
        "prefill_pairs": sum(n * j.computed + n * (n + 1) // 2 for j, n in prefill),
        "decode_seqs": len(decode),
        "decode_context": sum(j.computed for j in decode),
        "kv_blocks": sum(-(-(j.computed + n) // 16) for j, n, _ in work),
        "running": running,
        "waiting": waiting,
    }
    seconds = float(STEP_TIME.seconds(SimpleNamespace(**row)))
    row |= {"end_s": now + seconds, "first_step_s": seconds, "set": sorted(j.row for j in decode)}
    return row, seconds


def _is_prefill(job: Job, n: int) -> bool:
    return not (n == 1 and job.given > 0 and job.computed == job.prompt + job.given - 1) or (
        job.computed < job.highest or job.given == 0
    )


def _commit(
    work: Any, running: list[Job], now: float, row: dict[str, Any], tables: Any, r: int, step: int
) -> None:
    sequences = len(work)
    for job, n, cached in work:
        prefill = _is_prefill(job, n)
        context = row["prefill_context"] * n / row["prefill_tokens"] if prefill else job.computed
        cost = C0 / sequences + C_SEQ + C_TOK * n + C_CTX * context
        job.cost += cost
        if prefill:
            job.cost_prefill += cost
            tables["chunks"].append(
                {"request": job.row, "replica": r, "step": step, "tokens": n,
                 "context": job.computed, "cached": cached}
            )  # fmt: skip
            job.recomputed += max(0, min(job.computed + n, job.highest) - job.computed)
        else:
            _stay(tables, job, r, step)
        job.computed += n
        job.highest = max(job.highest, job.computed)
        if job.computed == job.prompt + job.given:
            job.given += 1
            job.tokens_at.append(now)
        if job.given == job.output:
            job.outcome, job.finish = "completed", now
            running.remove(job)


def _stay(tables: Any, job: Job, r: int, step: int) -> None:
    for stay in reversed(tables["decodes"]):
        if stay["request"] == job.row:
            if stay["last_step"] == step - 1:
                stay["last_step"] = step
                return
            break
    tables["decodes"].append(
        {"request": job.row, "replica": r, "first_step": step, "last_step": step,
         "context": job.computed}
    )  # fmt: skip


def _merged(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Decode-only steps of the same sequences, one after the other, become one run."""
    runs: list[dict[str, Any]] = []
    for row in rows:
        last = runs[-1] if runs else None
        if (
            last
            and not row["prefill_seqs"]
            and not last["prefill_seqs"]
            and row["set"] == last["set"]
            and row["start_s"] == last["end_s"]
        ):
            last["num_steps"] += 1
            last["end_s"] = row["end_s"]
        else:
            runs.append(row)
    return runs


def _interval(tables: Any, r: int, state: str, start: float, end: float) -> None:
    rows = tables["intervals"]
    if rows and rows[-1]["replica"] == r and rows[-1]["state"] == state:
        rows[-1]["end_s"] = end
    elif end > start:
        rows.append({"replica": r, "state": state, "start_s": start, "end_s": end})


def _frame(name: str, rows: list[dict[str, Any]]) -> pd.DataFrame:
    return frame(name, {column: [row[column] for row in rows] for column in names(name)})


def _requests(jobs: list[Job]) -> pd.DataFrame:
    first = np.array([j.tokens_at[0] if j.tokens_at else np.nan for j in jobs])
    finish = np.array([j.finish for j in jobs])
    arrival = np.array([j.arrival for j in jobs])
    scheduled = np.array([j.scheduled for j in jobs])
    given = np.array([j.given for j in jobs])
    completed = np.array([j.outcome == "completed" for j in jobs])
    tpot = np.where(given > 1, (finish - first) / np.maximum(given - 1, 1), np.nan)
    return frame(
        "requests",
        {
            "request_id": np.arange(len(jobs)),
            "arrival_s": arrival,
            "scheduled_s": scheduled,
            "first_token_s": first,
            "finish_s": finish,
            "prompt_tokens": [j.prompt for j in jobs],
            "output_tokens": [j.output for j in jobs],
            "generated_tokens": given,
            "cached_tokens": [max(j.cached, 0) for j in jobs],
            "cached_tokens_total": [j.cached_total for j in jobs],
            "preemptions": [j.preemptions for j in jobs],
            "replica": [j.replica for j in jobs],
            "outcome": [j.outcome for j in jobs],
            "priority": np.zeros(len(jobs), int),
            "tenant": ["ab"[j.row % 2] for j in jobs],
            "queue_s": scheduled - arrival,
            "ttft_s": first - arrival,
            "tpot_s": np.where(completed, tpot, np.nan),
            "e2e_s": np.where(completed, finish - arrival, np.nan),
        },
    )
