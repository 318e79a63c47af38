"""What a monitoring system would have seen and told: series, bounds, incidents and alerts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from experiments.figures_style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    RED,
    SERIES,
    TimeUnit,
    caption,
    plain_numbers,
    style,
    time_unit,
)
from experiments.monitor_rules import LATENCY_NAMES, LEVEL_NAMES, duration
from experiments.monitor_run import Monitored, rows_of
from experiments.monitor_telling import totals_in_words
from simulator.fleet.alerts import Burn, Quantile, Rule

__all__ = ["MOST_POINTS", "monitor_figure", "thinned"]

SHADE = "#F6D5C3"
MOST_NAMED = 40
MOST_POINTS = 2000
TOLD = {
    "detected": ("detected", GREEN),
    "firing already": ("during the alert of another", GREY),
    "missed": ("missed", BLACK),
}
"""Outcomes in words, and their colours."""


def monitor_figure(found: Monitored) -> Figure:
    """Each quantity that rules look at with its bounds, incidents shaded, and below the alerts."""
    unit, rules = time_unit(found.result.horizon_s), found.rules.rules
    panels: dict[str, list[Rule]] = {}
    for rule in rules:
        panels.setdefault(_quantity(rule), []).append(rule)
    heights = [1.25] * len(panels) + [0.7 + 0.24 * len(rules)]
    with style():
        figure = Figure(figsize=(11, 1.8 + sum(heights) * 1.12), layout="constrained")
        name = found.result.scenario.name
        figure.suptitle(f"{name}: what monitoring would have told", x=0.012, ha="left")
        rows = np.atleast_1d(
            figure.subplots(len(heights), 1, sharex=True, height_ratios=heights)
        ).tolist()
        for axes, (quantity, mine) in zip(rows, panels.items(), strict=False):
            _shade(axes, found, unit)
            _draw_series(axes, found, mine, unit)
            axes.set(title=quantity)
            axes.set_ylim(bottom=0)
            plain_numbers(axes)
            axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.05))
        _shade(rows[-1], found, unit)
        _draw_incidents(rows[-1], found, unit)
        _draw_alerts(rows[-1], found, unit)
        rows[-1].set_xlabel(f"time [{unit.name}]")
        rows[-1].set_xlim(0, found.result.horizon_s / unit.seconds)
        figure.align_ylabels(rows)
        caption(figure, " ".join(totals_in_words(found)))
    return figure


def _quantity(rule: Rule) -> str:
    """Title of the panel that a rule belongs to."""
    if isinstance(rule, Quantile):
        return f"{LATENCY_NAMES[rule.latency]} [s]"
    if isinstance(rule, Burn):
        return "Error budget burnt, times what the objective allows, the lesser of two windows"
    name = LEVEL_NAMES[rule.of]
    return name[0].upper() + name[1:]


def _label(rule: Rule) -> str:
    if isinstance(rule, Quantile):
        return f"p{100 * rule.q:g} of {duration(rule.window_s)}"
    if isinstance(rule, Burn):
        return f"over {duration(rule.long_s)} and {duration(rule.short_s)}"
    return f"mean of {duration(rule.window_s)}"


def _draw_series(axes: Axes, found: Monitored, rules: Sequence[Rule], unit: TimeUnit) -> None:
    """What each rule saw, solid, and its bound, dashed in the same colour."""
    series = thinned(found.rehearsal.series)
    at = series["time_s"].to_numpy() / unit.seconds
    one = len(rules) == 1
    for rule, colour in zip(rules, SERIES * len(rules), strict=False):
        axes.plot(at, series[rule.name], color=BLUE if one else colour, lw=1.5, label=_label(rule))
        bound = RED if one else colour
        axes.axhline(
            rule.bound, color=bound, lw=1.1, ls="--", label=f"{rule.name} > {rule.bound:g}"
        )


def thinned(series: pd.DataFrame) -> pd.DataFrame:
    """At most so many looks as one can see, each the highest of those that it stands for."""
    together = -(-len(series) // MOST_POINTS)
    return series if together <= 1 else series.groupby(np.arange(len(series)) // together).max()


def _shade(axes: Axes, found: Monitored, unit: TimeUnit) -> None:
    """Incidents as bands."""
    for row in rows_of(found.rehearsal.incidents):
        axes.axvspan(row.start_s / unit.seconds, row.end_s / unit.seconds, color=SHADE, lw=0)


def _draw_incidents(axes: Axes, found: Monitored, unit: TimeUnit) -> None:
    """A row of incidents above the alerts, numbered as in the tables."""
    for number, row in enumerate(rows_of(found.rehearsal.incidents), 1):
        start, end = row.start_s / unit.seconds, row.end_s / unit.seconds
        colour = TOLD[row.outcome][1]
        axes.broken_barh([(start, end - start)], (-1.32, 0.64), facecolors=colour, lw=0)
        axes.plot([start], [-1], ls="", marker="|", ms=9, mew=1.5, color=colour)
        if number <= MOST_NAMED:
            axes.annotate(
                str(number), (start, -1.36), ha="left", va="bottom", fontsize=8.5, color=colour
            )


def _draw_alerts(axes: Axes, found: Monitored, unit: TimeUnit) -> None:
    """One row a rule: a bar while its alert fires, a mark where it began to."""
    rules, alerts = found.rules.rules, found.rehearsal.alerts
    for place, rule in enumerate(rules):
        mine = alerts[alerts["rule"] == rule.name]
        for true, colour in ((True, BLUE), (False, ORANGE)):
            some = mine[mine["true"] == true]
            start = some["fired_s"].to_numpy() / unit.seconds
            ends = np.minimum(some["cleared_s"], found.result.horizon_s) / unit.seconds
            spans = list(zip(start, ends - start, strict=True))
            axes.broken_barh(spans, (place - 0.32, 0.64), facecolors=colour, alpha=0.55, lw=0)
            axes.plot(start, [place] * len(start), ls="", marker="|", ms=11, mew=2.2, color=colour)
    axes.set(title="Incidents and alerts", ylim=(len(rules) - 0.4, -1.9))
    axes.set_yticks(range(-1, len(rules)), ["incidents", *(rule.name for rule in rules)])
    seen = [how for how in TOLD if (found.rehearsal.incidents["outcome"] == how).any()]
    handles = [
        *(Patch(color=TOLD[how][1], label=f"incident, {TOLD[how][0]}") for how in seen),
        Patch(color=BLUE, alpha=0.55, label="alert about an incident"),
        Patch(color=ORANGE, alpha=0.55, label="false alert"),
    ]
    axes.legend(handles=handles, loc="upper left", bbox_to_anchor=(1.0, 1.05))
