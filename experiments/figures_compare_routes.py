"""Routes side by side: what a month costs and for what, and what latency is had for it."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from experiments.compare import Outcome
from experiments.figures_style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    RED,
    SKY,
    caption,
    plain_log,
    plain_numbers,
    style,
    usd,
)
from simulator.economics.cost_line import GROUPS

__all__ = ["GROUP_COLOURS", "latency_cost", "monthly_bars"]

GROUP_COLOURS = dict(
    zip(
        GROUPS,
        (BLUE, GREEN, ORANGE, "#C8A165", SKY, PURPLE, "#B0D0E0", GREY, BLACK),
        strict=True,
    )
)


def monthly_bars(outcomes: Sequence[Outcome], title: str) -> Figure:
    """A month of each route as a stack of its groups of lines; what stood idle is hatched."""
    ordered = sorted(outcomes, key=lambda found: (bool(found.broken), found.usd))
    with style():
        figure = Figure(figsize=(11, 2.4 + 0.62 * len(ordered)), layout="constrained")
        figure.suptitle(title, x=0.012, ha="left")
        axes = figure.subplots()
        for y, found in enumerate(ordered):
            _bar(axes, y, found)
        axes.set_yticks(range(len(ordered)), [_label(found) for found in ordered])
        axes.invert_yaxis()
        axes.grid(axis="y", visible=False)
        axes.margins(x=0.32)
        axes.set_xlabel("US dollars a month")
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        shown = {line.group for found in ordered for line in found.lines if line.usd > 0}
        handles = [Patch(color=c, label=g) for g, c in GROUP_COLOURS.items() if g in shown]
        handles.append(Patch(facecolor="white", edgecolor=BLACK, hatch="///", label="of it idle"))
        figure.legend(handles=handles, loc="outside right upper")
        ruled = [f"{f.route.name}: {'; '.join(f.broken)}" for f in ordered if f.broken]
        out = f" Ruled out, pale: {'. '.join(ruled)}." if ruled else ""
        requests = ordered[0].requests_per_month
        caption(
            figure,
            f"{requests:,.0f} requests a month, each route simulated on the same ones; in brackets "
            f"the cost of 1,000 good requests and the share that is good.{out}",
        )
    return figure


def _label(found: Outcome) -> str:
    return textwrap.fill(found.route.name, 24)


def _bar(axes: Axes, y: int, found: Outcome) -> None:
    left, pale = 0.0, 0.35 if found.broken else 1.0
    for group, colour in GROUP_COLOURS.items():
        lines = [line for line in found.lines if line.group == group]
        width, idle = sum(x.usd for x in lines), sum(x.idle for x in lines)
        axes.barh(y, width, 0.66, left=left, color=colour, alpha=pale, edgecolor="white", lw=0.5)
        if idle > 0:
            axes.barh(
                y, idle, 0.66, left=left + width - idle, color="none", edgecolor="white",
                hatch="///", lw=0.0,
            )  # fmt: skip
        left += width
    good = 1e3 * found.usd_per_good_request
    told = f" ${left:,.0f}  ({usd(good)}, {100 * found.good_share:.1f} %)"
    axes.text(left, y, told, va="center", color=GREY if found.broken else BLACK)


def latency_cost(outcomes: Sequence[Outcome], title: str) -> Figure:
    """Cost of a thousand good requests against the time to the first token and between tokens."""
    with style():
        figure = Figure(figsize=(11, 5.6), layout="constrained")
        figure.suptitle(title, x=0.012, ha="left")
        first, each = figure.subplots(1, 2, sharey=True)
        _scatter(first, outcomes, "ttft_p95_s", "time to first token, p95 [ms]")
        _scatter(each, outcomes, "tpot_p95_s", "time per output token, p95 [ms]")
        first.set_ylabel("US dollars per 1,000 good requests")
        first.set_ylim(0, 1.12 * first.get_ylim()[1])
        plain_numbers(first)
        numbered = "; ".join(f"{i} {found.route.name}" for i, found in enumerate(outcomes, start=1))
        caption(
            figure,
            f"{numbered}. Below and to the left is better. Crosses are ruled out by a constraint. "
            "One run each.",
        )
    return figure


def _scatter(axes: Axes, outcomes: Sequence[Outcome], key: str, label: str) -> None:
    seen: list[tuple[float, float]] = []
    for i, found in enumerate(outcomes, start=1):
        x, y = 1e3 * found.latency[key], 1e3 * found.usd_per_good_request
        if not (np.isfinite(x) and np.isfinite(y)):
            continue
        colour = RED if found.broken else BLUE if found.used is not None else GREEN
        axes.scatter(x, y, s=70, color=colour, marker="x" if found.broken else "o", zorder=3)
        near = sum(abs(np.log(x / a)) < 0.12 and abs(y - b) < 0.25 for a, b in seen)
        axes.annotate(str(i), (x, y), xytext=(7 + 11 * near, 5), textcoords="offset points")
        seen.append((x, y))
    axes.set_xlabel(f"{label}, log scale")
    plain_log(axes)
    if key == "ttft_p95_s":
        axes.set_title("Wait for the first token")
        axes.legend(
            handles=[
                Patch(color=BLUE, label="GPUs of our own contract"),
                Patch(color=GREEN, label="endpoint by the token"),
                Patch(color=RED, label="ruled out"),
            ],
            loc="best",
        )
    else:
        axes.set_title("Wait for each token")
