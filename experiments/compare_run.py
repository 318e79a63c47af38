"""One comparison: routes played, looked ahead, told in the terminal, kept on disk."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from experiments.compare import Outcome, compare, month_table
from experiments.compare_capacity import Capacity
from experiments.compare_peak import peak_rule
from experiments.compare_routes import Comparison
from experiments.decision import Decision, decision
from experiments.memo import memo_markdown
from experiments.memo_page import memo_html
from experiments.progress import watched
from experiments.telling import dollars, milliseconds, share
from hardware_profiles.errors import InputError
from simulator.economics.cost_line import audit_table
from simulator.economics.way import hybrid_sizes
from simulator.record.files import write_json
from simulator.record.store import whole_folder

__all__ = ["audit", "peak_of", "run_comparison", "sizes_of", "years_of"]

TABLE_FILE = "routes.csv"
PARS = (1.0, 2.0, 4.0, 8.0)
"""Bursts for which the size of a hybrid is worked out: peak over mean load."""


def run_comparison(
    path: Path,
    overrides: Mapping[str, Any],
    out: Path | None,
    console: Console,
    *,
    audit: bool = False,
) -> None:
    """Play, price, project and rank the routes of a file, and tell of it.

    Raises
    ------
    InputError
        If the comparison is wrong, no route keeps the constraints, or the folder cannot be written;
        nothing is left half-written.
    """
    comparison = Comparison.from_file(path, overrides)
    folder = out or Path("runs") / re.sub(r"[^\w.-]+", "-", comparison.name).strip(".-")
    with whole_folder(folder, TABLE_FILE) as partial:
        with watched(f"simulating {len(comparison.routes)} routes") as progress:
            outcomes = compare(comparison, progress)
        _print_routes(outcomes, console)
        if audit:
            _print_audit(outcomes, console)
        if all(found.broken for found in outcomes):
            reasons = "; ".join(f"{f.route.name}: {', '.join(f.broken)}" for f in outcomes)
            raise InputError(f"{path}: constraints: no route keeps them ({reasons})")
        found = decision(comparison, outcomes)
        _keep(found, outcomes, partial)
    _print_years(found, console)
    told = f"Recommended: {found.best}. The memo, tables and pictures are in {folder}"
    console.print(told, highlight=False, markup=False, soft_wrap=True)


def audit(outcomes: Sequence[Outcome]) -> pd.DataFrame:
    """Every line of every route with what it was computed from."""
    tables = [audit_table(found.lines).assign(route=found.route.name) for found in outcomes]
    table = pd.concat(tables, ignore_index=True)
    return table[["route", *[name for name in table.columns if name != "route"]]]


def peak_of(found: Decision) -> pd.DataFrame:
    """The peak rule on the route with the most replicas; empty where none has any."""
    ours = [o for o in found.outcomes if o.scenario is not None]
    if not ours:
        return pd.DataFrame()
    chosen = max(ours, key=lambda o: o.used.peak_gpus if o.used else 0)
    scenario, name = chosen.scenario, chosen.route.name
    assert scenario is not None
    known: Capacity = found.capacities[name]
    curve = known.runs[known.runs["good_share"] >= found.comparison.grid.good_share]
    at_once = float((curve["load"] * curve["e2e_mean_s"]).max())
    each = found.way(name).usd_per_replica_month
    table = peak_rule(scenario, scenario.trace(), max(at_once, 1.0), each)
    return table.assign(route=name)


def sizes_of(found: Decision) -> pd.DataFrame:
    """Each hybrid by the number of replicas kept and the burstiness; empty where there is none.

    Returns
    -------
    DataFrame: route, peak_to_mean, replicas, overflow_share, usd_per_month.
    """
    tables = [
        hybrid_sizes(way, found.load, par).assign(route=way.name, peak_to_mean=par)
        for way in found.ways
        if way.kind == "hybrid"
        for par in PARS
    ]
    columns = ["route", "peak_to_mean", "replicas", "overflow_share", "usd_per_month"]
    return pd.concat(tables, ignore_index=True)[columns] if tables else pd.DataFrame()


def years_of(found: Decision) -> pd.DataFrame:
    """What the draws say of each route, and how it does beside the cheapest endpoint."""
    return found.drawn.table.join(found.against).rename_axis("route")


def _keep(found: Decision, outcomes: Sequence[Outcome], folder: Path) -> None:
    """Tables, pictures and memo into a folder."""
    from experiments.figures_compare_routes import latency_cost, monthly_bars
    from experiments.figures_compare_routes_outlook import input_swings, years
    from experiments.figures_compare_routes_volume import (
        break_even,
        chances,
        cheapest_map,
        utilization,
    )
    from experiments.figures_style import save

    month_table(outcomes).to_csv(folder / TABLE_FILE, index=False, lineterminator="\n")
    traced = audit(outcomes)
    traced.to_csv(folder / "audit.csv", index=False, lineterminator="\n")
    years_of(found).to_csv(folder / "years.csv", lineterminator="\n")
    found.by_volume.to_csv(folder / "chances.csv", lineterminator="\n")
    found.break_even.to_csv(folder / "break_even.csv", index=False, lineterminator="\n")
    found.tornado.join(found.sobol).rename_axis("input").to_csv(
        folder / "inputs.csv", lineterminator="\n"
    )
    sizes = sizes_of(found)
    if len(sizes):
        sizes.to_csv(folder / "hybrid_sizes.csv", index=False, lineterminator="\n")
    grid = [c.runs.assign(route=name) for name, c in found.capacities.items()]
    if grid:
        pd.concat(grid).to_csv(folder / "capacity.csv", index=False, lineterminator="\n")
    peak = peak_of(found)
    peak.to_csv(folder / "peak_rule.csv", index=False, lineterminator="\n")
    save(
        monthly_bars(outcomes, f"{found.comparison.name}: a month of each route"),
        folder,
        "routes_month",
    )
    save(
        latency_cost(outcomes, f"{found.comparison.name}: latency against cost"),
        folder,
        "routes_latency",
    )
    drawings = {
        "routes_break_even": break_even,
        "routes_utilization": utilization,
        "routes_map": cheapest_map,
        "routes_chances": chances,
        "routes_years": years,
        "routes_inputs": input_swings,
    }
    for name, drawing in drawings.items():
        save(drawing(found), folder, name)
    memo = memo_markdown(found, outcomes, peak, sizes)
    (folder / "memo.md").write_text(memo, encoding="utf-8")
    (folder / "memo.html").write_text(memo_html(memo, folder, traced), encoding="utf-8")
    summary = {
        "comparison": found.comparison.name,
        "best": found.best,
        "rival": found.second,
        "evpi_usd": found.drawn.evpi_usd,
        "years": years_of(found).to_dict(orient="index"),
        "ruled_out": {o.route.name: list(o.broken) for o in outcomes if o.broken},
    }
    write_json(summary, folder / "comparison.json")


def _print_routes(outcomes: Sequence[Outcome], console: Console) -> None:
    table = Table(title=Text("a month of each route"), title_justify="left", header_style="bold")
    heads = (
        "", "a month", "a request", "a good one", "good", "TTFT p95 [ms]", "TPOT p95 [ms]",
        "ruled out by",
    )  # fmt: skip
    for head in heads:
        table.add_column(head, justify="left" if head in ("", "ruled out by") else "right")
    for row in _rows(month_table(outcomes)):
        table.add_row(
            Text(str(row.route)),
            dollars(row.usd_per_month),
            dollars(row.usd_per_1k_requests / 1e3),
            dollars(row.usd_per_1k_good_requests / 1e3),
            share(row.good_share),
            milliseconds(row.ttft_p95_s),
            milliseconds(row.tpot_p95_s),
            Text(str(row.ruled_out_by)),
        )
    console.print(table)


def _print_audit(outcomes: Sequence[Outcome], console: Console) -> None:
    """Each number of the bill with what it was computed from."""
    for found in outcomes:
        title = Text(f"{found.route.name}: {dollars(found.usd)} a month, line by line")
        table = Table(title=title, title_justify="left", header_style="bold")
        for head in ("line", "USD", "formula", "inputs", "source", "checked"):
            table.add_column(head, justify="right" if head == "USD" else "left", overflow="fold")
        for row in _rows(audit_table(found.lines)):
            if row.usd > 0:
                cells = (row.formula, row.inputs, row.source, row.checked)
                table.add_row(str(row.line), f"{row.usd:,.2f}", *(Text(str(c)) for c in cells))
        console.print(table)


def _print_years(found: Decision, console: Console) -> None:
    outlook = found.comparison.outlook
    title = f"{outlook.months} months in today's dollars, {outlook.draws:,} futures"
    table = Table(title=Text(title), title_justify="left", header_style="bold")
    for head in ("", "mean", "p5", "p95", "cheapest", "expected regret"):
        table.add_column(head, justify="right" if head else "left")
    ranking: Any = found.drawn.table.sort_values("mean")
    for name, row in ranking.iterrows():
        table.add_row(
            Text(str(name)),
            *(f"${row[column]:,.0f}" for column in ("mean", "p05", "p95")),
            share(float(row["p_cheapest"])),
            f"${row['expected_regret']:,.0f}",
        )
    console.print(table)


def _rows(table: pd.DataFrame) -> Iterator[Any]:
    """Rows of a table, whose columns are attributes."""
    yield from table.itertuples()
