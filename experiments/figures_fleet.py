"""A fleet over time: what its replicas were doing, who waited, and what users saw of it."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, PercentFormatter
from numpy.typing import NDArray

from experiments.figures_style import (
    BLACK,
    BLUE,
    COLOURS,
    RED,
    SKY,
    TimeUnit,
    caption,
    plain_numbers,
    style,
    time_unit,
)
from experiments.figures_time import stack
from simulator.record.binning import overlap
from simulator.record.fleet_size import gpu_hours
from simulator.record.metrics import meets_slo
from simulator.record.result import Result
from simulator.record.timeline import round_bin_s, timeline
from simulator.record.usage import state_shares
from simulator.scenario import SLO

__all__ = ["fleet_over_time"]

MOST_BINS = 120
STRIKES = {
    "gpu_failure": "GPU broken",
    "engine_crash": "engine crash",
    "slow_gpu": "GPU slow",
    "reclaim notice": "reclaim notice",
    "zone_outage": "zone out",
    "upgrade begins": "upgrade begins",
}
"""Events that are marked, in words."""
DOING = {
    "busy": "busy",
    "idle": "idle",
    "draining": "draining: finishing what it has",
    "warming": "warming: paid, not ready yet",
    "down": "down: paid, broken",
}
MOST_MARKS = 12
LINES, LETTER = (1.0, 0.91), 0.0085
"""Heights of the lines of words in a panel, and the width of a letter, as shares of it."""
Floats = NDArray[np.float64]


def fleet_over_time(result: Result, bin_s: float | None = None) -> Figure:
    """Replicas by what they did, requests in the system, time to the first token, broken promises.

    Parameters
    ----------
    bin_s : length of a bin [s]; a round one that makes at most 120 of them if not given.
    """
    horizon_s = result.horizon_s
    if bin_s is None:
        bin_s = round_bin_s(horizon_s, MOST_BINS)
    edges = np.append(np.arange(0.0, horizon_s, bin_s), horizon_s)
    unit = time_unit(horizon_s)
    with style():
        promised = result.scenario.slo != SLO()
        panels = 4 if promised else 3
        figure = Figure(figsize=(11, 1.0 + 2.1 * panels), layout="constrained")
        figure.suptitle(f"{result.scenario.name}: the fleet over time", x=0.012, ha="left")
        rows = figure.subplots(panels, 1, sharex=True)
        lives, queue, first = rows[:3]
        _draw_replicas(lives, result, edges, unit)
        _draw_requests(queue, result, bin_s, unit)
        _draw_first_tokens(first, result, edges, unit)
        _mark_events(lives, result, unit)
        if promised:
            _draw_misses(rows[3], result, edges, unit)
        rows[-1].set_xlabel(f"time [{unit.name}]")
        rows[-1].set_xlim(0, horizon_s / unit.seconds)
        for axes in rows[:3]:
            axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
        caption(figure, _caption(result, bin_s))
    return figure


def _draw_replicas(axes: Axes, result: Result, edges: Floats, unit: TimeUnit) -> None:
    """Mean number of replicas in each state, stacked; together they are what is paid."""
    below = np.zeros(len(edges) - 1)
    for state, label in DOING.items():
        spans = result.intervals.loc[result.intervals["state"] == state, ["start_s", "end_s"]]
        if spans.empty:
            continue
        top = below + overlap(edges, spans) / np.diff(edges)
        axes.stairs(
            top, edges / unit.seconds, baseline=below, fill=True, color=COLOURS[state], label=label
        )
        below = top
    axes.set(title="Replicas, all of them paid", ylabel="replicas")
    axes.set_ylim(0, 1.25 * max(below.max(initial=0.0), 1.0))
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))


def _draw_requests(axes: Axes, result: Result, bin_s: float, unit: TimeUnit) -> None:
    labels = {"running": "being served", "waiting": "waiting"}
    stack(axes, timeline(result, bin_s), unit, labels)
    axes.set(title="Requests in the system", ylabel="requests", ylim=(0, None))
    plain_numbers(axes)


def _draw_first_tokens(axes: Axes, result: Result, edges: Floats, unit: TimeUnit) -> None:
    """Median and 95th percentile of each bin of arrivals, on a logarithmic scale.

    Of those who got a first token; who got none is among those who missed the SLO.
    """
    seen = result.requests[["arrival_s", "ttft_s"]].dropna()
    which = np.digitize(seen["arrival_s"], edges[1:-1])
    by_bin = seen["ttft_s"].groupby(which)
    for share, label, colour in ((0.95, "95 in 100 had it by", BLUE), (0.5, "half had it by", SKY)):
        line = by_bin.quantile(share).reindex(range(len(edges) - 1)).to_numpy()
        axes.stairs(line, edges / unit.seconds, baseline=None, color=colour, lw=1.6, label=label)
    promise_s = result.scenario.slo.ttft_s
    if promise_s is not None:
        axes.axhline(promise_s, color=RED, ls="--", lw=1.2, label=f"promise: {promise_s:g} s")
    axes.set(title="Time to the first token, of those who got one, by arrival", ylabel="s")
    if len(seen) and seen["ttft_s"].min() > 0:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.yaxis.set_minor_formatter(NullFormatter())
    plain_numbers(axes)


def _draw_misses(axes: Axes, result: Result, edges: Floats, unit: TimeUnit) -> None:
    """Share of each bin of arrivals that missed any bound of the SLO, or got no answer."""
    arrival_s = result.requests["arrival_s"].to_numpy()
    missed = ~np.asarray(meets_slo(result), dtype=bool)
    came, _ = np.histogram(arrival_s, edges)
    bad, _ = np.histogram(arrival_s[missed], edges)
    share = bad / np.maximum(came, 1)
    axes.stairs(share, edges / unit.seconds, fill=True, color=RED)
    bounds = {"TTFT": "ttft_s", "TPOT": "tpot_s", "end to end": "e2e_s"}
    told = [
        f"{name} {bound:g} s"
        for name, key in bounds.items()
        if (bound := getattr(result.scenario.slo, key)) is not None
    ]
    axes.set(
        title=f"Requests that missed the SLO ({', '.join(told)}), by arrival",
        ylabel="share",
        ylim=(0, max(0.05, 1.1 * share.max(initial=0.0))),
    )
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))


def _mark_events(axes: Axes, result: Result, unit: TimeUnit) -> None:
    """A line and a word where something went wrong or was done; too many say nothing.

    Words that would lie on each other go to a second line, and those that find no room are left
    out; their lines stay.
    """
    events = _strikes(result)
    if len(events) > MOST_MARKS:
        return
    free_from = [0.0] * len(LINES)
    for at_s, event in zip(events["time_s"], events["event"].astype(str), strict=True):
        axes.axvline(at_s / unit.seconds, color=BLACK, ls=":", lw=1.2)
        share, word = at_s / result.horizon_s, STRIKES[event]
        line = next((n for n, free in enumerate(free_from) if share >= free), None)
        if line is None:
            continue
        free_from[line] = share + LETTER * (len(word) + 2)
        axes.text(
            at_s / unit.seconds, LINES[line], f" {word}", transform=axes.get_xaxis_transform(),
            fontsize=8.5, va="top", color=BLACK,
        )  # fmt: skip


def _strikes(result: Result) -> pd.DataFrame:
    """What went wrong or was done, once an instant."""
    events = result.events[result.events["event"].isin(STRIKES)]
    return events.drop_duplicates(["time_s", "event"])


def _caption(result: Result, bin_s: float) -> str:
    shares = {state: share for state, share in state_shares(result).items() if share > 0}
    told = ", ".join(f"{100 * share:.0f} % {state}" for state, share in shares.items())
    strikes = len(_strikes(result))
    unmarked = f" {strikes:,} faults and upgrades are not marked." if strikes > MOST_MARKS else ""
    return (
        f"One run, means over bins of {bin_s:g} s. {gpu_hours(result):,.2f} GPU-hours are paid: "
        f"{told}. Paying begins when a replica is asked for and ends when it has stopped.{unmarked}"
    )
