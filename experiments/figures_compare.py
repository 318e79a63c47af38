"""Runs side by side: the same panels, one colour a run."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from experiments.figures_bill import LINE_LOOKS, shown_lines
from experiments.figures_latency import draw_cdf
from experiments.figures_style import (
    COLOURS,
    SERIES,
    caption,
    plain_log,
    style,
    three_digits,
    time_unit,
    usd,
)
from simulator.economics.bill import Bill
from simulator.record.metrics import goodput
from simulator.record.result import Result
from simulator.record.tables import STATES
from simulator.record.timeline import round_bin_s, timeline
from simulator.record.usage import state_shares

__all__ = ["comparison"]

Runs = Mapping[str, tuple[Result, Bill]]


def comparison(runs: Runs, title: str = "Side by side") -> Figure:
    """Requests in the system, time to first token, use of time and cost, of up to six runs.

    Parameters
    ----------
    runs : by the name to show, a result and its bill.

    Raises
    ------
    ValueError
        If there are none, or more than there are colours.
    """
    if not 1 <= len(runs) <= len(SERIES):
        raise ValueError(f"expected 1 to {len(SERIES)} runs, found {len(runs)}")
    with style():
        figure = Figure(figsize=(11, 7.4), layout="constrained")
        figure.suptitle(title, x=0.012, ha="left")
        (load, wait), (time, cost) = figure.subplots(2, 2)
        _load(load, runs)
        _wait(wait, runs)
        _time(time, runs)
        _cost(cost, runs)
        figure.legend(*load.get_legend_handles_labels(), loc="outside upper right", ncols=len(runs))
        told = "; ".join(
            f"{name}: {len(result.requests):,} requests, "
            f"{100 * goodput(result).share:.1f} % completed within the SLO"
            for name, (result, _) in runs.items()
        )
        caption(figure, f"One run each. {told}. Cost is per request completed within the SLO.")
    return figure


def _load(axes: Axes, runs: Runs) -> None:
    longest = max(result.horizon_s for result, _ in runs.values())
    unit, bin_s = time_unit(longest), round_bin_s(2 * longest)
    for (name, (result, _)), colour in zip(runs.items(), SERIES, strict=False):
        table = timeline(result, bin_s)
        edges = np.append(table["start_s"], table["end_s"].to_numpy()[-1:]) / unit.seconds
        number = (table["running"] + table["waiting"]).to_numpy()
        axes.stairs(number, edges, color=colour, lw=1.6, label=name, baseline=None)
    axes.set(title="Requests in the system", ylabel="requests", xlabel=f"time [{unit.name}]")
    axes.set_ylim(bottom=0)
    axes.set_xlim(0, longest / unit.seconds)


def _wait(axes: Axes, runs: Runs) -> None:
    for (name, (result, _)), colour in zip(runs.items(), SERIES, strict=False):
        values = result.requests["ttft_s"].dropna() * 1e3
        if len(values):
            p99 = float(np.quantile(values, 0.99))
            draw_cdf(axes, values, colour, f"{name}: p99 {three_digits(p99)} ms")
    plain_log(axes)
    bounds = {result.scenario.slo.ttft_s for result, _ in runs.values()}
    for bound in sorted(bound for bound in bounds if bound is not None):
        axes.axvline(
            1e3 * bound, color="#444444", ls="--", lw=1.5, label=f"SLO {1e3 * bound:,g} ms"
        )
    axes.set(title="Time to first token", xlabel="ms, log scale", ylim=(0, 101))
    axes.set_ylabel("share of requests [%]")
    axes.legend(loc="lower right", frameon=True, edgecolor="white", framealpha=0.9)


def _time(axes: Axes, runs: Runs) -> None:
    shares = [state_shares(result) for result, _ in runs.values()]
    below = np.zeros(len(runs))
    for state in STATES:
        part = np.array([share[state] for share in shares])
        if not part.any():
            continue
        bars = axes.bar(_wrapped(runs), part, 0.6, bottom=below, color=COLOURS[state], label=state)
        axes.bar_label(
            bars,
            [f"{100 * p:.0f} %" if p > 0.04 else "" for p in part],
            label_type="center",
            color="black" if state == "idle" else "white",
        )
        below += part
    axes.set(title="What the GPUs did", ylim=(0, 1.0), ylabel="share of time held")
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.grid(axis="x", visible=False)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=3)


def _cost(axes: Axes, runs: Runs) -> None:
    below = np.zeros(len(runs))
    costs = [_per_thousand_good(bill) for _, bill in runs.values()]
    for part, (label, colour) in LINE_LOOKS.items():
        height = np.array([cost.get(part, 0.0) for cost in costs])
        told = (height > 0.01 * np.array([cost.sum() for cost in costs])).any()
        axes.bar(
            _wrapped(runs), height, 0.6, bottom=below, color=colour, label=label if told else None
        )
        below += height
    for x, total in enumerate(below):
        axes.text(x, total, usd(total), ha="center", va="bottom", weight="bold")
    axes.set(title="Cost of 1,000 good requests", ylabel="US dollars")
    axes.set_ylim(0, 1.12 * max(below.max(), 1e-9))
    axes.grid(axis="x", visible=False)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=2)


def _wrapped(runs: Runs) -> list[str]:
    return [textwrap.fill(name, 14) for name in runs]


def _per_thousand_good(bill: Bill) -> pd.Series[float]:
    """Cost by part, per thousand requests completed within the SLO; of all if there are none."""
    good = int(bill.requests["good"].sum())
    cost = shown_lines(bill).set_index("part")["usd"]
    return cost * (1e3 / good if good else 1.0)
