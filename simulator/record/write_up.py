"""From what was kept while running to the tables that are published."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from simulator.record.recorder import COMPLETED, ReplicaLog, RequestLog
from simulator.record.result import Result
from simulator.record.tables import OUTCOMES, STATES, names

if TYPE_CHECKING:
    from simulator.scenario import Scenario
    from simulator.step_time_model import StepTime
    from workloads.trace import Trace

BUSY, IDLE = STATES.index("busy"), STATES.index("idle")


def write_up(
    scenario: Scenario,
    version: str,
    trace: Trace,
    requests: RequestLog,
    logs: Sequence[ReplicaLog],
    num_gpu_blocks: int,
    end_s: float,
    step_time: StepTime,
) -> Result:
    """The result of a run that ended at ``end_s``."""
    steps = pd.concat([log.step_table() for log in logs], ignore_index=True)
    chunks = pd.concat([log.chunk_table() for log in logs], ignore_index=True)
    decodes = pd.concat([log.stay_table() for log in logs], ignore_index=True)
    fleet = pd.DataFrame(
        {
            "replica": np.arange(len(logs)),
            "gpus": scenario.gpus_per_replica,
            "requested_s": 0.0,
            "ready_s": 0.0,
            "stopped_s": end_s,
            "num_gpu_blocks": num_gpu_blocks,
        }
    )
    client = step_time.client_overhead if scenario.client_overhead else (0.0, 0.0)
    return Result(
        scenario=scenario,
        version=version,
        horizon_s=end_s,
        requests=_request_table(trace, requests, chunks, client),
        steps=steps,
        chunks=chunks,
        decodes=decodes,
        replicas=fleet,
        intervals=_intervals(steps, len(logs), end_s),
    )


def _request_table(
    trace: Trace, log: RequestLog, chunks: pd.DataFrame, client: tuple[float, float]
) -> pd.DataFrame:
    """One row a request. ``client``: seconds before it is queued, and per token sent back."""
    columns = log.columns()
    before_s, per_token_s = client
    arrival_s, first_s, finish_s = trace.arrival_s, columns["first_token_s"], columns["finish_s"]
    generated = columns["generated_tokens"]
    completed = columns["outcome"] == COMPLETED
    end_s = np.where(completed, finish_s, np.nan)
    cached = np.bincount(chunks["request"], weights=chunks["cached"], minlength=len(trace))
    with np.errstate(divide="ignore", invalid="ignore"):
        tpot_s = np.where(generated > 1, (end_s - first_s) / (generated - 1), np.nan)
    tenants = np.full(len(trace), "", dtype=object) if trace.tenant is None else trace.tenant
    table = pd.DataFrame(
        {
            "request_id": np.arange(len(trace)),
            "arrival_s": arrival_s,
            "prompt_tokens": trace.prompt_tokens,
            "output_tokens": trace.output_tokens,
            "priority": trace.priority,
            "cached_tokens_total": cached.astype(np.int64),
            **{name: column for name, column in columns.items() if name != "outcome"},
            "outcome": _category(columns["outcome"], OUTCOMES),
            "tenant": pd.Categorical(["" if t is None else str(t) for t in tenants]),
            "queue_s": columns["scheduled_s"] - arrival_s,
            "ttft_s": first_s - arrival_s + before_s + per_token_s,
            "tpot_s": tpot_s + per_token_s,
            "e2e_s": end_s - arrival_s + before_s + per_token_s * generated,
        }
    )
    return table[names("requests")]


def _intervals(steps: pd.DataFrame, replicas: int, end_s: float) -> pd.DataFrame:
    """Busy where steps follow each other without a gap, idle between: they tile the run."""
    rows = [_of_one(part, replica, end_s) for replica, part in _by_replica(steps, replicas)]
    table = pd.concat(rows, ignore_index=True)
    return table.assign(state=_category(table["state"], STATES))[names("intervals")]


def _category(codes: ArrayLike, names: Sequence[str]) -> pd.Categorical[str]:
    numbers = np.asarray(codes, dtype=np.int64)
    return pd.Categorical.from_codes(numbers, categories=pd.Index(list(names)))


def _by_replica(steps: pd.DataFrame, replicas: int) -> list[tuple[int, pd.DataFrame]]:
    bounds = np.searchsorted(steps["replica"], np.arange(replicas + 1))
    return [(r, steps.iloc[bounds[r] : bounds[r + 1]]) for r in range(replicas)]


def _of_one(steps: pd.DataFrame, replica: int, end_s: float) -> pd.DataFrame:
    start, end = steps["start_s"].to_numpy(), steps["end_s"].to_numpy()
    new = np.ones(len(start), dtype=bool)
    new[1:] = start[1:] > end[:-1]
    busy_from, busy_to = start[new], end[np.roll(new, -1)] if len(end) else end
    edges = np.concatenate([[0.0], np.column_stack([busy_from, busy_to]).ravel(), [end_s]])
    states = np.where(np.arange(len(edges) - 1) % 2 == 0, IDLE, BUSY)
    real = np.diff(edges) > 0
    return pd.DataFrame(
        {
            "replica": replica,
            "state": states[real],
            "start_s": edges[:-1][real],
            "end_s": edges[1:][real],
        }
    )
