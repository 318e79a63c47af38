"""Memo: a comparison in one page for those who decide, as Markdown and as HTML of one file."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from experiments.compare import Outcome, month_table
from experiments.decision import Decision

__all__ = ["memo_html", "memo_markdown"]

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


def memo_markdown(decision: Decision, outcomes: Sequence[Outcome], peak: pd.DataFrame) -> str:
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
        "## For which peak",
        _peak(peak),
        "## What is not in it",
        _limits(outcomes),
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
    return (
        f"**Recommended: {best}**, {firm}: it is the cheapest in {100 * chance:.0f} % of "
        f"{decision.comparison.outlook.draws:,} futures, at a mean of "
        f"${table.loc[best, 'mean']:,.0f} in today's money over "
        f"{decision.comparison.outlook.months} months. The best of the other sort, {second}, "
        f"costs ${saved:,.0f} more on average. If one knew the future before choosing, that would "
        f"be worth ${decision.drawn.evpi_usd:,.0f}."
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
        else:
            lines.append(
                f"{shape}: from {row.first_cheaper_rps:.2f} requests/s on {row.own} is cheaper "
                f"than {row.api}, always from {row.always_cheaper_rps:.2f} (today "
                f"{decision.load:.2f})"
            )
    if len(table):
        row = table.iloc[0]
        lines.append(
            f"at today's volume {row['api']} would have to cost "
            f"${row['usd_per_1k_requests_to_break_even']:.2f} per 1,000 requests, or a GPU-hour "
            f"{_or_nothing(row['gpu_usd_per_h_to_break_even'])}"
        )
    flips = [
        f"{WORDS[name]} alone, within its range, turns the difference around"
        for name, row in _records(decision.tornado)
        if min(row["low"], row["high"]) + _middle(decision) < 0
    ]
    return lines + flips or ["nothing within the ranges given turns it around by itself"]


def _middle(decision: Decision) -> float:
    return float(
        pd.Series(decision.values[decision.second] - decision.values[decision.best]).median()
    )


def _or_nothing(usd: float) -> str:
    return f"${usd:.2f}" if usd == usd else "less than nothing"


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
            f"{row.burst_ceiling:.2f}",
        )
        for row in _rows(decision.break_even)
    ]
    head = ("own", "against", "peak / mean", "first cheaper [1/s]", "always [1/s]", "ceiling")
    told = "From the ceiling of peak over mean on, capacity for the peak never pays, at any volume."
    return f"{_table(head, rows)}\n\n{told}" if rows else "No pair of GPUs and endpoint to compare."


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
    return _table(head, rows)


def _limits(outcomes: Sequence[Outcome]) -> str:
    lines = [
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


def memo_html(markdown: str, folder: Path) -> str:
    """The memo as one HTML file; pictures of `folder` are put into it."""
    body = [_block(block, folder) for block in markdown.strip().split("\n\n")]
    style = (
        "body{font:16px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em;color:#222}"
        "table{border-collapse:collapse;font-size:14px}td,th{padding:.25em .7em;border-bottom:"
        "1px solid #ddd;text-align:right}td:first-child,th:first-child{text-align:left}"
        "img{max-width:100%}"
    )
    title = html.escape(markdown.splitlines()[0].lstrip("# "))
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{style}</style></head><body>\n" + "\n".join(body) + "\n</body></html>\n"
    )


def _block(block: str, folder: Path) -> str:
    lines = block.split("\n")
    if block.startswith("#"):
        level = len(block) - len(block.lstrip("#"))
        return f"<h{level}>{_inline(block.lstrip('# '))}</h{level}>"
    picture = re.fullmatch(r"!\[(.*)\]\((.*)\)", block)
    if picture is not None:
        data = base64.b64encode((folder / picture[2]).read_bytes()).decode("ascii")
        return f'<p><img alt="{html.escape(picture[1])}" src="data:image/png;base64,{data}"></p>'
    if block.startswith("| "):
        cells = [line.strip("| ").split(" | ") for line in lines if not line.startswith("|--")]
        rows = ["".join(f"<td>{_inline(cell)}</td>" for cell in row) for row in cells]
        rows[0] = rows[0].replace("<td>", "<th>").replace("</td>", "</th>")
        return "<table>" + "".join(f"<tr>{row}</tr>" for row in rows) + "</table>"
    if block.startswith("* "):
        return "<ul>" + "".join(f"<li>{_inline(line[2:])}</li>" for line in lines) + "</ul>"
    numbered = re.match(r"(\d+)\. ", block)
    if numbered is not None:
        items = "".join(f"<li>{_inline(line.split('. ', 1)[1])}</li>" for line in lines)
        return f'<ol start="{numbered[1]}">{items}</ol>'
    return f"<p>{_inline(block)}</p>"


def _inline(text: str) -> str:
    return re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", html.escape(text))


def _rows(table: pd.DataFrame) -> Iterator[Any]:
    """Rows of a table, whose columns are attributes."""
    yield from table.itertuples()


def _records(table: pd.DataFrame) -> Iterator[tuple[str, Any]]:
    """Index and row of a table."""
    for name, row in table.iterrows():
        yield str(name), row
