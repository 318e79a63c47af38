"""One scenario: run, billed, told in the terminal, kept on disk."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.markup import escape

from experiments.cli_errors import of_file
from experiments.groups import groups_of, tell_groups
from experiments.in_words import in_words
from experiments.never_happened import never_happened
from experiments.overflow_saving import compared
from experiments.overflow_telling import tell_overflow
from experiments.possible import possible_lines
from experiments.progress import watched
from experiments.telling import certainty_table, compare_table, headings, latency_table
from experiments.traffic_telling import tell_notes
from simulator.economics.bill import Bill, bill
from simulator.fleet.in_vain import policies_in_vain
from simulator.fleet.whose import names_in_vain
from simulator.record.overflowed import overflow_by
from simulator.record.result import SUMMARY_FILE, Result
from simulator.record.store import whole_folder
from simulator.record.summary import summarise
from simulator.scenario import Scenario
from simulator.simulate import simulate
from workloads.trace import Trace

__all__ = ["folder_of", "play", "run_scenario", "save", "tell", "told", "with_bill"]


IN_VAIN = ("names_in_vain", "policies_in_vain", "never_happened")
"""Sections of a summary that tell what changed nothing, in sentences."""


def run_scenario(
    path: Path,
    overrides: Mapping[str, Any],
    out: Path | None,
    console: Console,
    saving: bool = True,
) -> None:
    """Run the scenario of a file and tell of it.

    Parameters
    ----------
    path : the scenario.
    overrides : values by dotted path, laid over it.
    out : folder to write; ``runs/<name of the scenario>`` if none is given.
    saving : where requests may go to endpoints, run again without that, to tell what it saved.

    Raises
    ------
    InputError
        If the scenario is wrong or the folder cannot be written; nothing is left half-written.
    """
    scenario = Scenario.from_file(path, overrides)
    folder = out or folder_of(scenario)
    with whole_folder(folder, SUMMARY_FILE) as partial:
        trace = scenario.trace()
        with of_file(path):
            result, costs = play(scenario, trace)
        more = _more(scenario, trace, result, costs, saving)
        save(result, costs, partial, more)
    summary = {**told(result, costs), **more}
    table = overflow_by(result) if scenario.overflow is not None else None
    tell(scenario, trace.meta, summary, folder, console, table)


def _more(
    scenario: Scenario, trace: Trace, result: Result, costs: Bill, saving: bool
) -> dict[str, Any]:
    """Sections of the summary that only some runs have, or that need the bill."""
    more: dict[str, Any] = {}
    groups = groups_of(result, costs)
    if groups:
        more["groups"] = groups
    in_vain = {
        "names_in_vain": names_in_vain(scenario, trace),
        "policies_in_vain": policies_in_vain(scenario, trace),
        "never_happened": never_happened(result),
    }
    more |= {name: sentences for name, sentences in in_vain.items() if sentences}
    if saving and len(result.calls):

        def serve(other: Scenario, words: str) -> Result:
            with watched(f"simulating {words}") as progress:
                return simulate(other, trace, progress=progress)

        more["saving"] = compared(scenario, trace, result, costs, serve)
    return more


def folder_of(scenario: Scenario) -> Path:
    """Where a run is kept if nobody says where."""
    return Path("runs") / re.sub(r"[^\w.-]+", "-", scenario.name).strip(".-")


def tell(
    scenario: Scenario,
    notes: Mapping[str, Any],
    summary: Mapping[str, Any],
    folder: Path,
    console: Console,
    overflow: pd.DataFrame | None = None,
) -> None:
    """Print what ran, what users saw, what the GPUs did, what it cost, and where it is kept.

    Parameters
    ----------
    overflow : the table of that name, where requests may go to endpoints.
    """
    what = f"[bold]{escape(scenario.name)}[/bold]: {escape(in_words(scenario))}"
    console.print(what, highlight=False, soft_wrap=True)
    tell_notes(notes, console)
    for name in IN_VAIN:
        for sentence in summary.get(name, ()):
            line = f"in vain: {sentence}"
            console.print(line, highlight=False, soft_wrap=True, markup=False)
    console.print(latency_table(summary))
    _tell_certainty(summary, console)
    possible = possible_lines(scenario)
    for title, lines in headings():
        console.print(compare_table(title, lines, {scenario.name: summary}, possible))
    tell_groups(summary.get("groups", {}), console)
    if overflow is not None:
        tell_overflow(summary, overflow, console)
    where = f"Tables, summary, bill and pictures are in {folder}"
    console.print(where, highlight=False, soft_wrap=True, markup=False)


def _tell_certainty(summary: Mapping[str, Any], console: Console) -> None:
    """Intervals where errors were measured, or the plain word that none were."""
    certainty = summary["certainty"]
    if certainty["interval_s"]:
        console.print(certainty_table(summary))
    else:
        console.print(f"Step times: {certainty['sentence']}.", highlight=False, markup=False)


def play(scenario: Scenario, trace: Trace | None = None) -> tuple[Result, Bill]:
    """Simulate a scenario under a progress bar, and bill it."""
    with watched(f"simulating {scenario.name}") as progress:
        result = simulate(scenario, trace, progress=progress)
    return result, bill(result)


def save(result: Result, costs: Bill, folder: Path, more: Mapping[str, Any] | None = None) -> None:
    """Write tables, summary, bill and pictures of a run into a folder.

    Parameters
    ----------
    more : sections to add to the summary.
    """
    from experiments.figures import draw_run

    def beside(partial: Path) -> None:
        costs.save(partial)
        draw_run(result, costs, partial)

    result.save(folder, also=beside, more=more)


def told(result: Result, costs: Bill) -> dict[str, Any]:
    """Summary of a run with its bill under the key `bill`, lines by name."""
    return with_bill(summarise(result), costs)


def with_bill(summary: Mapping[str, Any], costs: Bill) -> dict[str, Any]:
    """A summary and a bill under the key `bill`, lines by name."""
    lines = dict(zip(costs.lines["line"], costs.lines["usd"], strict=True))
    return {**summary, "bill": {**costs.headline(), **lines}}
