"""Pictures of a study: metrics over an axis, with the interval of every point."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

from experiments.batch_study import knees
from experiments.figures_style import SERIES, caption, plain_numbers, save, style
from experiments.labels import axis_title, scale, shown, title
from experiments.study import Picture, Study
from experiments.sweep import StudyRun

__all__ = ["draw_study", "study_figure"]

MARKERS = ("o", "s", "^", "D", "v", "P")
PANEL = (5.2, 3.5)
"""Width and height of a panel. [in]"""


def draw_study(run: StudyRun, folder: Path) -> list[Path]:
    """Draw a study that names a picture, or one axis at least: study.png, .svg and .pdf."""
    if run.study.picture is None and not run.study.paths:
        return []
    return save(study_figure(run), folder, "study")


def study_figure(run: StudyRun, picture: Picture | None = None) -> Figure:
    """Each metric in a panel of its own over one axis, a line for each value of another.

    Bars are the intervals of the study's level; where none can be seen it is smaller than the
    marker. Points that failed are left out and counted in the caption.

    Parameters
    ----------
    picture : what to draw, instead of what the study says. By default the first axis across, the
        second as lines, and up to six metrics.
    """
    study = run.study
    picture = picture or study.picture or _usual(study)
    summary = run.summary()
    columns = min(len(picture.y), 3 if len(picture.y) > 4 else 2)
    rows = math.ceil(len(picture.y) / columns)
    with style():
        size = (PANEL[0] * columns, PANEL[1] * rows + 0.8)
        figure = Figure(figsize=size, layout="constrained")
        figure.suptitle(study.question or study.name, x=0.012, ha="left", wrap=True)
        panels = figure.subplots(rows, columns, squeeze=False).ravel()
        for axes, metric in zip(panels, picture.y, strict=False):
            _panel(axes, summary[summary["metric"] == metric], metric, picture)
            if metric in picture.knee:
                _mark_knees(axes, run, metric, picture)
        for axes in panels[len(picture.y) :]:
            axes.set_visible(False)
        if picture.by is not None:
            _legend(figure, panels[0], axis_title(picture.by))
        caption(figure, _caption(run, summary, picture))
    return figure


def _legend(figure: Figure, axes: Axes, heading: str) -> None:
    """What the lines are: in a row over the panels if they are few, else beside them."""
    handles, labels = axes.get_legend_handles_labels()
    if len(labels) <= 4:
        n = len(labels)
        figure.legend(handles, labels, loc="outside upper right", title=heading, ncols=n)
    else:
        figure.legend(handles, labels, loc="outside right upper", title=heading)


def _usual(study: Study) -> Picture:
    paths = [next(iter(axis)) for axis in study.axes]
    by = paths[1] if len(paths) > 1 else None
    return Picture(x=paths[0], by=by, y=study.metrics[:6])


def _panel(axes: Axes, table: pd.DataFrame, metric: str, picture: Picture) -> None:
    factor, unit = scale(metric, float(np.nanmax([*table["mean"].abs(), 0.0])))
    lines: list[tuple[Any, pd.DataFrame]] = [("", table)]
    if picture.by is not None:
        lines = list(table.groupby(picture.by, sort=False))
    places = _places(table[picture.x])
    for number, (label, line) in enumerate(lines):
        x = np.array([places[value] for value in line[picture.x]])
        mean, low, high = (line[name].to_numpy() * factor for name in ("mean", "low", "high"))
        bounded = np.isfinite(low) & np.isfinite(high)
        bars = np.where(bounded, [mean - low, high - mean], 0.0)
        axes.errorbar(
            x,
            mean,
            yerr=np.nan_to_num(bars),
            color=SERIES[number % len(SERIES)],
            marker=MARKERS[number % len(MARKERS)],
            ls="-" if number < len(SERIES) else "--",
            ms=5,
            lw=1.5,
            capsize=3,
            label=str(shown(label)),
        )
    _finish(axes, metric, unit, picture, places)


def _mark_knees(axes: Axes, run: StudyRun, metric: str, picture: Picture) -> None:
    """A dotted line where the curve of each colour bends most, on average over replications."""
    found = knees(run, metric, picture.x, picture.log_x)
    colours = dict(zip(found[picture.by] if picture.by else [""], SERIES, strict=False))
    for row in found.to_dict("records"):
        colour = colours.get(row[picture.by] if picture.by else "", SERIES[0])
        if math.isfinite(row["knee"]):
            axes.axvline(row["knee"], color=colour, ls=":", lw=1.5, zorder=1)


def _finish(axes: Axes, metric: str, unit: str, picture: Picture, places: dict[Any, float]) -> None:
    axes.set_title(title(metric))
    axes.set_ylabel(unit or "number")
    axes.set_xlabel(axis_title(picture.x))
    named = any(isinstance(value, str) for value in places)
    if picture.log_x and not named:
        axes.set_xscale("log")
        axes.set_xlabel(f"{axis_title(picture.x)}, log scale")
        axes.xaxis.set_minor_formatter(NullFormatter())
    if not named:
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    if named or (picture.log_x and len(places) <= 9):
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xticks(
            list(places.values()),
            [f"{value:,}" if not isinstance(value, str) else value for value in places],
        )
    if metric in picture.log_y:
        axes.set_yscale("log")
        axes.set_ylabel(f"{unit or 'number'}, log scale")
        low, high = axes.get_ylim()
        axes.yaxis.set_major_locator(
            LogLocator(subs=(1.0, 2.0, 5.0) if high < 100 * low else (1.0,))
        )
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
    else:
        plain_numbers(axes)
        axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))


def _places(values: pd.Series[Any]) -> dict[Any, float]:
    """Where each value stands on the axis: at itself, or side by side if they are words."""
    distinct = list(dict.fromkeys(values))
    if all(isinstance(value, int | float | np.number) for value in distinct):
        return {value: float(value) for value in distinct}
    return {value: float(place) for place, value in enumerate(distinct)}


def _caption(run: StudyRun, summary: pd.DataFrame, picture: Picture) -> str:
    study = run.study
    counts = summary["n"]
    number = f"{counts.min()}" if counts.min() == counts.max() else f"{counts.min()}-{counts.max()}"
    if counts.max() > 1:
        how = (
            f"Means of {number} replications a point with common random numbers; bars are "
            f"{100 * study.level:g} % intervals."
        )
    else:
        how = "One run a point: no interval can be given."
    drawn = (picture.x, picture.by)
    beside = [path for axis in study.axes if not set(drawn) & set(axis) for path in axis]
    told = f" Varied: {study.varied}" if study.varied else ""
    if beside:
        told += f" Points of all {', '.join(map(axis_title, beside))} are shown."
    if picture.knee:
        told += f" Dotted: the knee of {' and '.join(map(title, picture.knee))}."
    if len(run.failed):
        told += f" {len(run.failed)} of {len(run.table)} cells failed and are left out."
    return f"{how}{told}"
