"""A sizing told in a terminal: for each level, what every option would need, and its price."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from experiments.labels import axis_title
from experiments.sized import HOURS_PER_MONTH, STEPS, Sized
from experiments.targets import told

__all__ = ["tell_sizing"]

LEVELS = {
    "traffic": "the traffic as it comes",
    "mean": "its mean, held",
    "p95": "its p95, held",
    "p99": "its p99, held",
    "peak": "its peak, held",
}


def tell_sizing(sized: Sized, folder: Path, console: Console) -> None:
    """Print a table a level, what cannot be bought, and what is cheapest."""
    sizing = sized.sizing
    promise = f"Promised: {told(sizing.targets)}"
    for words in (sizing.question, promise, _steps(sized)):
        if words:
            console.print(words, highlight=False, markup=False, soft_wrap=True)
    table = sized.table
    for level in sizing.levels:
        if len(table):
            console.print(_level(sized, table, level))
    options = sized.options
    for row in options[~options["can_be"]].to_dict("records"):
        told_not = f"{_named(sized, row)}: {row['why_not']}"
        console.print(told_not, highlight=False, markup=False, soft_wrap=True)
    if sizing.frontier and len(table):
        console.print(_frontier(sized, options))
    console.print(_cheapest(sized), highlight=False, markup=False, soft_wrap=True)
    where = (
        f"{sized.simulations} simulations, {sized.run_now} of them run now. "
        f"Tables and pictures are in {folder}"
    )
    console.print(where, highlight=False, markup=False, soft_wrap=True)


def _steps(sized: Sized) -> str:
    sizing = sized.sizing
    return (
        f"Steps: the fewest replicas that keep it; with {100 * sizing.headroom:g} % more requests; "
        f"with {sizing.spare} more replica{'' if sizing.spare == 1 else 's'} in reserve (N+"
        f"{sizing.spare})"
    )


def _level(sized: Sized, table: pd.DataFrame, level: str) -> Table:
    mine = table[table["level"] == level]
    shown = Table(title=Text(_about(mine, level)), title_justify="left", header_style="bold")
    for path in sized.sizing.paths:
        shown.add_column(Text(axis_title(path)))
    shown.add_column("offer")
    for step in (*STEPS[:2], f"N+{sized.sizing.spare}"):
        shown.add_column(Text(step), justify="right")
        shown.add_column(Text("USD/h"), justify="right")
    shown.add_column(Text("GPUs"), justify="right")
    shown.add_column(Text("USD a month"), justify="right")
    best = sized.cheapest(level)
    for option, rows in mine.groupby("option", sort=True):
        steps = {str(row["step"]): row for row in rows.to_dict("records")}
        last = steps["spare"]
        at = [Text(str(last[path])) for path in sized.sizing.paths]
        counts = [
            told
            for step in STEPS
            for told in (_count(steps[step]), Text(_usd(steps[step]["usd_per_hour"])))
        ]
        bold = "bold" if best is not None and best["option"] == option else None
        whole = _whole(last["gpus"]), _usd(last["usd_per_month"], 0)
        shown.add_row(*at, Text(str(last["offer"])), *counts, *whole, style=bold)
    return shown


def _about(rows: pd.DataFrame, level: str) -> str:
    first = rows.iloc[0]
    most, least = rows["simultaneous"].max(), rows["simultaneous"].min()
    at_once = f"{least:.0f}" if round(least) == round(most) else f"{least:.0f} to {most:.0f}"
    if level == "traffic":
        return f"{LEVELS[level]}, up to {at_once} requests at once"
    rates = rows["rate_per_s"]
    low, high = rates.min(), rates.max()
    rate = f"{low:.3g}" if f"{low:.3g}" == f"{high:.3g}" else f"{low:.3g} to {high:.3g}"
    return f"{LEVELS[str(first['level'])]}: {at_once} requests at once, {rate} a second"


def _count(row: Mapping[Any, Any]) -> Text:
    """Replicas of a step; with a mark where the runs leave a doubt."""
    return Text(f"{_whole(row['replicas'])}{'' if row['sure'] else ' ?'}")


def _whole(number: float) -> str:
    return "–" if number is None or math.isnan(number) else f"{number:,.0f}"


def _usd(amount: float, places: int = 2) -> str:
    return "–" if math.isnan(amount) else f"{amount:,.{places}f}"


def _named(sized: Sized, row: Mapping[Any, Any]) -> str:
    values = (f"{axis_title(path)} {row[path]}" for path in sized.sizing.paths)
    return ", ".join(values) or sized.sizing.name


def _frontier(sized: Sized, options: pd.DataFrame) -> Table:
    shown = Table(
        title=Text("greatest rate that one replica bears within the promise [requests/s]"),
        title_justify="left",
        header_style="bold",
    )
    for path in sized.sizing.paths:
        shown.add_column(Text(axis_title(path)))
    for name in ("borne", "not borne", "USD per million requests"):
        shown.add_column(Text(name), justify="right")
    for row in options[options["can_be"]].to_dict("records"):
        low, high = row["frontier_low_per_s"], row["frontier_high_per_s"]
        per_hour = row["usd_per_gpu_hour"] * row["gpus_per_replica"]
        usd = per_hour / 3600 / low * 1e6 if low > 0 else math.nan
        at = [Text(str(row[path])) for path in sized.sizing.paths]
        shown.add_row(*at, f"{low:,.3g}", f"{high:,.3g}", _usd(usd, 0))
    return shown


def _cheapest(sized: Sized) -> str:
    lines = []
    for level in sized.sizing.levels:
        best = sized.cheapest(level)
        if best is None:
            lines.append(f"{LEVELS[level]}: nothing of this keeps the promise")
            continue
        what = _named(sized, best.to_dict())
        lines.append(
            f"{LEVELS[level]}: {best['replicas']:.0f} replicas of {what} at {best['offer']}, "
            f"${best['usd_per_hour']:,.2f} an hour "
            f"(${best['usd_per_hour'] * HOURS_PER_MONTH:,.0f} a month)"
        )
    doubt = "; ? means that more runs would be needed to be sure" if _doubt(sized) else ""
    return "Cheapest, headroom and reserve included" + doubt + "\n  " + "\n  ".join(lines)


def _doubt(sized: Sized) -> bool:
    return bool(len(sized.table)) and not bool(sized.table["sure"].all())
