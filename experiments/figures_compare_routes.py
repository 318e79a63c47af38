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

__all__ = ["PART_COLOURS", "latency_cost", "month_parts", "monthly_bars"]

PART_COLOURS = {
    "GPUs at work": BLUE,
    "GPUs idle or stranded": ORANGE,
    "GPUs starting, down, rounding": PURPLE,
    "API": GREEN,
    "power and cooling": "#F0E442",
    "space and upkeep": "#C8A165",
    "people": SKY,
    "staging": "#6A51A3",
    "quality and updates": "#B0D0E0",
    "tooling and transfer": GREY,
    "migration and exit": BLACK,
}
"""Parts of a month as they are stacked: the groups of lines, GPUs by what they did."""


def month_parts(found: Outcome) -> dict[str, float]:
    """A month by part; the parts add up to it. [USD]"""
    parts = dict.fromkeys(PART_COLOURS, 0.0)
    for line in found.lines:
        if line.group != "GPUs":
            parts[line.group] += line.usd
            continue
        parts["GPUs at work"] += line.work
        parts["GPUs idle or stranded"] += line.idle
        parts["GPUs starting, down, rounding"] += line.usd - line.work - line.idle
    return parts


def monthly_bars(outcomes: Sequence[Outcome], title: str) -> Figure:
    """A month of each route as a stack of its parts."""
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
        least = 2e-3 * max(found.usd for found in ordered)
        shown = {part for o in ordered for part, usd in month_parts(o).items() if usd > least}
        handles = [Patch(color=c, label=g) for g, c in PART_COLOURS.items() if g in shown]
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
    for part, width in month_parts(found).items():
        axes.barh(y, width, 0.66, left=left, color=PART_COLOURS[part], alpha=pale,
                  edgecolor="white", lw=0.5)  # fmt: skip
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
