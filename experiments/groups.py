"""A run by parts: each tenant, each class, each pool."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from experiments.telling import dollars, milliseconds, number, share
from simulator.economics.bill import Bill
from simulator.economics.cost_lines import paid_usd
from simulator.record.by_pool import by_pool
from simulator.record.fleet_size import gpu_hours, most_gpus
from simulator.record.metrics import meets_slo
from simulator.record.result import Result
from simulator.record.usage import state_shares

__all__ = ["groups_of", "tell_groups"]

MOST_ROWS = 12


def groups_of(result: Result, costs: Bill) -> dict[str, dict[str, dict[str, Any]]]:
    """The section ``groups`` of a summary: by ``tenant``, ``class`` and ``pool``.

    Only where there are several of a kind. A class is the priority of requests; an empty tenant is
    who asks without a name. Shares of time are of the pool's own replicas; its dollars are its
    rent, in whole billing quanta, those of tenants and classes what their requests cost fully
    loaded.
    """
    requests = result.requests
    found: dict[str, dict[str, dict[str, Any]]] = {}
    keys = {"tenant": requests["tenant"].astype(object).fillna(""), "class": requests["priority"]}
    for name, key in keys.items():
        if key.nunique() > 1:
            found[name] = {str(k): row for k, row in _of_requests(result, costs, key)}
    if len(result.scenario.plans()) > 1:
        found["pool"] = dict(_of_pools(result))
    return found


def _of_requests(
    result: Result, costs: Bill, key: pd.Series[Any]
) -> Iterator[tuple[Any, dict[str, Any]]]:
    good = pd.Series(meets_slo(result), index=result.requests.index)
    usd = costs.requests["usd"].set_axis(result.requests.index)
    for group, mine in result.requests.groupby(key, observed=True):
        ended = mine["outcome"].value_counts()
        yield (
            group,
            {
                "requests": len(mine),
                "completed": int(ended.get("completed", 0)),
                "rejected": int(ended.get("rejected", 0)),
                "good_share": float(good[mine.index].mean()),
                "ttft_s": _middle_and_tail(mine["ttft_s"]),
                "tpot_s": _middle_and_tail(mine["tpot_s"]),
                "usd": float(usd[mine.index].sum()),
            },
        )


def _middle_and_tail(values: pd.Series[float]) -> dict[str, float]:
    return {name: float(values.quantile(q)) for name, q in (("p50", 0.5), ("p99", 0.99))}


def _of_pools(result: Result) -> Iterator[tuple[str, dict[str, Any]]]:
    replica = result.replicas["replica"]
    names = list(result.scenario.plans())
    ran_on = result.requests["replica"].to_numpy()
    usd = paid_usd(result)
    for name, (plan, mine) in zip(names, by_pool(result, replica), strict=True):
        numbers = set(replica[mine])
        part = _part(result, mine, numbers)
        yield (
            name,
            {
                "model": plan.model.name,
                "gpu": plan.gpu.name,
                "offer": plan.offer.name,
                "replicas": int(mine.sum()),
                "gpus": most_gpus(part),
                "gpu_hours": gpu_hours(part),
                "requests": int(np.isin(ran_on, list(numbers)).sum()),
                "time_shares": state_shares(part),
                "usd": float(usd[mine].sum()),
            },
        )


def _part(result: Result, mine: Any, numbers: set[int]) -> Result:
    """The replicas of one pool, and when they were busy."""
    spans = result.intervals[result.intervals["replica"].isin(numbers)]
    return replace(result, replicas=result.replicas[mine], intervals=spans)


def tell_groups(groups: Mapping[str, Mapping[str, Mapping[str, Any]]], console: Console) -> None:
    """Print a table for each kind of part that there are several of."""
    for kind in ("tenant", "class"):
        if kind in groups:
            console.print(_by_whom(kind, groups[kind]))
    if "pool" in groups:
        console.print(_by_pool(groups["pool"]))


def _by_whom(kind: str, groups: Mapping[str, Mapping[str, Any]]) -> Table:
    title = "by tenant" if kind == "tenant" else "by class (the smallest priority goes first)"
    table = Table(title=Text(title), title_justify="left", header_style="bold")
    table.add_column("")
    heads = ("requests", "completed", "rejected", "within SLO", "TTFT p50", "TTFT p99", "cost")
    for head in heads:
        table.add_column(head, justify="right")
    ranked = sorted(groups.items(), key=lambda item: -item[1]["requests"])
    if kind == "class":
        ranked = sorted(groups.items(), key=lambda item: int(item[0]))
    for name, found in ranked[:MOST_ROWS]:
        table.add_row(
            Text(name or "(no name)"),
            *(number(found[key]) for key in ("requests", "completed", "rejected")),
            share(found["good_share"]),
            *(milliseconds(found["ttft_s"][key]) for key in ("p50", "p99")),
            dollars(found["usd"]),
        )
    more = len(ranked) - MOST_ROWS
    rest = f" And {more} more in summary.json." if more > 0 else ""
    table.caption = Text(f"TTFT in ms. Cost: fully loaded, with its share of idle time.{rest}")
    table.caption_justify = "left"
    return table


def _by_pool(pools: Mapping[str, Mapping[str, Any]]) -> Table:
    table = Table(title=Text("by pool"), title_justify="left", header_style="bold")
    table.add_column("")
    heads = ("requests", "GPUs, most", "GPU-hours", "busy", "idle", "else", "rent")
    for head in heads:
        table.add_column(head, justify="right")
    for name, found in pools.items():
        shares = found["time_shares"]
        table.add_row(
            Text(name),
            *(number(found[key]) for key in ("requests", "gpus", "gpu_hours")),
            share(shares["busy"]),
            share(shares["idle"]),
            share(max(0.0, 1 - shares["busy"] - shares["idle"])),
            dollars(found["usd"]),
        )
    table.caption = Text("Else: warming, draining or down. Requests: that ended there.")
    table.caption_justify = "left"
    return table
