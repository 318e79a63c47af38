"""Pictures of a search: the front among all trials, or the best so far."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from experiments.figures_style import BLUE, GREY, RED, SKY, caption, save, style
from experiments.labels import scale, title
from experiments.searched import Searched
from experiments.targets import told

__all__ = ["draw_search", "search_figure"]

WIDE = 30.0
"""Ratio of the largest to the smallest from which an axis is logarithmic."""


def draw_search(found: Searched, folder: Path) -> list[Path]:
    """Draw a search: search.png, .svg and .pdf."""
    return save(search_figure(found), folder, "search")


def search_figure(found: Searched) -> Figure:
    """Trials by their first two objectives and the front as fresh seeds see it; or, with one
    objective, trial by trial."""
    search = found.search
    with style():
        figure = Figure(figsize=(8.6, 5.4), layout="constrained")
        figure.suptitle(search.question or search.name, x=0.012, ha="left")
        axes = figure.subplots()
        if len(search.objectives) > 1:
            _plane(axes, found)
        else:
            _one_by_one(axes, found)
        axes.legend(loc="best", frameon=True, edgecolor="white", framealpha=0.9)
        kept = f" Kept: {told(search.constraints)}." if search.constraints else ""
        runs = int(found.best["runs"].max()) if len(found.best) else 0
        fresh = "fresh seeds" if search.confirm else "the seeds of the search"
        told_best = (
            f" Answers are means of {runs} runs with {fresh}, so they may lie beside the trials "
            f"they come from; bars are {100 * search.confidence:g} % intervals."
            if len(found.best)
            else " No trial keeps the constraints."
        )
        failed = int((found.trials["error"] != "").sum())
        lost = f" {failed} trials failed and are not shown." if failed else ""
        caption(
            figure,
            f"{len(found.trials)} trials, each the mean of {search.replications} runs with common "
            f"random numbers.{told_best}{kept}{lost}",
        )
    return figure


def _plane(axes: Axes, found: Searched) -> None:
    across, up = found.search.objectives[:2]
    trials, best = found.trials, found.best
    factors = {}
    for name, which in ((across, "x"), (up, "y")):
        values = trials[name].dropna()
        factors[name], unit = scale(name, float(values.abs().median()) if len(values) else 1.0)
        _label(axes, which, name, unit, values.to_numpy() * factors[name])
    for kept in (False, True):
        mine = trials[(trials["feasible"] == kept) & (trials["error"] == "")]
        if len(mine):
            _cloud(axes, mine[across] * factors[across], mine[up] * factors[up], kept)
    chosen = trials[trials["front"]]
    axes.scatter(
        chosen[across] * factors[across],
        chosen[up] * factors[up],
        s=70,
        zorder=2,
        facecolors="none",
        edgecolors=BLUE,
        label="chosen by the search",
    )
    best = best[best["stays"]] if len(best) else best
    if len(best):
        x, y = best[across] * factors[across], best[up] * factors[up]
        xerr, yerr = _bars(best, across, factors[across]), _bars(best, up, factors[up])
        axes.errorbar(
            x,
            y,
            xerr=xerr,
            yerr=yerr,
            color=BLUE,
            marker="D",
            ms=6,
            lw=1.5,
            capsize=3,
            zorder=3,
            label="front, with fresh seeds",
        )


def _one_by_one(axes: Axes, found: Searched) -> None:
    (name,) = found.search.objectives
    trials = found.trials[found.trials["error"] == ""]
    values = trials[name]
    factor, unit = scale(name, float(values.abs().median()) if len(values) else 1.0)
    _label(axes, "y", name, unit, values.to_numpy() * factor)
    kept = trials["feasible"]
    for which in (False, True):
        if (kept == which).any():
            at = trials.loc[kept == which, "trial"]
            _cloud(axes, at, values[kept == which] * factor, which)
    good = values.where(kept)
    best_yet = (good.cummax() if found.search.maximise else good.cummin()).ffill() * factor
    axes.step(trials["trial"], best_yet, where="post", color=BLUE, label="best so far")
    if len(found.best):
        best = found.best.iloc[[0]]
        axes.errorbar(
            best["trial"],
            best[name] * factor,
            yerr=_bars(best, name, factor),
            color=RED,
            marker="D",
            capsize=3,
            ls="",
            label="best, confirmed",
        )
    axes.set_xlabel("trial")


def _cloud(axes: Axes, x: pd.Series[float], y: pd.Series[float], kept: bool) -> None:
    """Trials that keep the constraints, or those that do not."""
    if kept:
        axes.scatter(x, y, s=26, zorder=2, color=SKY, marker="o", label="keeps the constraints")
    else:
        axes.scatter(x, y, s=26, zorder=2, color=GREY, marker="x", label="breaks a constraint")


def _label(axes: Axes, which: str, name: str, unit: str, values: np.ndarray) -> None:
    """Name an axis with its unit, and make it logarithmic if its values are far apart."""
    values = values[np.isfinite(values)]
    low = float(values.min()) if len(values) else 1.0
    high = float(values.max()) if len(values) else 1.0
    log = low > 0 and high > WIDE * low
    words = f"{title(name)}{f' [{unit}]' if unit else ''}{', log scale' if log else ''}"
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_label_text(words)
    if log:
        axes.set_xscale("log") if which == "x" else axes.set_yscale("log")
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high < 100 * low else (1.0,)))
        axis.set_minor_formatter(NullFormatter())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))


def _bars(table: pd.DataFrame, name: str, factor: float) -> np.ndarray:
    """Lengths of the error bars below and above, shape (2, rows); none where unbounded."""
    low, high = table[f"{name} low"].to_numpy(), table[f"{name} high"].to_numpy()
    mean = table[name].to_numpy()
    lengths = np.where(np.isfinite(low) & np.isfinite(high), [mean - low, high - mean], 0.0)
    return np.asarray(np.maximum(lengths, 0.0) * factor)
