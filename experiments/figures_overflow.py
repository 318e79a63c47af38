"""Overflow over time: who answered, what was refused, and what it cost."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from experiments.figures_style import (
    BLACK,
    BLUE,
    GREY,
    ORANGE,
    PURPLE,
    RED,
    TimeUnit,
    caption,
    plain_numbers,
    style,
    time_unit,
    usd,
)
from experiments.overflow_telling import WHY
from simulator.economics.cost_lines import endpoint_calls
from simulator.record.binning import overlap
from simulator.record.by_pool import per_replica
from simulator.record.result import Result
from simulator.record.timeline import round_bin_s

__all__ = ["overflow_over_time"]

MOST_BINS = 120
REFUSED = {
    "limited": ("429: over the limit", RED),
    "down": ("endpoint out of order", BLACK),
    "abandoned": ("given up by the client", GREY),
}
Floats = NDArray[np.float64]


def overflow_over_time(result: Result) -> Figure:
    """Who answered what arrived, which calls were refused, and the cost so far, over the run."""
    unit, horizon_s = time_unit(result.horizon_s), result.horizon_s
    bin_s = round_bin_s(horizon_s, MOST_BINS)
    edges = np.append(np.arange(0, horizon_s, bin_s), horizon_s)
    with style():
        figure = Figure(figsize=(11, 7.2), layout="constrained")
        figure.suptitle(f"{result.scenario.name}: overflow over time", x=0.012, ha="left")
        served, refused, money = figure.subplots(3, 1, sharex=True, height_ratios=(3, 2, 2.4))
        _draw_served(served, result, edges, unit)
        _draw_refused(refused, result.calls, edges, unit)
        _draw_money(money, result, edges, unit)
        money.set_xlabel(f"time [{unit.name}]")
        money.set_xlim(0, horizon_s / unit.seconds)
        for axes in (served, refused, money):
            axes.set_ylim(bottom=0)
            if axes is refused and not refused.get_yticks().size:
                continue
            axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
        caption(figure, _caption(result, bin_s))
    return figure


def _draw_served(axes: Axes, result: Result, edges: Floats, unit: TimeUnit) -> None:
    """Requests by arrival and by who answered them in the end, stacked."""
    requests, calls = result.requests, result.calls
    away = np.zeros(len(requests), dtype=bool)
    away[calls.loc[calls["outcome"] == "ok", "request"].to_numpy()] = True
    completed = (requests["outcome"] == "completed").to_numpy()
    groups = {
        "answered at home": (completed & ~away, BLUE),
        "answered by endpoints": (completed & away, PURPLE),
        "not answered": (~completed, ORANGE),
    }
    below = np.zeros(len(edges) - 1)
    for label, (mine, colour) in groups.items():
        if label == "not answered" and not mine.any():
            continue
        arrived, _ = np.histogram(requests["arrival_s"].to_numpy()[mine], edges)
        top = below + arrived / np.diff(edges)
        axes.stairs(top, edges / unit.seconds, baseline=below, fill=True, color=colour, label=label)
        below = top
    axes.set(title="Requests that arrived, by who answered them", ylabel="requests/s")
    plain_numbers(axes)


def _draw_refused(axes: Axes, calls: pd.DataFrame, edges: Floats, unit: TimeUnit) -> None:
    below = np.zeros(len(edges) - 1)
    for outcome, (label, colour) in REFUSED.items():
        mine = calls.loc[calls["outcome"] == outcome, "sent_s"]
        if outcome != "limited" and mine.empty:
            continue
        top = below + np.histogram(mine, edges)[0] / np.diff(edges)
        axes.stairs(top, edges / unit.seconds, baseline=below, fill=True, color=colour, label=label)
        below = top
    axes.set(title="Calls that endpoints did not answer", ylabel="calls/s")
    if not below.any():
        axes.set(ylim=(0, 1), yticks=[])
        axes.text(
            0.5, 0.5, "none", transform=axes.transAxes, ha="center", va="center", color="#444444"
        )
    plain_numbers(axes)


def _draw_money(axes: Axes, result: Result, edges: Floats, unit: TimeUnit) -> None:
    """Dollars so far: rent as time goes by, calls when they are sent."""
    lives = result.replicas[["requested_s", "stopped_s"]]
    price = result.replicas["gpus"].to_numpy() * per_replica(result, "usd_per_gpu_s").to_numpy()
    rent = sum(
        (each * overlap(edges, [life]) for each, life in zip(price, lives.to_numpy(), strict=True)),
        np.zeros(len(edges) - 1),
    )
    spent, _ = np.histogram(result.calls["sent_s"], edges, weights=result.calls["usd"])
    for label, each, colour in (("own GPUs, rent", rent, BLUE), ("endpoints", spent, PURPLE)):
        so_far = np.concatenate([[0.0], np.cumsum(each)])
        axes.plot(edges / unit.seconds, so_far, color=colour, lw=1.8, label=label)
    axes.set(title="Cost so far", ylabel="US dollars")
    plain_numbers(axes)


def _caption(result: Result, bin_s: float) -> str:
    calls, requests = result.calls, result.requests
    answered = int((calls["outcome"] == "ok").sum())
    share = 100 * answered / len(requests) if len(requests) else 0.0
    spent = endpoint_calls(result)
    text = (
        f"One run, bins of {bin_s:g} s. Endpoints answered {answered:,} of {len(requests):,} "
        f"requests ({share:.1f} %) for {usd(spent)}"
    )
    text += f", {usd(spent / answered)} each. " if answered else ". "
    reasons = calls.loc[calls["outcome"] == "ok", "why"].value_counts()
    told = [f"{number:,} because {WHY[str(why)]}" for why, number in reasons.items() if number]
    text += f"They left: {'; '.join(told)}. " if told else ""
    return text + "Rent counts as time goes by, without the rest of the last billing quantum."
