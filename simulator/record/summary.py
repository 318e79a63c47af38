"""The run in one page: a nested dict for JSON, and tables for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from simulator.record import efficiency, metrics, usage
from simulator.record.cold_start import cold_start
from simulator.record.fleet_size import fleet_size
from simulator.record.how_sure import how_sure
from simulator.record.overflowed import overflowed

if TYPE_CHECKING:
    from simulator.record.result import Result

__all__ = ["latency_table", "overview", "summarise"]

LATENCIES = {
    "queue_s": metrics.queue,
    "ttft_s": metrics.ttft,
    "tpot_s": metrics.tpot,
    "itl_s": metrics.itl,
    "e2e_s": metrics.e2e,
}


def summarise(result: Result) -> dict[str, Any]:
    """Every headline number of a run, as plain values; units are in the keys.

    What cannot be said (the p99 of nothing) is NaN, and null in JSON.
    """
    requests = result.requests
    latency = {name: metric(result)._asdict() for name, metric in LATENCIES.items()}
    return {
        "scenario": result.scenario.name,
        "version": result.version,
        "horizon_s": float(result.horizon_s),
        "traffic": dict(result.traffic),
        "requests": {
            "arrived": len(requests),
            **metrics.outcomes(result),
            "preemptions": int(requests["preemptions"].sum()),
            "prompt_tokens": int(requests["prompt_tokens"].sum()),
            "generated_tokens": int(requests["generated_tokens"].sum()),
        },
        "latency": latency,
        "certainty": how_sure(result, latency),
        "throughput": metrics.throughput(result)._asdict(),
        "goodput": metrics.goodput(result)._asdict(),
        "concurrency": usage.concurrency(result)._asdict(),
        "prefix_hit_rate": metrics.prefix_hit_rate(result),
        "utilization": {
            **efficiency.efficiency(result)._asdict(),
            "time_shares": usage.state_shares(result),
            "batch_size": usage.batch_size(result)._asdict(),
            "kv": usage.kv_use(result)._asdict(),
        },
        "idle": _idle(result),
        "energy": efficiency.energy(result)._asdict(),
        "fleet": {**fleet_size(result), "cold_start": cold_start(result)._asdict()},
        **({} if result.scenario.overflow is None else {"overflow": overflowed(result)}),
    }


def _idle(result: Result) -> dict[str, Any]:
    idle = usage.idle_time(result)
    return {"share": idle.share, "total_s": idle.total_s, "gaps_s": idle.gaps._asdict()}


def latency_table(summary: dict[str, Any]) -> pd.DataFrame:
    """Latencies as rows, mean and percentiles as columns, in milliseconds."""
    table = pd.DataFrame(summary["latency"]).T.drop(columns="n") * 1e3
    table.index = [
        name.removesuffix("_s").upper().replace("QUEUE", "queue") for name in table.index
    ]
    return table.rename_axis("[ms]")


def overview(summary: dict[str, Any]) -> pd.DataFrame:
    """Everything but the latencies, one number a row: section, quantity, value."""
    rows: list[tuple[str, str, object]] = []
    for section, content in summary.items():
        if section != "latency":
            _flatten(rows, section, "", content)
    return pd.DataFrame(rows, columns=["section", "quantity", "value"])


def _flatten(
    rows: list[tuple[str, str, object]], section: str, prefix: str, content: object
) -> None:
    if not isinstance(content, dict):
        rows.append((section, prefix.rstrip("."), content))
        return
    for key, value in content.items():
        _flatten(rows, section, f"{prefix}{key}.", value)
