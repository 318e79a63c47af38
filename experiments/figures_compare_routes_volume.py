"""Routes over volume: break-even staircases, what use a GPU needs, the map, who is the cheapest."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from experiments.decision import Decision
from experiments.decision_break_even import PARS, staircase
from experiments.figures_style import BLACK, GREY, SERIES, caption, plain_log, plain_numbers, style
from simulator.economics.usage import SECONDS_PER_MONTH
from simulator.economics.way import Way, best_month

__all__ = ["break_even", "chances", "cheapest_map", "utilization", "way_colours"]

MORE = (*SERIES, "#7A1F00", "#6A51A3", "#8C8C8C", "#B8860B")
SIZED = "Reserved and hybrid routes are sized for each volume."


def way_colours(decision: Decision) -> dict[str, str]:
    """A colour for each route, the same in all pictures."""
    return {way.name: MORE[i % len(MORE)] for i, way in enumerate(decision.ways)}


def _today(axes: Axes, decision: Decision) -> None:
    axes.axvline(decision.load, color=BLACK, lw=1, ls=":")
    place = axes.get_xaxis_transform()
    axes.text(decision.load, 0.98, " today", transform=place, va="top")


def break_even(decision: Decision) -> Figure:
    """Cost of a request over volume, steady and bursty: staircases of whole replicas."""
    load = np.geomspace(decision.load / 8, decision.load * 40, 900)
    colours = way_colours(decision)
    with style():
        figure = Figure(figsize=(11, 5.6), layout="constrained")
        figure.suptitle("From which volume is which route the cheaper?", x=0.012, ha="left")
        for axes, par in zip(figure.subplots(1, 2, sharey=True), PARS, strict=True):
            for way in decision.ways:
                usd = best_month(way, load, par) / (load * SECONDS_PER_MONTH) * 1e3
                dashed = "--" if way.kind == "endpoint" else "-"
                axes.plot(load, usd, color=colours[way.name], lw=1.6, ls=dashed, label=way.name)
            _crossings(axes, decision, par)
            _today(axes, decision)
            steady, bursty = "steady: the peak is the mean", f"bursty: it is {par:g} times the mean"
            shape = steady if par == 1 else bursty
            axes.set(title=shape, xlabel="requests per second, mean, log scale")
            plain_log(axes)
        axes.set_ylim(0, 3.2 * _price_of_best(decision))
        figure.axes[0].set_ylabel("US dollars per 1,000 requests")
        handles, labels = figure.axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside right upper")
        told = "Dashed: paid by the token. A step is a replica more, or a server. Capital is an "
        told += f"annuity. {SIZED} {_told_crossings(decision)}"
        caption(figure, told)
    return figure


def _cheapest_api(decision: Decision) -> Way | None:
    apis = [way for way in decision.ways if way.kind == "endpoint"]
    return min(apis, key=lambda way: float(best_month(way, decision.load))) if apis else None


def _crossings(axes: Axes, decision: Decision, par: float) -> None:
    """Circles where a route is first under the cheapest endpoint, dots from where it stays so."""
    api, table = _cheapest_api(decision), decision.break_even
    if api is None or not len(table):
        return
    rows = table[(table["api"] == api.name) & (table["peak_to_mean"] == par)]
    colours = way_colours(decision)
    for row in rows.to_dict(orient="records"):
        for column, filled in (("first_cheaper_rps", False), ("always_cheaper_rps", True)):
            load = float(row[column])
            if 0 < load < np.inf:
                usd = float(best_month(api, load, par)) / (load * SECONDS_PER_MONTH) * 1e3
                colour = colours[str(row["own"])]
                axes.plot(load, usd, "o", ms=6 if filled else 9, mew=1.6, color=colour,
                          mfc=colour if filled else "none", zorder=4)  # fmt: skip


def _price_of_best(decision: Decision) -> float:
    requests = decision.load * SECONDS_PER_MONTH
    return min(1e3 * float(best_month(way, decision.load)) / requests for way in decision.ways)


def _told_crossings(decision: Decision) -> str:
    api, table = _cheapest_api(decision), decision.break_even
    if api is None or not len(table):
        return ""
    own = table[(table["api"] == api.name) & np.isfinite(table["first_cheaper_rps"])]
    if not len(own):
        return f"No route with GPUs ever crosses the line of {api.name}."
    row = own.sort_values("first_cheaper_rps").iloc[0]
    return (
        f"Rings: first under {api.name}, the cheapest by the token; dots: from there on always. "
        f"The earliest is {row['own']} at {row['first_cheaper_rps']:.2f} requests/s."
    )


def utilization(decision: Decision) -> Figure:
    """GPUs alone per million tokens over how much they are used, with where each route stands."""
    tokens = _tokens_per_request(decision)
    share = np.linspace(0.02, 1.0, 300)
    colours = way_colours(decision)
    tops = []
    with style():
        figure = Figure(figsize=(11, 5.4), layout="constrained")
        figure.suptitle("What a million tokens cost, by how busy GPUs are", x=0.012, ha="left")
        axes = figure.subplots()
        for way in decision.ways:
            if way.kind == "endpoint":
                price = way.price_per_request / tokens * 1e6
                axes.axhline(price, color=colours[way.name], ls="--", lw=1.6, label=way.name)
                tops.append(price)
            elif way.kind != "hybrid":
                full = staircase(way, 1.0).usd_per_h / 3600 / way.requests_per_s / tokens * 1e6
                axes.plot(100 * share, full / share, color=colours[way.name], label=way.name)
                now = _used(decision, way)
                axes.plot(100 * now, full / now, "o", color=colours[way.name], ms=8, zorder=4)
                tops += [4 * full, 1.2 * full / now]
        axes.set(xlabel="load over what the replicas serve within the SLO [%]", xlim=(0, 100))
        axes.set_ylabel("US dollars per million tokens, in and out")
        axes.set_ylim(0, max(tops, default=1.0))
        plain_numbers(axes)
        figure.legend(loc="outside right upper")
        caption(
            figure,
            "Only what GPUs, servers and their power cost, and what endpoints charge: no people, "
            "tests or tools. Where a curve falls under a dashed line is the break-even use of a "
            "GPU. Dots: the replicas that were simulated, at today's load.",
        )
    return figure


def _tokens_per_request(decision: Decision) -> float:
    """Tokens in and out of a mean request, of the first route that knows."""
    for found in decision.outcomes:
        if found.used is not None and found.used.requests > 0:
            return (found.used.prompt_tokens + found.used.output_tokens) / found.used.requests
        if found.mix is not None:
            return found.mix.prompt + found.mix.output
    return 1.0


def _used(decision: Decision, way: Way) -> float:
    """Today's load over what the replicas that were simulated serve."""
    (found,) = (found for found in decision.outcomes if found.route.name == way.name)
    assert found.used is not None
    held = found.used.held_gpu_s / found.used.gpus_per_replica / found.used.seconds
    if way.kind == "owned":
        held = float(way.servers(held)) * way.lot
    return min(1.0, decision.load / max(held * way.requests_per_s, 1e-12))


def cheapest_map(decision: Decision) -> Figure:
    """Which route is the cheapest, over volume and over the ratio of peak to mean."""
    load = np.geomspace(decision.load / 8, decision.load * 40, 160)
    par = np.linspace(1.0, 8.0, 120)
    x, y = np.meshgrid(load, par)
    which = np.stack([best_month(way, x, y) for way in decision.ways]).argmin(axis=0)
    colours = way_colours(decision)
    with style():
        figure = Figure(figsize=(11, 5.6), layout="constrained")
        figure.suptitle("The cheapest route by volume and burstiness", x=0.012, ha="left")
        axes = figure.subplots()
        number = len(decision.ways)
        shades = ListedColormap([colours[way.name] for way in decision.ways])
        norm = BoundaryNorm(np.arange(number + 1) - 0.5, number)
        axes.pcolormesh(load, par, which, cmap=shades, norm=norm, alpha=0.75, rasterized=True)
        _today(axes, decision)
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
            "Of the routes that keep the constraints, at today's prices, GPUs for the peak and "
            f"{decision.comparison.outlook.spares} spare, unless they follow the load. {SIZED}",
        )
    return figure


def chances(decision: Decision) -> Figure:
    """How often each route is the cheapest over all months, by today's volume."""
    table, colours = decision.by_volume, way_colours(decision)
    shown = [name for name in table.columns if table[name].max() > 0.005]
    with style():
        figure = Figure(figsize=(11, 5.0), layout="constrained")
        figure.suptitle("Which route would be the cheapest, if the volume were another?", x=0.012,
                        ha="left")  # fmt: skip
        axes = figure.subplots()
        axes.stackplot(
            table.index,
            [100 * table[name] for name in shown],
            colors=[colours[name] for name in shown],
            labels=shown,
            alpha=0.8,
            edgecolor="white",
            lw=0.6,
        )
        _today(axes, decision)
        axes.set(ylim=(0, 100), ylabel="share of the futures [%]")
        axes.set(xlabel="requests per second today, mean, log scale")
        axes.set_xlim(table.index[0], table.index[-1])
        plain_log(axes)
        axes.grid(color=GREY, alpha=0.3)
        figure.legend(loc="outside right upper", reverse=True)
        caption(
            figure,
            f"Cheapest in today's dollars over {decision.comparison.outlook.months} months, in the "
            f"same futures at {len(table)} volumes. {SIZED}",
        )
    return figure
