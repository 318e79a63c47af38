"""A search told in a terminal: the answers, with what fresh seeds say of them."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from experiments.labels import axis_title, scale, title
from experiments.searched import Searched
from experiments.study_telling import give_or_take
from experiments.targets import told

__all__ = ["tell_search"]

MOST_ROWS = 40


def tell_search(found: Searched, folder: Path, console: Console) -> None:
    """Print the question, the front or the best, how many trials failed, and where it all is."""
    search, trials = found.search, found.trials
    wanted = [f"least {title(name)}" for name in search.minimise]
    wanted += [f"most {title(name)}" for name in search.maximise]
    lines = [search.question, f"Wanted: {', '.join(wanted)}"]
    lines += [f"Kept: {told(search.constraints)}"] if search.constraints else []
    for line in lines:
        if line:
            console.print(line, highlight=False, markup=False, soft_wrap=True)
    if len(found.best):
        console.print(_answers(found))
    else:
        told_none = "No trial keeps the constraints: widen the space, or ask for less"
        console.print(told_none, highlight=False, markup=False, soft_wrap=True)
    if gone := int((~found.best["stays"]).sum()):
        told_gone = (
            f"{gone} of {len(found.best)} answers of the search did not stay answers with "
            "fresh seeds"
        )
        console.print(told_gone, highlight=False, markup=False, soft_wrap=True)
    failed = trials[trials["error"] != ""]
    if len(failed):
        first = f"{len(failed)} trials failed; the first: {failed['error'].iloc[0]}"
        console.print(first, highlight=False, markup=False, soft_wrap=True)
    where = (
        f"{len(trials)} trials, {int(trials['feasible'].sum())} of them keep the constraints; "
        f"{found.simulations} simulations, {found.run_now} of them run now. "
        f"Tables and pictures are in {folder}"
    )
    console.print(where, highlight=False, markup=False, soft_wrap=True)


def _answers(found: Searched) -> Table:
    search = found.search
    best = found.best[found.best["stays"]] if found.best["stays"].any() else found.best
    several = len(search.objectives) > 1
    what = "front: none is better in one way without being worse in another" if several else "best"
    runs = best["runs"].max()
    level = f"{100 * search.confidence:g} %"
    fresh = "with fresh seeds" if search.confirm else "with the seeds of the search"
    heading = f"{what}; means of {runs} runs {fresh} ± half a {level} interval"
    table = Table(title=Text(heading), title_justify="left", header_style="bold")
    for path in search.space:
        table.add_column(Text(axis_title(path)))
    scales = {}
    for name in search.metrics:
        scales[name] = scale(name, float(best[name].abs().max()))
        unit = f" [{scales[name].unit}]" if scales[name].unit else ""
        table.add_column(Text(title(name) + unit), justify="right")
    if search.constraints:
        table.add_column("keeps")
    for row in best.head(MOST_ROWS).to_dict("records"):
        at = [Text(_brief(row[path])) for path in search.space]
        values = [
            give_or_take(row[name], row[f"{name} low"], row[f"{name} high"], scales[name].factor)
            for name in search.metrics
        ]
        keeps = ["yes" if row["keeps"] else "no longer"] if search.constraints else []
        table.add_row(*at, *values, *keeps)
    return table


def _brief(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
