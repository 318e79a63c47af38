"""The same volume, steady and in waves: what bursts do to users, to idle time and to the bill.

Question. Equal fleets get equal work in equal time, one evenly, one in waves. What differs?
What is varied. The arrivals; then, for the waves, the number of replicas.
What is held. Model, GPU, price, engine, lengths, number of requests, SLO, seed.
What we found. The picture and the last lines say it; one run each, so it illustrates and does not
measure.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console

from experiments.single import play, save, told
from experiments.telling import (
    LATENCY_LINES,
    Line,
    compare_table,
    dollars,
    headings,
    look_up,
    share,
)
from simulator.economics.bill import Bill
from simulator.record.result import Result
from simulator.record.store import whole_folder
from simulator.scenario import Scenario

__all__ = ["RUNS", "SCENARIOS", "run_demo"]

SCENARIOS = Path(__file__).parent / "scenarios"
RUNS: dict[str, tuple[str, dict[str, Any]]] = {
    "steady": ("demo-steady.yaml", {}),
    "bursty": ("demo-bursty.yaml", {}),
    "bursty, one GPU more": ("demo-bursty.yaml", {"replicas": 3}),
}
TABLE_FILE = "comparison.csv"


def run_demo(out: Path, console: Console) -> None:
    """Run the scenarios of the demo, print them side by side and keep everything in `out`.

    Raises
    ------
    InputError
        If the folder cannot be written or holds something else.
    """
    runs: dict[str, tuple[Result, Bill]] = {}
    with whole_folder(out, TABLE_FILE) as partial:
        for name, (file, changes) in RUNS.items():
            runs[name] = play(Scenario.from_file(SCENARIOS / file, {**changes, "name": name}))
            save(*runs[name], partial / name.replace(", ", "-").replace(" ", "-"))
        summaries = {name: told(*run) for name, run in runs.items()}
        _table(summaries).to_csv(partial / TABLE_FILE, lineterminator="\n")
        _draw(runs, partial)
    for title, lines in _tables():
        console.print(compare_table(title, lines, summaries))
    for line in _lesson(summaries):
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    where = f"Tables, bills and pictures are in {out}; begin with {out / 'comparison.png'}"
    console.print(where, highlight=False, soft_wrap=True)


def _tables() -> list[tuple[str, list[Line]]]:
    return [("what users saw", LATENCY_LINES), *headings()]


def _table(summaries: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """Every line of the tables as a row, with its path as key, a column for each run."""
    lines = [line for _, lines in _tables() for line in lines]
    found = {name: [look_up(s, line.path) for line in lines] for name, s in summaries.items()}
    return pd.DataFrame(found, index=pd.Index([line.path for line in lines], name="quantity"))


def _lesson(summaries: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What the numbers say, in words."""
    found = []
    for name, summary in summaries.items():
        requests, gpus = look_up(summary, "requests.arrived"), look_up(summary, "fleet.gpus")
        good, idle = look_up(summary, "goodput.share"), look_up(summary, "idle.share")
        usd = 1e3 * look_up(summary, "bill.usd_per_good_request")
        found.append(
            f"{name}: {requests:,.0f} requests on {gpus} GPUs; {share(good)} within the SLO, "
            f"{share(idle)} of the time idle, {dollars(usd)} per thousand good requests"
        )
    return found


def _draw(runs: Mapping[str, tuple[Result, Bill]], folder: Path) -> None:
    from experiments.figures import draw_comparison

    draw_comparison(runs, folder, "The same volume, steady and in waves")
