"""Routes ahead: break-even staircases, a map of volume and bursts, years of cash, what matters."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from experiments.decision import Decision
from experiments.figures_style import (
    BLACK,
    BLUE,
    GREY,
    ORANGE,
    SERIES,
    caption,
    plain_log,
    plain_numbers,
    style,
)
from simulator.economics.way import steady_month

__all__ = ["break_even", "cheapest_map", "input_swings", "years"]

MORE = (*SERIES, "#7A1F00", "#6A51A3", "#8C8C8C", "#B8860B")
BANDS = ((1.0, "steady: the peak is the mean"), (3.0, "bursty: the peak is three times the mean"))


def _colours(decision: Decision) -> dict[str, str]:
    return {way.name: MORE[i % len(MORE)] for i, way in enumerate(decision.ways)}


def break_even(decision: Decision) -> Figure:
    """Cost of a request over volume, steady and bursty: staircases of whole replicas."""
    load = np.geomspace(decision.load / 8, decision.load * 40, 600)
    with style():
        figure = Figure(figsize=(11, 5.4), layout="constrained")
        figure.suptitle("From which volume is which route the cheaper?", x=0.012, ha="left")
        for axes, (par, title) in zip(figure.subplots(1, 2, sharey=True), BANDS, strict=True):
            for name, colour in _colours(decision).items():
                usd = steady_month(decision.way(name), load, par) / (load * 2.628e6) * 1e3
                dashed = "--" if decision.way(name).kind == "endpoint" else "-"
                axes.plot(load, usd, color=colour, lw=1.6, ls=dashed, label=name)
            axes.axvline(decision.load, color=BLACK, lw=1, ls=":")
            axes.text(decision.load, 0.98, " today", transform=axes.get_xaxis_transform(), va="top")
            axes.set(title=title, xlabel="requests per second, mean, log scale")
            plain_log(axes)
        axes.set_ylim(0, 3.2 * _price_of_best(decision))
        figure.axes[0].set_ylabel("US dollars per 1,000 requests")
        handles, labels = figure.axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside right upper")
        caption(figure, _told_break_even(decision))
    return figure


def _price_of_best(decision: Decision) -> float:
    requests = decision.load * 2.628e6
    return min(1e3 * float(steady_month(w, decision.load, 1.0)) / requests for w in decision.ways)


def _told_break_even(decision: Decision) -> str:
    table = decision.break_even
    told = "Dashed: paid by the token. A step is a replica more. Capital is an annuity."
    if len(table):
        row = table.sort_values("first_cheaper_rps").iloc[0]
        if np.isfinite(row["first_cheaper_rps"]):
            told += (
                f" The earliest crossing: {row['own']} under {row['api']} from "
                f"{row['first_cheaper_rps']:.2f} requests/s, always from "
                f"{row['always_cheaper_rps']:.2f}."
            )
        else:
            told += " None of the rented routes ever crosses an endpoint's line."
    return told


def cheapest_map(decision: Decision) -> Figure:
    """Which route is the cheapest, over volume and over the ratio of peak to mean."""
    load = np.geomspace(decision.load / 8, decision.load * 40, 160)
    par = np.linspace(1.0, 8.0, 120)
    x, y = np.meshgrid(load, par)
    usd = np.stack([steady_month(way, x, y) for way in decision.ways])
    which = usd.argmin(axis=0)
    colours = _colours(decision)
    with style():
        figure = Figure(figsize=(11, 5.6), layout="constrained")
        figure.suptitle("The cheapest route by volume and burstiness", x=0.012, ha="left")
        axes = figure.subplots()
        from matplotlib.colors import BoundaryNorm, ListedColormap

        number = len(decision.ways)
        shades = ListedColormap([colours[way.name] for way in decision.ways])
        norm = BoundaryNorm(np.arange(number + 1) - 0.5, number)
        axes.pcolormesh(load, par, which, cmap=shades, norm=norm, alpha=0.75, rasterized=True)
        axes.axvline(decision.load, color=BLACK, lw=1, ls=":")
        axes.text(decision.load, 7.8, " today", va="top")
        axes.set(xlabel="requests per second, mean, log scale", ylabel="peak load over mean load")
        axes.grid(visible=False)
        plain_log(axes)
        handles = [
            Patch(color=colours[decision.ways[i].name], alpha=0.75, label=decision.ways[i].name)
            for i in np.unique(which)
        ]
        figure.legend(handles=handles, loc="outside right upper")
        caption(
            figure,
            "Of the routes that keep the constraints, at today's prices, capacity for the peak and "
            f"{decision.comparison.outlook.spares} spare. Reserved and hybrid routes keep today's "
            "number of replicas.",
        )
    return figure


def years(decision: Decision) -> Figure:
    """Cumulative cash of each route, its range, and how often each is the cheapest."""
    colours = _colours(decision)
    with style():
        figure = Figure(figsize=(11, 5.6), layout="constrained")
        months = decision.comparison.outlook.months
        figure.suptitle(f"{months} months, in many futures", x=0.012, ha="left")
        cash, cheapest = figure.subplots(1, 2, width_ratios=(3, 2))
        for name, quantiles in decision.flows.items():
            t = np.arange(quantiles.shape[1])
            cash.plot(t, quantiles[1] / 1e3, color=colours[name], label=name)
            if name in (decision.best, decision.second):
                cash.fill_between(
                    t, quantiles[0] / 1e3, quantiles[2] / 1e3, color=colours[name], alpha=0.15, lw=0
                )
        cash.set(title="Paid so far", xlabel="month", ylabel="thousand US dollars")
        cash.set_ylim(bottom=0)
        plain_numbers(cash)
        _cheapest(cheapest, decision, colours)
        handles, labels = cash.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside right upper")
        caption(
            figure,
            "Medians; shaded, nine of ten futures, for the best route and its rival. "
            f"{decision.comparison.outlook.draws:,} draws, the same for all routes.",
        )
    return figure


def _cheapest(axes: Axes, decision: Decision, colours: dict[str, str]) -> None:
    share = decision.drawn.table["p_cheapest"].sort_values()
    bars = axes.barh(list(share.index), 100 * share, color=[colours[name] for name in share.index])
    axes.bar_label(bars, [f" {100 * value:.0f} %" for value in share])
    axes.set(title="Cheapest over all months", xlabel="share of the futures [%]", xlim=(0, 112))
    axes.grid(axis="y", visible=False)


def input_swings(decision: Decision) -> Figure:
    """What moves the difference between the two best, one input at a time and all together."""
    table = decision.tornado[decision.tornado["swing"] > 1.0].head(8)
    with style():
        figure = Figure(figsize=(11, 5.0), layout="constrained")
        title = f"What {decision.second} costs more than {decision.best}, and what moves it"
        figure.suptitle(title, x=0.012, ha="left")
        swing, share = figure.subplots(1, 2, width_ratios=(3, 2))
        middle = float(np.median(decision.values[decision.second] - decision.values[decision.best]))
        names = [name.replace("_", " ") for name in table.index][::-1]
        for column, colour, told in (("low", BLUE, "at its p10"), ("high", ORANGE, "at its p90")):
            width = table[column].to_numpy()[::-1] / 1e3
            swing.barh(names, width, left=middle / 1e3, color=colour, label=told)
        swing.axvline(middle / 1e3, color=BLACK, lw=1)
        swing.axvline(0.0, color=GREY, lw=1.5, ls="--")
        swing.set(title="One at a time", xlabel="thousand US dollars, present value")
        swing.legend(loc="lower right", frameon=True, edgecolor="white", framealpha=0.9)
        swing.grid(axis="y", visible=False)
        shares = decision.sobol.reindex(table.index)["total_order"].to_numpy()[::-1]
        share.barh(names, 100 * np.nan_to_num(shares), color=GREY)
        share.set(title="Share of the variance, all together", xlabel="Sobol total order [%]")
        share.set_yticklabels([])
        share.grid(axis="y", visible=False)
        caption(
            figure,
            "Left of the dashed line the other route would be the cheaper. Ranges are triangular; "
            "GPU and API prices are drawn with a correlation of 0.5, for Sobol without.",
        )
    return figure
