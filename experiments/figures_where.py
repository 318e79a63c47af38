"""Pictures of where the time goes: of requests, and of steps."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.figures_style import (
    BLUE,
    GREY,
    RED,
    SKY,
    caption,
    plain_log,
    plain_numbers,
    style,
)
from experiments.where_time_goes import PHASES, STEP_KINDS, gpu_time, request_time, step_durations
from simulator.record.result import Result

__all__ = ["request_phases", "step_cloud"]

PHASE_LOOKS = {
    "queue_s": ("waiting to be admitted", RED),
    "prefill_s": ("admitted, to the first token", SKY),
    "decode_s": ("first to last token", BLUE),
    "client_s": ("API server", GREY),
}
KIND_LOOKS = dict(zip(STEP_KINDS, ((BLUE, "o"), (RED, "^"), (SKY, "s")), strict=True))
MOST_DOTS = 4000


def request_phases(result: Result, groups: int = 10) -> Figure:
    """End-to-end time by what was waited for: in seconds, and as shares, quickest to slowest."""
    table = request_time(result, groups)
    with style():
        figure = Figure(figsize=(10.5, 4.2), layout="constrained")
        figure.suptitle(f"{result.scenario.name}: what requests waited for", x=0.012, ha="left")
        seconds, shares = figure.subplots(1, 2)
        for axes, scale in ((seconds, 1.0), (shares, 100 / table["e2e_s"])):
            below = np.zeros(len(table))
            for phase in PHASES:
                label, colour = PHASE_LOOKS[phase]
                part = (table[phase] * scale).to_numpy()
                axes.bar(table.index, part, 0.8, bottom=below, color=colour, label=label)
                below = below + part
            axes.set_xlabel(f"requests in {groups} groups of equal size, quickest to slowest")
            axes.grid(axis="x", visible=False)
            axes.set_xticks(table.index)
        seconds.set_title("end-to-end time")
        seconds.set_ylabel("s, mean of the group")
        plain_numbers(seconds)
        shares.set_title("the same, as shares")
        shares.set_ylabel("%")
        seconds.legend(loc="upper left")
        caption(
            figure,
            f"One run, {table['requests'].sum():,.0f} completed requests: no interval is given.",
        )
    return figure


def step_cloud(result: Result) -> Figure:
    """Each run of equal steps by its tokens and how long a step took; and what GPU time went to."""
    dots = step_durations(result)
    every = -(-len(dots) // MOST_DOTS)
    with style():
        figure = Figure(figsize=(10.5, 4.2), layout="constrained")
        figure.suptitle(f"{result.scenario.name}: what GPUs did", x=0.012, ha="left")
        cloud, bars = figure.subplots(1, 2, width_ratios=(3, 2))
        for kind, mine in dots.iloc[::every].groupby("kind", observed=True):
            colour, marker = KIND_LOOKS[str(kind)]
            cloud.scatter(
                mine["tokens"], 1e3 * mine["step_s"], s=9, alpha=0.5, color=colour, marker=marker,
                label=str(kind), lw=0,
            )  # fmt: skip
        plain_log(cloud)
        cloud.set_ylim(bottom=0)
        plain_numbers(cloud)
        cloud.set_title("how long a step takes")
        cloud.set_xlabel("tokens computed in the step, log scale")
        cloud.set_ylabel("ms")
        cloud.legend(loc="upper left", markerscale=2.5)
        _spent(bars, result)
        shown = "" if every == 1 else f" One in {every} of them is drawn."
        caption(
            figure,
            f"One run: each dot stands for equal steps in a row, {len(dots):,} dots for "
            f"{dots['steps'].sum():,} steps.{shown}",
        )
    return figure


def _spent(axes: Axes, result: Result) -> None:
    """What the time of the replicas went to."""
    table = gpu_time(result)
    percent = 100 * table["share"]
    colours = [KIND_LOOKS[kind][0] if kind in KIND_LOOKS else GREY for kind in table.index]
    bars = axes.barh(list(table.index), percent, 0.65, color=colours)
    axes.bar_label(bars, [f" {value:.1f} %" for value in percent])
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    axes.margins(x=0.2)
    axes.set_title("what the time went to")
    axes.set_xlabel("% of the time replicas were held")
