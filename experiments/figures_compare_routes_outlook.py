"""Routes ahead: years of cash, what they are worth today, and what moves the difference."""

from __future__ import annotations

import textwrap

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.decision import Decision
from experiments.figures_compare_routes_volume import way_colours
from experiments.figures_style import BLACK, BLUE, GREY, ORANGE, caption, plain_numbers, style

__all__ = ["input_swings", "years"]


def years(decision: Decision) -> Figure:
    """Cumulative cash of each route, its present value, and how often each is the cheapest."""
    colours = way_colours(decision)
    with style():
        figure = Figure(figsize=(11, 5.6), layout="constrained")
        months = decision.comparison.outlook.months
        figure.suptitle(f"{months} months, in many futures", x=0.012, ha="left")
        cash, worth, cheapest = figure.subplots(1, 3, width_ratios=(3, 2.2, 1))
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
        _worth(worth, decision, colours)
        _cheapest(cheapest, decision, colours)
        caption(
            figure,
            "Left: medians; shaded, nine of ten futures, for the best route and its rival. "
            f"Middle: mean and nine of ten futures, at {100 * decision.comparison.outlook.wacc:g} "
            f"% a year. {decision.comparison.outlook.draws:,} draws, the same for all routes. "
            "Colours are those of the names.",
        )
    return figure


def _order(decision: Decision) -> list[str]:
    """Routes, the dearest first, so that the cheapest stands on top."""
    return [str(name) for name in decision.drawn.table["mean"].sort_values().index[::-1]]


def _worth(axes: Axes, decision: Decision, colours: dict[str, str]) -> None:
    table, names = decision.drawn.table, _order(decision)
    for y, name in enumerate(names):
        ends = table["p05"][name] / 1e3, table["p95"][name] / 1e3
        axes.plot(ends, (y, y), color=colours[name], lw=5, solid_capstyle="butt", alpha=0.5)
        axes.plot(table["mean"][name] / 1e3, y, "o", color=colours[name], ms=8)
    axes.set_yticks(range(len(names)), [textwrap.fill(name, 18) for name in names])
    for label, name in zip(axes.get_yticklabels(), names, strict=True):
        label.set_color(colours[name])
    axes.set(title="Worth today", xlabel="thousand US dollars", ylim=(-0.6, len(names) - 0.4))
    axes.set_xlim(left=0)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.grid(axis="y", visible=False)


def _cheapest(axes: Axes, decision: Decision, colours: dict[str, str]) -> None:
    names = _order(decision)
    share = [100 * decision.drawn.table["p_cheapest"][name] for name in names]
    bars = axes.barh(range(len(names)), share, color=[colours[name] for name in names])
    axes.bar_label(bars, [f" {value:.0f} %" for value in share])
    axes.set(title="Cheapest", xlabel="of futures [%]", xlim=(0, 150))
    axes.set(yticks=[], ylim=(-0.6, len(names) - 0.4), xticks=[0, 50, 100])
    axes.grid(axis="y", visible=False)


def input_swings(decision: Decision) -> Figure:
    """What moves the difference between the two best, one input at a time and all together."""
    table = decision.tornado[decision.tornado["swing"] > 1.0].head(8)
    with style():
        figure = Figure(figsize=(11, 5.0), layout="constrained")
        title = f"What {decision.second} costs more than {decision.best}, and what moves it"
        figure.suptitle(title, x=0.012, ha="left")
        swing, share = figure.subplots(1, 2, width_ratios=(3, 2))
        middle = float(table["middle"].iloc[0]) if len(table) else 0.0
        names = [name.replace("_", " ") for name in table.index][::-1]
        for column, colour, told, height in (
            ("low", BLUE, "at its p10", 0.8),
            ("high", ORANGE, "at its p90", 0.5),
        ):
            width = table[column].to_numpy()[::-1] / 1e3
            swing.barh(names, width, height, left=middle / 1e3, color=colour, label=told)
        swing.axvline(middle / 1e3, color=BLACK, lw=1)
        swing.axvline(0.0, color=GREY, lw=1.5, ls="--")
        swing.set(title="One at a time", xlabel="thousand US dollars, present value")
        swing.legend(loc="lower right", frameon=True, edgecolor="white", framealpha=0.9)
        swing.grid(axis="y", visible=False)
        sobol = decision.sobol.reindex(table.index).fillna(0.0).iloc[::-1]
        share.barh(names, 100 * sobol["total_order"], color=GREY)
        for name, row in zip(names, sobol.to_dict(orient="records"), strict=True):
            share.plot((100 * row["total_low"], 100 * row["total_high"]), (name, name), color=BLACK)
        share.set(title="Share of the variance, all together", xlabel="Sobol total order [%]")
        share.set_yticklabels([])
        share.grid(axis="y", visible=False)
        caption(
            figure,
            "Black: all inputs at their medians. Left of the dashed line the other route would be "
            "the cheaper. Thin lines: 95 % intervals of the Sobol indices, for which inputs are "
            f"independent; the futures have correlations ({_correlated(decision)}).",
        )
    return figure


def _correlated(decision: Decision) -> str:
    pairs = decision.comparison.outlook.drawn_together().items()
    told = (f"{a.replace('_', ' ')} and {b.replace('_', ' ')} {value:g}" for (a, b), value in pairs)
    return ", ".join(told) or "none"
