"""One scenario of any length: read ahead of the clock, told and kept as sums, not as tables."""

import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from rich.console import Console

from experiments.cli_errors import of_file
from experiments.figures_bill import bill_lines
from experiments.figures_latency import LATENCIES, Seen, latency_cdfs
from experiments.figures_style import save
from experiments.figures_time import over_time
from experiments.single import folder_of, tell, with_bill
from simulator.economics.bill import Bill
from simulator.economics.running_bill import RunningBill
from simulator.long_run import chapters
from simulator.record.files import write_json, write_parquet
from simulator.record.request_rows import RequestRows
from simulator.record.result import SCENARIO_FILE, SUMMARY_FILE
from simulator.record.store import whole_folder
from simulator.record.tables import glossary
from simulator.record.totals import Totals
from simulator.scenario import Scenario

__all__ = ["run_long"]

TOLD_EVERY_S = 10.0
DRAWN_AT = np.linspace(0.0, 1.0, 2001)
"""Shares of the requests whose latency is drawn."""


def run_long(path: Path, overrides: Mapping[str, Any], out: Path | None, console: Console) -> None:
    """Run the scenario of a file in bounded memory and tell of it.

    The folder has the summary, the bill, the timeline, the replicas and what each request saw; not
    the tables of steps, chunks and stays in decode, which would be as long as the run.

    Parameters
    ----------
    path : the scenario.
    overrides : values by dotted path, laid over it.
    out : folder to write; ``runs/<name of the scenario>`` if none is given.

    Raises
    ------
    InputError
        If the scenario is wrong, needs its whole trace at once, or the folder cannot be written;
        nothing is left half-written.
    """
    scenario = Scenario.from_file(path, overrides)
    folder = out or folder_of(scenario)
    totals, costs = Totals(), RunningBill()
    notes: dict[str, Any] = {}

    def pieces() -> Any:
        for piece in scenario.pieces():
            notes.update(piece.meta)
            yield piece

    with whole_folder(folder, SUMMARY_FILE) as partial:
        with RequestRows(partial / "requests.parquet") as rows, of_file(path):
            for chapter in chapters(scenario, pieces(), _telling(scenario.name)):
                totals.add(chapter)
                costs.add(chapter)
                rows.add(chapter)
        summary, bill = totals.summary(), costs.bill()
        write_json(summary, partial / SUMMARY_FILE)
        _save(totals, bill, partial)
    tell(scenario, notes, with_bill(summary, bill), folder, console)


def _save(totals: Totals, bill: Bill, folder: Path) -> None:
    fleet = totals.states.fleet()
    write_json(bill.to_dict(), folder / "bill.json")
    table = totals.timeline()
    write_parquet(table, folder / "timeline.parquet")
    write_parquet(fleet.replicas, folder / "replicas.parquet")
    resolved = yaml.safe_dump(fleet.scenario.model_dump(mode="json"), sort_keys=False)
    (folder / SCENARIO_FILE).write_text(resolved, encoding="utf-8")
    glossary().to_csv(folder / "glossary.csv", index=False, lineterminator="\n")
    seen = Seen(
        {name: pd.Series(totals.latency[name].quantiles(DRAWN_AT)).dropna() for name in LATENCIES},
        totals.arrived(),
        int(totals.sums["outcome completed"]),
    )
    save(latency_cdfs(fleet, seen), folder, "latency")
    save(over_time(fleet, table, totals.at_once.concurrency()), folder, "over_time")
    save(bill_lines(fleet, bill), folder, "bill")


def _telling(name: str) -> Callable[[float, int], None]:
    """Say now and then how far the run is, where somebody watches."""
    console = Console(stderr=True)
    told = time.monotonic()

    def tell_progress(now_s: float, requests: int) -> None:
        nonlocal told
        if console.is_terminal and time.monotonic() - told >= TOLD_EVERY_S:
            told = time.monotonic()
            line = f"{name}: {requests:,} requests, {now_s / 3600:,.2f} h of simulated time\n"
            sys.stderr.write(line)

    return tell_progress
