"""The run over time: how full, how long the queue, and where each replica was idle."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from experiments.figures_style import COLOURS, TimeUnit, caption, plain_numbers, style, time_unit
from simulator.record.binning import overlap
from simulator.record.result import Result
from simulator.record.tables import STATES
from simulator.record.timeline import timeline
from simulator.record.usage import Concurrency, concurrency, idle_time, state_shares

__all__ = ["idle_trace", "over_time", "stack"]

MOST_BANDS = 300
TRACE_BINS = 240
TALL_ROWS = 8
"""Replicas that get a row each, as high as shares can be read in; more stand close together."""
MOST_ROWS = 80


def over_time(
    result: Result, table: pd.DataFrame | None = None, seen: Concurrency | None = None
) -> Figure:
    """Requests running and waiting, busy and KV share, and token rates, over the run.

    Parameters
    ----------
    table, seen : timeline and requests at once, where `result` has not all it takes to find them.
    """
    table = timeline(result) if table is None else table
    seen = concurrency(result) if seen is None else seen
    unit = time_unit(result.horizon_s)
    with style():
        figure = Figure(figsize=(11, 6.6), layout="constrained")
        figure.suptitle(f"{result.scenario.name}: load over time", x=0.012, ha="left")
        queue, use, rate = figure.subplots(3, 1, sharex=True)
        served = "being served, also at endpoints" if len(result.calls) else "being served"
        stack(queue, table, unit, {"running": served, "waiting": "waiting"})
        queue.set(title="Requests in the system", ylabel="requests")
        for column, name in (("busy_share", "busy"), ("kv_use", "kv")):
            label = "time in which GPUs compute" if name == "busy" else "KV blocks in use"
            _steps(use, table, unit, column, COLOURS[name], label)
        use.set(title="Utilization", ylim=(0, 1.02), ylabel="share")
        use.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        rates = {"prefill_tokens_per_s": "prompt tokens", "decode_tokens_per_s": "output tokens"}
        for (column, label), name in zip(rates.items(), ("prefill", "decode"), strict=True):
            _steps(rate, table, unit, column, COLOURS[name], label)
        rate.set(title="Tokens computed", ylabel="tokens/s", xlabel=f"time [{unit.name}]")
        plain_numbers(rate)
        rate.set_xlim(0, result.horizon_s / unit.seconds)
        for axes in (queue, use, rate):
            axes.set_ylim(bottom=0)
            axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
        width = float(table["end_s"].iloc[0]) if len(table) else 0.0
        caption(
            figure,
            f"One run, all {len(result.replicas)} replicas together, means over bins of "
            f"{width:g} s. At the peak {seen.peak:,} requests were in the system at once, "
            f"{seen.mean:,.1f} on average.",
        )
    return figure


def _edges(table: pd.DataFrame, unit: TimeUnit) -> np.ndarray:
    edges = np.append(table["start_s"].to_numpy(), table["end_s"].to_numpy()[-1:])
    return np.asarray(edges / unit.seconds)


def _steps(
    axes: Axes, table: pd.DataFrame, unit: TimeUnit, column: str, colour: str, label: str
) -> None:
    axes.stairs(
        table[column].to_numpy(), _edges(table, unit), color=colour, lw=1.6, label=label,
        baseline=None,
    )  # fmt: skip


def stack(axes: Axes, table: pd.DataFrame, unit: TimeUnit, labels: dict[str, str]) -> None:
    """Columns of a timeline on top of each other, each in its own colour."""
    below = np.zeros(len(table))
    for column, label in labels.items():
        top = below + table[column].to_numpy()
        axes.stairs(
            top, _edges(table, unit), baseline=below, fill=True, color=COLOURS[column], label=label
        )
        below = top


def idle_trace(result: Result) -> Figure:
    """When each replica was busy, idle, warming or down: one row a replica.

    With few changes of state the bands are drawn as they were; with many, a bin shows which share
    of it was spent how, busy at the bottom. More than eight replicas stand close together, those
    held longest if there are very many.
    """
    unit, replicas = time_unit(result.horizon_s), result.replicas
    held = replicas["stopped_s"] - replicas["requested_s"]
    shown = replicas.loc[held.nlargest(MOST_ROWS, keep="all").index[:MOST_ROWS].sort_values()]
    states = [s for s in STATES if (result.intervals["state"] == s).any()]
    close = len(shown) > TALL_ROWS
    height = 1.9 + (0.22 if close else 0.85) * len(shown)
    with style():
        figure = Figure(figsize=(11, height), layout="constrained")
        figure.suptitle(f"{result.scenario.name}: where the time went", x=0.012, ha="left")
        if close:
            figure.get_layout_engine().set(hspace=0, h_pad=0.01)  # type: ignore[union-attr, call-arg]
        rows = np.atleast_1d(figure.subplots(len(shown), 1, sharex=True))
        binned = False
        for axes, replica in zip(rows, shown["replica"], strict=True):
            spans = result.intervals[result.intervals["replica"] == replica]
            many = len(spans) > MOST_BANDS
            binned |= many
            (_shares if many else _bands)(axes, spans, states, result.horizon_s, unit)
            _dress_row(axes, spans, replica, result.horizon_s / unit.seconds, close)
        rows[-1].set_xlabel(f"time [{unit.name}]")
        _state_legend(figure, result, states)
        caption(figure, _trace_caption(result, binned, len(shown)))
    return figure


def _bands(
    axes: Axes, spans: pd.DataFrame, states: list[str], horizon_s: float, unit: TimeUnit
) -> None:
    for state in states:
        of_state = spans[spans["state"] == state]
        start = of_state["start_s"] / unit.seconds
        width = (of_state["end_s"] - of_state["start_s"]) / unit.seconds
        axes.broken_barh(
            list(zip(start, width, strict=True)), (0, 1), facecolors=COLOURS[state], lw=0
        )


def _shares(
    axes: Axes, spans: pd.DataFrame, states: list[str], horizon_s: float, unit: TimeUnit
) -> None:
    edges = np.linspace(0, horizon_s, TRACE_BINS + 1)
    below = np.zeros(TRACE_BINS)
    for state in states:
        time = overlap(edges, spans.loc[spans["state"] == state, ["start_s", "end_s"]])
        top = below + time / np.diff(edges)
        axes.stairs(top, edges / unit.seconds, baseline=below, fill=True, color=COLOURS[state])
        below = top


def _dress_row(axes: Axes, spans: pd.DataFrame, replica: int, end: float, close: bool) -> None:
    if close:
        axes.tick_params(bottom=False)
    axes.set(xlim=(0, end), ylim=(0, 1), yticks=[])
    axes.grid(False)
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.set_ylabel(f"replica {replica}", rotation=0, ha="right", va="center")
    idle = spans[spans["state"] == "idle"]
    length = (idle["end_s"] - idle["start_s"]).to_numpy()
    held = float((spans["end_s"] - spans["start_s"]).sum())
    share = 100 * length.sum() / held if held > 0 else 0.0
    axes.text(1.01, 0.5, f"idle {share:.0f} %", transform=axes.transAxes, va="center", fontsize=9)


def _state_legend(figure: Figure, result: Result, states: list[str]) -> None:
    from matplotlib.patches import Patch

    shares = state_shares(result)
    handles = [
        Patch(color=COLOURS[state], label=f"{state} {100 * shares[state]:.1f} %")
        for state in states
    ]
    figure.legend(handles=handles, loc="outside upper right", ncols=len(states))


def _trace_caption(result: Result, binned: bool, shown: int) -> str:
    idle = idle_time(result)
    text = (
        f"One run. {idle.gaps.n:,} idle gaps, {idle.gaps.mean:,.2f} s long on average, the longest "
        f"{idle.gaps.max:,.1f} s."
        if idle.gaps.n
        else "One run. No replica was ever idle."
    )
    if binned:
        bin_s = result.horizon_s / TRACE_BINS
        text += (
            f" States change faster than the eye: the height of a colour is its share of the "
            f"{bin_s:,.3g} s that a column stands for."
        )
    if shown < len(result.replicas):
        text += f" The {shown} of {len(result.replicas)} replicas that were held longest."
    return text
