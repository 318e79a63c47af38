"""Latency distributions as curves: which share of requests waited no longer than so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.figures_style import BLUE, COLOURS, caption, plain_log, style, three_digits
from simulator.record.result import Result

__all__ = ["LATENCIES", "draw_cdf", "latency_cdfs"]

POINTS = 400
ON_WHITE = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1.5}


LATENCIES = {
    "ttft_s": "Time to first token",
    "tpot_s": "Time per output token",
    "e2e_s": "End to end",
}


class Unit(NamedTuple):
    """A unit of latency, and how many of it are a second."""

    name: str
    per_second: float


def unit_of(seconds: pd.Series[float]) -> Unit:
    """Seconds where half of the values are longer than one, else milliseconds."""
    return Unit("s", 1.0) if len(seconds) and seconds.median() >= 1 else Unit("ms", 1e3)


class Seen(NamedTuple):
    """What users saw: all of it, or quantiles that stand for it."""

    seconds: Mapping[str, pd.Series[float]]
    """By column of `requests`, without what is not known. [s]"""
    arrived: int
    completed: int


def latency_cdfs(result: Result, seen: Seen | None = None) -> Figure:
    """Share of requests within each TTFT, TPOT and end-to-end time, with the SLO's bounds.

    Parameters
    ----------
    seen : latencies of a run that has no table of requests.
    """
    if seen is None:
        completed = int((result.requests["outcome"] == "completed").sum())
        seconds_of = {column: result.requests[column].dropna() for column in LATENCIES}
        seen = Seen(seconds_of, len(result.requests), completed)
    with style():
        figure = Figure(figsize=(11, 4.0), layout="constrained")
        figure.suptitle(f"{result.scenario.name}: what users saw", x=0.012, ha="left")
        for axes, (column, title) in zip(
            figure.subplots(1, 3, sharey=True), LATENCIES.items(), strict=True
        ):
            seconds = seen.seconds[column]
            unit = unit_of(seconds)
            _draw_panel(axes, seconds * unit.per_second, unit)
            bound = getattr(result.scenario.slo, column)
            if bound is not None:
                _mark_bound(axes, bound * unit.per_second, seconds * unit.per_second, unit)
            axes.set(title=title, xlabel=f"{unit.name}, log scale", ylim=(0, 101))
        figure.axes[0].set_ylabel("share of requests [%]")
        caption(
            figure,
            f"One run of {result.horizon_s:,.0f} s; {seen.arrived:,} requests arrived, "
            f"{seen.completed:,} were completed. A curve further left is faster. Dots: half, and "
            "99 in 100, of the requests were no slower. Dashed: the bound of the SLO.",
        )
    return figure


def draw_cdf(axes: Axes, values: pd.Series[float], colour: str, label: str | None = None) -> None:
    """One curve, with at most 400 points whatever the number of requests."""
    shares = np.linspace(0, 1, POINTS)
    axes.plot(np.quantile(values, shares), 100 * shares, color=colour, lw=2, label=label)


def _draw_panel(axes: Axes, values: pd.Series[float], unit: Unit) -> None:
    if values.empty:
        told = "no request came this far"
        axes.text(0.5, 0.5, told, ha="center", transform=axes.transAxes)
        return
    draw_cdf(axes, values, BLUE)
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    axes.set_xlim(low, high * (high / low) ** 0.3)  # room for what is written beside the dots
    plain_log(axes)
    _mark_percentiles(axes, values, unit)


def _mark_percentiles(axes: Axes, values: pd.Series[float], unit: Unit) -> None:
    for share in (0.50, 0.99):
        at = float(np.quantile(values, share))
        axes.plot([at], [100 * share], "o", color=BLUE, ms=6)
        axes.annotate(
            f"p{100 * share:.0f}  {three_digits(at)} {unit.name}",
            (at, 100 * share),
            xytext=(8, -14),
            textcoords="offset points",
            color=BLUE,
            bbox=ON_WHITE,
        )


def _mark_bound(axes: Axes, bound: float, values: pd.Series[float], unit: Unit) -> None:
    axes.axvline(bound, color=COLOURS["slo"], ls="--", lw=1.5)
    share = 100 * float((values <= bound).mean()) if len(values) else 0.0
    within = f"{min(share, 99.9):.1f}" if share < 100 else "100"
    axes.text(
        0.98,
        0.04,
        f"SLO {bound:,.4g} {unit.name}\n{within} % within",
        transform=axes.transAxes,
        ha="right",
        va="bottom",
        color=COLOURS["slo"],
        bbox=ON_WHITE,
    )
