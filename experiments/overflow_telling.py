"""Overflow told in a terminal: what left, when, whose it was, and what that cost and saved."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from experiments.figures_style import time_unit
from experiments.telling import Line, compare_table, dollars, milliseconds, number, share
from simulator.record.timeline import round_bin_s

__all__ = ["WHY", "tell_overflow"]

MOST_BINS = 12
MOST_GROUPS = 12
WHY = {
    "queue": "the queue was long",
    "ttft": "the first token would have been late",
    "outage": "no replica was ready",
    "always": "all are sent",
    "rejected": "it was not let in",
    "shed": "it was shed",
    "too late": "it had waited too long",
}
"""Reasons in words."""
LEFT = [
    Line("answered by endpoints", "overflow.requests", number),
    Line("  of all requests", "overflow.share", share),
    Line("  at once, peak", "overflow.at_once_peak", number),
    Line("time to first token there, p50 [ms]", "overflow.ttft_s.away.p50", milliseconds),
    Line("time to first token there, p99 [ms]", "overflow.ttft_s.away.p99", milliseconds),
    Line("  at home, p50 [ms]", "overflow.ttft_s.at_home.p50", milliseconds),
    Line("  at home, p99 [ms]", "overflow.ttft_s.at_home.p99", milliseconds),
    Line("calls refused with 429", "overflow.limited", number),
    Line("calls refused in an outage", "overflow.down", number, always=False),
    Line("calls given up by the client", "overflow.abandoned", number, always=False),
    Line("graceful replies", "overflow.graceful_replies", number, always=False),
    Line("prompt tokens sent", "overflow.prompt_tokens", number),
    Line("  of them at the cached price", "overflow.cached_tokens", number, always=False),
    Line("output tokens bought", "overflow.output_tokens", number),
    Line("cost of the calls", "overflow.usd", dollars),
    Line("  of an answered request", "overflow.usd_per_request", dollars),
]
BESIDE = [
    Line("GPU-hours held", "fleet.gpu_hours", number),
    Line("requests completed", "requests.completed", number),
    Line("good requests (within the SLO)", "goodput.good_requests", number),
    Line("  of all requests", "goodput.share", share),
    Line("time to first token, p99 [ms]", "latency.ttft_s.p99", milliseconds),
    Line("end of the run [s]", "horizon_s", number),
    Line("the bill", "bill.usd_total", dollars),
    Line("  of it calls of endpoints", "bill.endpoint_calls", dollars, always=False),
    Line("a good request", "bill.usd_per_good_request", dollars),
]


def tell_overflow(summary: Mapping[str, Any], table: pd.DataFrame, console: Console) -> None:
    """Print what left, whose it was and why, and when.

    Parameters
    ----------
    summary : of the run, with its section `overflow`.
    table : the run's table `overflow`, in any bins.
    """
    name = str(summary["scenario"])
    console.print(compare_table("what overflowed", LEFT, {name: summary}))
    told = summary["overflow"]
    if not told["calls"]:
        console.print("No request was sent to an endpoint.", highlight=False)
    else:
        console.print(_groups(told["by"]))
        console.print(_times(table, summary["horizon_s"]))
    if "saving" in summary:
        _tell_saving(summary, console)


def _groups(by: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> Table:
    title = "who left, why, and where to"
    table = Table(title=Text(title), title_justify="left", header_style="bold")
    table.add_column("")
    for head in ("answered", "share", "429", "outage", "given up", "cost"):
        table.add_column(head, justify="right")
    titles = {"why": "because", "endpoint": "to", "class": "priority", "tenant": "tenant"}
    for key, title in titles.items():
        groups = by[key]
        if key in ("class", "tenant") and len(groups) < 2:
            continue
        table.add_section()
        ranked = sorted(groups.items(), key=lambda item: -item[1]["requests"])
        for group, found in ranked[:MOST_GROUPS]:
            counts = [found[k] for k in ("limited", "down", "abandoned")]
            shown = WHY.get(group, group) if key == "why" else group or "(no name)"
            table.add_row(
                Text(f"{title} {shown}"),
                number(found["requests"]),
                share(found["share"]),
                *map(number, counts),
                dollars(found["usd"]),
            )
        if len(groups) > MOST_GROUPS:
            table.add_row(f"and {len(groups) - MOST_GROUPS} more in summary.json")
    caption = "Share: of all requests; of a class or a tenant, of its own."
    table.caption, table.caption_justify = Text(caption), "left"
    return table


def _times(table: pd.DataFrame, horizon_s: float) -> Table:
    """When calls were made, in few bins."""
    bin_s = round_bin_s(horizon_s, MOST_BINS)
    unit = time_unit(horizon_s)
    title = f"when it overflowed [{unit.name}]"
    shown = Table(title=Text(title), title_justify="left", header_style="bold")
    shown.add_column("from")
    shown.add_column("to")
    for head in ("answered", "429", "outage", "given up", "cost", "cost so far"):
        shown.add_column(head, justify="right")
    number_of_bins = max(1, int(np.ceil(horizon_s / bin_s - 1e-9)))
    place = np.minimum(table["start_s"] // bin_s, number_of_bins - 1)
    spent = 0.0
    for each in range(number_of_bins):
        mine = table[place == each]
        calls = mine.groupby("outcome", observed=False)["calls"].sum()
        usd = float(mine["usd"].sum())
        spent += usd
        ends = (each * bin_s, min((each + 1) * bin_s, horizon_s))
        shown.add_row(
            *(f"{end / unit.seconds:,.4g}" for end in ends),
            *(number(calls.get(k, 0)) for k in ("ok", "limited", "down", "abandoned")),
            dollars(usd),
            dollars(spent),
        )
    return shown


def _tell_saving(summary: Mapping[str, Any], console: Console) -> None:
    """Print the runs without a way out beside this one, and what they say together."""
    saving = summary["saving"]
    runs: dict[str, Mapping[str, Any]] = {str(summary["scenario"]): summary}
    if saving["same_fleet"] is not None:
        runs["without it"] = saving["same_fleet"]
    if saving["fewest"] is not None and saving["fewest"] != saving["same_fleet"]:
        runs[f"{saving['fewest']['replicas']} replicas, without it"] = saving["fewest"]
    if len(runs) > 1:
        console.print(compare_table("what the way out saved", BESIDE, runs))
    for sentence in saving["sentences"]:
        console.print(sentence, highlight=False, soft_wrap=True, markup=False)
