"""From what was kept while running to the tables that are published."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from simulator.record.recorder import COMPLETED, ReplicaLog, RequestLog
from simulator.record.result import Result
from simulator.record.tables import OUTCOMES, STATES, empty, frame, names
from workloads.notes import notes_of

if TYPE_CHECKING:
    from simulator.scenario import Scenario
    from simulator.step_time_model import StepTime
    from workloads.trace import Trace

__all__ = ["Lives", "intervals_of", "request_table", "write_up"]

BUSY, IDLE = STATES.index("busy"), STATES.index("idle")


class Lives(NamedTuple):
    """What became of a fleet whose replicas come and go."""

    replicas: dict[str, ArrayLike]
    """Columns of the table `replicas`."""
    spans: list[list[tuple[str, float]]]
    """For each replica its states (ready, warming, draining, down) and when each began."""
    arrival_s: NDArray[np.float64]
    """When each request was sent, shape (requests,)."""
    events: dict[str, ArrayLike]
    calls: dict[str, ArrayLike]


def write_up(
    scenario: Scenario,
    version: str,
    trace: Trace,
    requests: RequestLog,
    logs: Sequence[ReplicaLog],
    num_gpu_blocks: int,
    end_s: float,
    step_time: StepTime,
    lives: Lives | None = None,
) -> Result:
    """The result of a run that ended at ``end_s``.

    ``lives`` are told where replicas come and go; else all are there from beginning to end.
    """
    steps = _together("steps", [log.step_table() for log in logs])
    chunks = _together("chunks", [log.chunk_table() for log in logs])
    decodes = _together("decodes", [log.stay_table() for log in logs])
    replicas: dict[str, ArrayLike] = {
        "replica": np.arange(len(logs)),
        "gpus": np.full(len(logs), scenario.gpus_per_replica),
        "requested_s": np.zeros(len(logs)),
        "ready_s": np.zeros(len(logs)),
        "stopped_s": np.full(len(logs), end_s),
        "num_gpu_blocks": np.full(len(logs), num_gpu_blocks),
        "pool": [""] * len(logs),
    }
    spans = [[("ready", 0.0)]] * len(logs)
    arrival_s = trace.arrival_s
    if lives is not None:
        replicas |= lives.replicas
        spans = lives.spans
        arrival_s = lives.arrival_s
    fleet = frame("replicas", replicas)
    client = step_time.client_overhead if scenario.client_overhead else (0.0, 0.0)
    return Result(
        scenario=scenario,
        version=version,
        horizon_s=end_s,
        requests=request_table(trace, arrival_s, requests, chunks, client),
        steps=steps,
        chunks=chunks,
        decodes=decodes,
        replicas=fleet,
        intervals=intervals_of(steps, spans, fleet["stopped_s"].to_numpy()),
        events=empty("events") if lives is None else frame("events", lives.events),
        calls=empty("calls") if lives is None else frame("calls", lives.calls),
        traffic=notes_of(trace.meta),
    )


def _together(table: str, parts: list[pd.DataFrame]) -> pd.DataFrame:
    return pd.concat(parts, ignore_index=True) if parts else empty(table)


def request_table(
    trace: Trace,
    arrival_s: NDArray[np.float64],
    log: RequestLog,
    chunks: pd.DataFrame,
    client: tuple[float, float],
) -> pd.DataFrame:
    """One row a request. ``client``: seconds before it is queued, and per token sent back."""
    columns = log.columns()
    # What an endpoint serves does not pass through the engine's API server.
    before_s, per_token_s = (np.where(columns["replica"] >= 0, part, 0.0) for part in client)
    first_s, finish_s = columns["first_token_s"], columns["finish_s"]
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


def intervals_of(
    steps: pd.DataFrame, spans: list[list[tuple[str, float]]], stopped_s: NDArray[np.float64]
) -> pd.DataFrame:
    """Ready time cut into busy, where steps follow each other without a gap, and idle.

    With the other states they tile each replica's life.
    """
    rows = [empty("intervals").assign(state=np.empty(0, np.int64))]
    for replica, part in _by_replica(steps, len(spans)):
        begins = [begin for _, begin in spans[replica]]
        ends = [*begins, stopped_s[replica]][1:]
        for (state, begin), end in zip(spans[replica], ends, strict=True):
            if end > begin:
                rows.append(_of_one(part, replica, state, begin, end))
    table = pd.concat(rows[1:] or rows, ignore_index=True)
    return table.assign(state=_category(table["state"], STATES))[names("intervals")]


def _category(codes: ArrayLike, names: Sequence[str]) -> pd.Categorical[str]:
    numbers = np.asarray(codes, dtype=np.int64)
    return pd.Categorical.from_codes(numbers, categories=pd.Index(list(names)))


def _by_replica(steps: pd.DataFrame, replicas: int) -> list[tuple[int, pd.DataFrame]]:
    bounds = np.searchsorted(steps["replica"], np.arange(replicas + 1))
    return [(r, steps.iloc[bounds[r] : bounds[r + 1]]) for r in range(replicas)]


def _of_one(
    steps: pd.DataFrame, replica: int, state: str, from_s: float, to_s: float
) -> pd.DataFrame:
    """One span of one replica's life; if it was ready, what it did in it."""
    edges, states = (
        np.array([from_s, to_s]),
        np.array([STATES.index(state) if state != "ready" else 0]),
    )
    if state == "ready":
        start, end = steps["start_s"].to_numpy(), steps["end_s"].to_numpy()
        inside = (start < to_s) & (end > from_s)
        start, end = start[inside], np.minimum(end[inside], to_s)
        new = np.ones(len(start), dtype=bool)
        new[1:] = start[1:] > end[:-1]
        busy_from, busy_to = start[new], end[np.roll(new, -1)] if len(end) else end
        edges = np.concatenate([[from_s], np.column_stack([busy_from, busy_to]).ravel(), [to_s]])
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
