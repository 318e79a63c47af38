"""Memo: a comparison in one page for those who decide, as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from experiments.compare import Outcome, month_table
from experiments.decision import Decision

__all__ = ["memo_markdown"]

WORDS = {
    "volume": "today's volume",
    "growth": "growth of the volume per year",
    "peak_to_mean": "the peak over the mean load",
    "capacity": "what a replica serves",
    "software": "speed gained by newer engines per year",
    "gpu_price": "the change of GPU prices per year",
    "api_price": "the change of API prices per year",
    "fte": "people needed, over the number given",
    "wages": "wages per year",
    "electricity": "electricity per year",
    "resale": "value a server keeps per year",
    "noise": "the noise of the simulation",
}


def memo_markdown(
    decision: Decision, outcomes: Sequence[Outcome], peak: pd.DataFrame, sizes: pd.DataFrame
) -> str:
    """The recommendation, the three numbers it hangs on, what would change it, and the tables."""
    parts = [
        f"# {decision.comparison.question or decision.comparison.name}",
        _recommendation(decision),
        "## What it hangs on",
        "\n".join(f"{i}. {line}" for i, line in enumerate(_hangs_on(decision), start=1)),
        "## What would change it",
        "\n".join(f"* {line}" for line in _changes(decision)),
        "## A month of each route",
        _month(outcomes),
        "![A month of each route](routes_month.png)",
        "![Latency against cost](routes_latency.png)",
        f"## {decision.comparison.outlook.months} months",
        _years(decision),
        "![Cash and chances](routes_years.png)",
        "![What moves the difference](routes_inputs.png)",
        "## Volume and bursts",
        _break_even(decision),
        "![Break-even](routes_break_even.png)",
        "![Cheapest route](routes_map.png)",
        "![Chances by volume](routes_chances.png)",
        "![Use of the GPUs](routes_utilization.png)",
        *(("## How much of our own, how much elsewhere", _sizes(sizes)) if len(sizes) else ()),
        *(("## For which peak", _peak(peak)) if len(peak) else ()),
        "## What is not in it",
        _limits(decision, outcomes),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _recommendation(decision: Decision) -> str:
    table: Any = decision.drawn.table
    best, second = decision.best, decision.second
    chance = table.loc[best, "p_cheapest"]
    saved = table.loc[second, "mean"] - table.loc[best, "mean"]
    if best == second:
        return f"**Recommended: {best}.** No other route keeps the constraints."
    firm = "clearly" if chance >= 0.8 else "probably" if chance >= 0.5 else "by a narrow margin"
    told = (
        f"**Recommended: {best}**, {firm}: it is the cheapest in {100 * chance:.0f} % of "
        f"{decision.comparison.outlook.draws:,} futures, at a mean of "
        f"${table.loc[best, 'mean']:,.0f} in today's money over "
        f"{decision.comparison.outlook.months} months. The best of the other sort, {second}, "
        f"costs ${saved:,.0f} more on average. If one knew the future before choosing, that would "
        f"be worth ${decision.drawn.evpi_usd:,.0f}."
    )
    return f"{told}\n\n{_payback(decision)}" if _payback(decision) else told


def _payback(decision: Decision) -> str:
    """When the best route with GPUs has paid for itself, beside the cheapest endpoint."""
    table: Any = decision.against
    own = next((n for n in (decision.best, decision.second) if table.loc[n, "against"]), None)
    if own is None or decision.way(own).kind == "endpoint":
        return ""
    row = table.loc[own]
    saved = row["saved_usd"]
    less = f"${saved:,.0f} less" if saved >= 0 else f"${-saved:,.0f} more"
    when = (
        f"it has paid for itself from month {row['payback_month']:.0f} on"
        if row["payback_month"] == row["payback_month"]
        else "it does not pay for itself within that time"
    )
    return (
        f"Beside {row['against']}, the cheapest endpoint, {own} costs {less} in today's money. "
        f"With all inputs at their medians {when}; it does by the end in "
        f"{100 * row['pays_back']:.0f} % of the futures."
    )


def _hangs_on(decision: Decision) -> list[str]:
    """The three inputs that move the difference most."""
    ranges = decision.comparison.outlook.drawn_from()
    lines = []
    for name, row in _records(decision.tornado.head(3)):
        low, mode, high = ranges[name]
        lines.append(
            f"{WORDS[name]} ({low:g} to {high:g}, most likely {mode:g}): moves the difference "
            f"by ${row['swing']:,.0f}"
        )
    return lines


def _changes(decision: Decision) -> list[str]:
    """Values at which the other route would be the better one."""
    table: Any = decision.break_even
    two = [decision.best, decision.second]
    if len(table):
        table = table[table["own"].isin(two) & table["api"].isin(two)]
    lines = []
    for row in _rows(table):
        shape = "steady" if row.peak_to_mean == 1 else f"bursty (peak {row.peak_to_mean:g} x mean)"
        if row.first_cheaper_rps == float("inf"):
            lines.append(f"{shape}: at no volume is {row.own} cheaper than {row.api}")
        elif row.always_cheaper_rps == float("inf"):
            lines.append(
                f"{shape}: {row.own} is cheaper than {row.api} at some volumes from "
                f"{row.first_cheaper_rps:.2f} requests/s on, and dearer at larger ones (today "
                f"{decision.load:.2f})"
            )
        else:
            lines.append(
                f"{shape}: from {row.first_cheaper_rps:.2f} requests/s on {row.own} is cheaper "
                f"than {row.api}, always from {row.always_cheaper_rps:.2f} (today "
                f"{decision.load:.2f})"
            )
    if len(table):
        row = table.iloc[0]
        lines.append(
            f"at today's volume and a steady load both would cost the same if {row['api']} took "
            f"{_or_nothing(row['usd_per_1k_requests_to_break_even'])} per 1,000 requests, or a "
            f"GPU-hour of {row['own']} {_or_nothing(row['gpu_usd_per_h_to_break_even'])}, or its "
            f"people {_or_nothing(row['people_usd_to_break_even'], 0)} a month (now "
            f"${decision.way(row['own']).people_usd:,.0f})"
        )
    flips = [
        f"{WORDS[name]} alone, within its range, turns the difference around"
        for name, row in _records(decision.tornado)
        if _turns(row)
    ]
    return lines + flips or ["nothing within the ranges given turns it around by itself"]


def _turns(row: Any) -> bool:
    """Whether one end of an input's range has the other sign than the middle."""
    ends = (row["middle"] + row["low"], row["middle"] + row["high"])
    return bool(min(ends) < 0 < row["middle"] or max(ends) > 0 > row["middle"])


def _or_nothing(usd: float, places: int = 2) -> str:
    return f"${usd:,.{places}f}" if usd == usd else "less than nothing"


def _month(outcomes: Sequence[Outcome]) -> str:
    table = month_table(outcomes)
    rows = [
        (
            row.route,
            f"${row.usd_per_month:,.0f}",
            f"${row.usd_per_1k_requests:.2f}",
            f"${row.usd_per_1k_good_requests:.2f}",
            f"{100 * row.good_share:.1f} %",
            f"{1e3 * row.ttft_p95_s:,.0f}",
            f"{1e3 * row.tpot_p95_s:.1f}",
            row.ruled_out_by or "–",
        )
        for row in _rows(table)
    ]
    head = (
        "route", "a month", "per 1,000 requests", "per 1,000 good", "good", "TTFT p95 [ms]",
        "TPOT p95 [ms]", "ruled out by",
    )  # fmt: skip
    return _table(head, rows)


def _years(decision: Decision) -> str:
    table = decision.drawn.table.sort_values("mean")
    rows = [
        (
            str(name),
            *(f"${row[column]:,.0f}" for column in ("mean", "p05", "p50", "p95")),
            f"{100 * row['p_cheapest']:.0f} %",
            f"${row['expected_regret']:,.0f}",
        )
        for name, row in _records(table)
    ]
    return _table(("route", "mean", "p5", "p50", "p95", "cheapest", "expected regret"), rows)


def _break_even(decision: Decision) -> str:
    rows = [
        (
            row.own,
            row.api,
            f"{row.peak_to_mean:g}",
            _or_never(row.first_cheaper_rps),
            _or_never(row.always_cheaper_rps),
            _or_dash(row.burst_ceiling),
            _or_dash(100 * row.utilization_to_break_even, 0, " %"),
        )
        for row in _rows(decision.break_even)
    ]
    head = (
        "own", "against", "peak / mean", "first cheaper [1/s]", "always [1/s]", "ceiling",
        "use to break even",
    )  # fmt: skip
    told = (
        "From the ceiling of peak over mean on, capacity for the peak never pays, at any volume. "
        "The use to break even is that of the GPUs alone, people and all else aside."
    )
    return f"{_table(head, rows)}\n\n{told}" if rows else "No pair of GPUs and endpoint to compare."


def _or_dash(value: float, places: int = 2, unit: str = "") -> str:
    return f"{value:.{places}f}{unit}" if value == value else "–"


def _or_never(load: float) -> str:
    return f"{load:.2f}" if load != float("inf") else "never"


def _peak(peak: pd.DataFrame) -> str:
    rows = [
        (
            row.level,
            f"{row.simultaneous:.1f}",
            str(row.replicas),
            f"${row.usd_per_month:,.0f}",
            f"{100 * row.good_share:.2f} %",
            f"{row.missed_per_month:,.0f}",
            f"${row.usd_per_miss_saved:.3f}" if row.usd_per_miss_saved >= 0 else "–",
        )
        for row in _rows(peak)
    ]
    head = ("made for", "at once", "replicas", "GPUs a month", "good", "missed", "per miss saved")
    told = (
        f"Replicas of {peak['route'].iloc[0]} for so many requests in the system at once, each "
        "played on the same requests; misses of the SLO are those of a month."
    )
    return f"{told}\n\n{_table(head, rows)}"


def _sizes(sizes: pd.DataFrame) -> str:
    """The best number of replicas to keep, for each hybrid and burstiness."""
    rows = []
    for (route, par), table in sizes.groupby(["route", "peak_to_mean"], sort=False):
        best: Any = table.iloc[int(table["usd_per_month"].to_numpy().argmin())]
        none: Any = table.iloc[0]
        full: Any = table.iloc[-1]
        rows.append(
            (
                str(route),
                f"{par:g}",
                f"{best['replicas']:.0f}",
                f"{100 * best['overflow_share']:.1f} %",
                f"${best['usd_per_month']:,.0f}",
                f"${none['usd_per_month']:,.0f}",
                f"${full['usd_per_month']:,.0f}",
            )
        )
    head = ("route", "peak / mean", "keep", "goes elsewhere", "a month", "all elsewhere",
            "nothing elsewhere")  # fmt: skip
    return _table(head, rows)


def _limits(decision: Decision, outcomes: Sequence[Outcome]) -> str:
    low, mode, high = decision.comparison.outlook.drawn_from()["peak_to_mean"]
    lines = [
        f"Peak over mean is a range given ({low:g} to {high:g}, most likely {mode:g}), for the "
        "hours of a day and the days of a week; bursts within the run are in what a replica "
        "serves.",
        "One run of each route; the seeds of the grid give the noise of the capacity.",
        "Spot reclaims are simulated where a route's scenario has them among its faults; else they "
        "are priced, and the latency is that of on demand.",
        "Latencies and limits of endpoints are as given in the comparison, not measured here.",
        "Privacy and locality rule routes out; no dollar value is put on them.",
    ]
    doubtful = sorted(
        {
            entry.name
            for found in outcomes
            for entry in (getattr(found.route, "price", None),)
            if entry is not None and entry.sources_disagree
        }
    )
    if doubtful:
        lines.append(f"Sources disagree on the price of: {', '.join(doubtful)}.")
    return "\n".join(f"* {line}" for line in lines)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|---" + "|--:" * (len(head) - 1) + "|"]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def _rows(table: pd.DataFrame) -> Iterator[Any]:
    """Rows of a table, whose columns are attributes."""
    yield from table.itertuples()


def _records(table: pd.DataFrame) -> Iterator[tuple[str, Any]]:
    """Index and row of a table."""
    for name, row in table.iterrows():
        yield str(name), row
