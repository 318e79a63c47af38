"""One scenario: run, billed, told in the terminal, kept on disk."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from experiments.progress import watched
from experiments.telling import certainty_table, compare_table, headings, latency_table
from experiments.traffic_telling import tell_notes
from simulator.economics.bill import Bill, bill
from simulator.record.result import SUMMARY_FILE, Result
from simulator.record.store import whole_folder
from simulator.record.summary import summarise
from simulator.scenario import Scenario
from simulator.simulate import simulate
from workloads.trace import Trace

__all__ = ["folder_of", "play", "run_scenario", "save", "tell", "told"]


def run_scenario(
    path: Path, overrides: Mapping[str, Any], out: Path | None, console: Console
) -> None:
    """Run the scenario of a file and tell of it.

    Parameters
    ----------
    path : the scenario.
    overrides : values by dotted path, laid over it.
    out : folder to write; ``runs/<name of the scenario>`` if none is given.

    Raises
    ------
    InputError
        If the scenario is wrong or the folder cannot be written; nothing is left half-written.
    """
    scenario = Scenario.from_file(path, overrides)
    folder = out or folder_of(scenario)
    with whole_folder(folder, SUMMARY_FILE) as partial:
        trace = scenario.trace()
        result, costs = play(scenario, trace)
        save(result, costs, partial)
    tell(scenario, trace.meta, told(result, costs), folder, console)


def folder_of(scenario: Scenario) -> Path:
    """Where a run is kept if nobody says where."""
    return Path("runs") / re.sub(r"[^\w.-]+", "-", scenario.name).strip(".-")


def tell(
    scenario: Scenario,
    notes: Mapping[str, Any],
    summary: Mapping[str, Any],
    folder: Path,
    console: Console,
) -> None:
    """Print what ran, what users saw, what the GPUs did, what it cost, and where it is kept."""
    what = f"[bold]{escape(scenario.name)}[/bold]: {escape(_in_words(scenario))}"
    console.print(what, highlight=False, soft_wrap=True)
    tell_notes(notes, console)
    console.print(latency_table(summary))
    _tell_certainty(summary, console)
    for title, lines in headings():
        console.print(compare_table(title, lines, {scenario.name: summary}))
    where = f"Tables, summary, bill and pictures are in {folder}"
    console.print(where, highlight=False, soft_wrap=True, markup=False)


def _tell_certainty(summary: Mapping[str, Any], console: Console) -> None:
    """Intervals where errors were measured, or the plain word that none were."""
    certainty = summary["certainty"]
    if certainty["interval_s"]:
        console.print(certainty_table(summary))
    else:
        console.print(f"Step times: {certainty['sentence']}.", highlight=False, markup=False)


def _in_words(scenario: Scenario) -> str:
    """What runs on what, at what price."""
    offer, gpus = scenario.offer, scenario.gpus_per_replica
    replica = f"{gpus} x {scenario.gpu.name}" if gpus > 1 else scenario.gpu.name
    return (
        f"{scenario.model.name} on {scenario.replicas} x {replica}, {scenario.router.kind}; "
        f"{offer.name} at {offer.usd_per_gpu_hour:g} USD per GPU-hour "
        f"({offer.checked}, confidence {offer.confidence})"
    )


def play(scenario: Scenario, trace: Trace | None = None) -> tuple[Result, Bill]:
    """Simulate a scenario under a progress bar, and bill it."""
    with watched(f"simulating {scenario.name}") as progress:
        result = simulate(scenario, trace, progress=progress)
    return result, bill(result)


def save(result: Result, costs: Bill, folder: Path) -> None:
    """Write tables, summary, bill and pictures of a run into a folder."""
    from experiments.figures import draw_run

    def beside(partial: Path) -> None:
        costs.save(partial)
        draw_run(result, costs, partial)

    result.save(folder, also=beside)


def told(result: Result, costs: Bill) -> dict[str, Any]:
    """Summary of a run with its bill under the key `bill`, lines by name."""
    lines = dict(zip(costs.lines["line"], costs.lines["usd"], strict=True))
    return {**summarise(result), "bill": {**costs.headline(), **lines}}
