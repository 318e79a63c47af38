"""Pictures of a trace: its rate, its gaps, its lengths, its peaks, what a cache could find."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.figures_style import (
    COLOURS,
    SERIES,
    caption,
    plain_log,
    plain_numbers,
    save,
    style,
    time_unit,
)
from workloads.profile_trace import TraceProfile

__all__ = ["draw_profile", "lengths_figure", "rate_figure", "reuse_figure"]

BLUE, RED, GREEN = SERIES[:3]


def draw_profile(found: TraceProfile, folder: Path, name: str) -> list[Path]:
    """Write every picture of a profile into a folder, as PNG and SVG."""
    paths = save(rate_figure(found, name), folder, "rate")
    paths += save(lengths_figure(found, name), folder, "lengths")
    if len(found.reuse):
        paths += save(reuse_figure(found, name), folder, "reuse")
    return paths


def rate_figure(found: TraceProfile, name: str) -> Figure:
    """Rate by minute, requests at once, and dispersion by window."""
    unit = time_unit(found.duration_s)
    bin_s = 60 if found.duration_s < 86_400 else 600
    rate = found.rate(bin_s)
    with style():
        figure = Figure(figsize=(11, 6.6), layout="constrained")
        figure.suptitle(f"{name}: arrivals", x=0.012, ha="left")
        grid = figure.add_gridspec(2, 2, width_ratios=(2, 1))
        flow, at_once = figure.add_subplot(grid[0, 0]), figure.add_subplot(grid[1, 0])
        edges = np.append(rate.start_s, rate.start_s.iloc[-1] + bin_s) / unit.seconds
        flow.stairs(rate.rate_per_s, edges, color=BLUE, fill=True, alpha=0.25)
        flow.stairs(rate.rate_per_s, edges, color=BLUE)
        flow.axhline(found.requests / max(found.duration_s, 1e-9), color=COLOURS["rest"], ls="--")
        flow.set(title=f"Requests per second, means over {bin_s} s", ylim=(0, None))
        minutes = found.simultaneous_by_minute
        at_once.plot(minutes.start_s / unit.seconds, minutes.peak, color=RED, lw=1)
        at_once.axhline(found.simultaneous["mean"], color=COLOURS["rest"], ls="--")
        at_once.set(title="Most requests at once in each minute", ylim=(0, None))
        at_once.set_xlabel(f"time [{unit.name}]")
        _dispersion(figure.add_subplot(grid[:, 1]), found)
        peak, mean = found.simultaneous["peak"], found.simultaneous["mean"]
        caption(
            figure,
            f"{found.verdict.word.capitalize()}: {found.verdict.reason}. Dashed: means. If each "
            f"request is under way as long as assumed, {mean:.1f} are at once on average and "
            f"{peak:.0f} at the peak, {peak / max(mean, 1e-9):.2f} times as many.",
        )
    return figure


def _dispersion(axes: Axes, found: TraceProfile) -> None:
    table = found.arrivals.dispersion().dropna()
    axes.plot(table.window_s, table.dispersion, "o-", color=GREEN)
    axes.axhline(1.0, color=COLOURS["rest"], ls="--")
    axes.set(title="Variance over mean of counts", xlabel="window [s]", yscale="log")
    if len(table):
        axes.set_xlim(table.window_s.min() / 1.5, table.window_s.max() * 1.5)
        plain_log(axes)
    plain_numbers(axes)
    axes.annotate(
        "Poisson", (0.98, 1.03), xycoords=("axes fraction", "data"), ha="right", va="bottom"
    )


def lengths_figure(found: TraceProfile, name: str) -> Figure:
    """Percentiles of lengths, and prompt against output."""
    with style():
        figure = Figure(figsize=(11, 4.8), layout="constrained")
        figure.suptitle(f"{name}: lengths", x=0.012, ha="left")
        left, right = figure.subplots(1, 2)
        columns = [c for c in found.lengths.columns if c.startswith("p")]
        shares = [float(c[1:]) for c in columns]
        for row, colour in zip(("prompt_tokens", "output_tokens"), (BLUE, RED), strict=True):
            values = found.lengths.loc[row, columns].to_numpy(dtype=float)
            left.plot(values, shares, "o-", color=colour, label=row.replace("_tokens", ""))
        left.set(title="Percentiles", xlabel="tokens", ylabel="requests no longer [%]")
        plain_log(left)
        left.legend(loc="lower right")
        table = found.joint_lengths
        right.imshow(np.sqrt(table.to_numpy()), origin="lower", aspect="auto", cmap="Blues")
        right.set_xticks(range(len(table.columns)), [f"{c:,}" for c in table.columns], rotation=60)
        right.set_yticks(range(len(table.index)), [f"{r:,}" for r in table.index])
        right.grid(visible=False)
        right.set(title="Together", xlabel="output tokens, from", ylabel="prompt tokens, from")
        caption(
            figure,
            f"{found.requests:,} requests. Right: darker squares hold more requests (square root "
            f"of the share). The logarithms are correlated by {found.length_correlation:.2f}.",
        )
    return figure


def reuse_figure(found: TraceProfile, name: str) -> Figure:
    """Share of prompt tokens that a cache of each size could find."""
    bounded = found.reuse[np.isfinite(found.reuse.cache_tokens)]
    most = float(found.reuse.hit_rate.iloc[-1])
    with style():
        figure = Figure(figsize=(8, 4.4), layout="constrained")
        axes = figure.subplots()
        axes.plot(bounded.cache_tokens, 100 * bounded.hit_rate, "o-", color=GREEN)
        axes.axhline(100 * most, color=COLOURS["rest"], ls="--")
        axes.set(
            title=f"{name}: what a prefix cache could find",
            xlabel="cache [tokens]",
            ylabel="prompt tokens found [%]",
            ylim=(0, None),
        )
        if len(bounded):
            plain_log(axes)
        caption(
            figure,
            f"One cache for the whole fleet, forgetting what was used longest ago; dashed: without "
            f"bound, {100 * most:.1f} %. Several replicas with a cache each find less.",
        )
    return figure
