"""A study told in a terminal: a row a point, each metric with how sure it is."""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from experiments.batch_study import knees
from experiments.labels import axis_title, scale, shown, title
from experiments.study import Picture, Study
from experiments.sweep import StudyRun

__all__ = ["give_or_take", "tell_study"]

MOST_ROWS = 40
MOST_METRICS = 6


def tell_study(run: StudyRun, folder: Path, console: Console) -> None:
    """Print what was found, what differs from the baseline, what failed, and where it all is."""
    study, summary = run.study, run.summary()
    for words in (study.question, study.varied, study.held):
        if words:
            console.print(words, highlight=False, markup=False, soft_wrap=True)
    console.print(_points(run, summary))
    if study.picture is not None:
        for metric in study.picture.knee:
            told = f"knee of {title(metric)} ± half a {100 * study.level:g} % interval"
            console.print(told, style="italic", highlight=False, markup=False)
            console.print(_knees(run, study.picture, metric))
    if study.baseline is not None:
        console.print(_differences(run))
    if len(run.failed):
        first = run.failed["error"].iloc[0]
        told = f"{len(run.failed)} of {len(run.table)} cells failed; the first: {first}"
        console.print(told, highlight=False, markup=False, soft_wrap=True)
    cells, now = len(run.table), run.run_now
    told = f"{cells} cells, {now} of them run now. Tables and pictures are in {folder}"
    console.print(told, highlight=False, markup=False, soft_wrap=True)


def give_or_take(mean: float, low: float, high: float, factor: float = 1.0) -> str:
    """A mean with half the width of its interval, to as many digits as that leaves worth telling.

    >>> give_or_take(0.12345, 0.121, 0.126, 1e3), give_or_take(5.0, 5.0, 5.0)
    ('123.5 ± 2.5', '5')
    """
    if not math.isfinite(mean):
        return "–"
    half = (high - low) / 2 * factor
    if not math.isfinite(half) or half == 0:
        return f"{mean * factor:,.4g}"
    places = max(0, 1 - math.floor(math.log10(half)))
    places = min(places, max(0, 4 - math.floor(math.log10(max(abs(mean * factor), 1e-12)))))
    return f"{mean * factor:,.{places}f} ± {half:,.{places}f}"


def _told_metrics(study: Study) -> tuple[str, ...]:
    """Metrics for which there is room: those of the picture, or the first; all are in the files."""
    if len(study.metrics) <= MOST_METRICS:
        return study.metrics
    return study.picture.y if study.picture is not None else study.metrics[:MOST_METRICS]


def _points(run: StudyRun, summary: pd.DataFrame) -> Table:
    study = run.study
    replications = sorted(set(summary["n"]))
    often = f"{replications[0]}-{replications[-1]}" if len(replications) > 1 else replications[0]
    told = f"{study.name}: means of {often} replications ± half a {100 * study.level:g} % interval"
    table = Table(title=Text(told), title_justify="left", header_style="bold")
    for path in study.paths:
        table.add_column(Text(axis_title(path)))
    metrics = _told_metrics(study)
    scales = {}
    for metric in metrics:
        largest = summary.loc[summary["metric"] == metric, "mean"].abs().max()
        scales[metric] = scale(metric, float(largest))
        unit = f" [{scales[metric].unit}]" if scales[metric].unit else ""
        table.add_column(Text(title(metric) + unit), justify="right")
    for number, (_, rows) in enumerate(summary.groupby("point", sort=True)):
        if number == MOST_ROWS:
            table.add_row(Text("… more in summary.csv"))
            break
        values = [
            give_or_take(row["mean"], row["low"], row["high"], scales[row["metric"]].factor)
            for row in rows.set_index("metric", drop=False).loc[list(metrics)].to_dict("records")
        ]
        table.add_row(*(Text(str(rows[path].iloc[0])) for path in study.paths), *values)
    return table


def _knees(run: StudyRun, picture: Picture, metric: str) -> Table:
    """Where a metric bends most along the axis of the picture, for each value of the others."""
    found = knees(run, metric, picture.x, picture.log_x)
    others = [path for path in run.study.paths if path in found]
    table = Table(header_style="bold")
    for name in (*map(axis_title, others), axis_title(picture.x)):
        table.add_column(Text(name))
    for row in found.to_dict("records"):
        at = [Text(str(row[name])) for name in others]
        table.add_row(*at, give_or_take(row["knee"], row["low"], row["high"]))
    return table


def _differences(run: StudyRun) -> Table:
    found = run.differences()
    ((path, value),) = (run.study.baseline or {}).items()
    told = f"compared with {axis_title(path)} = {shown(value)}, run by run"
    table = Table(title=Text(told), title_justify="left", header_style="bold")
    for name in (*map(axis_title, run.study.paths), "metric", "baseline", "verdict"):
        table.add_column(Text(name), justify="right" if name == "baseline" else "left")
    found = found[found["metric"].isin(_told_metrics(run.study))]
    for row in found.head(MOST_ROWS).to_dict("records"):
        unit = f" [{row['unit']}]" if row["unit"] else ""
        at = [Text(str(row[name])) for name in run.study.paths]
        metric = Text(f"{title(row['metric'])}{unit}")
        table.add_row(*at, metric, f"{row['baseline']:,.4g}", row["verdict"])
    return table
