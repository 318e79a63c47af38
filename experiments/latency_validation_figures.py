"""Pictures of the validation: predicted against measured, and errors beside those of peers."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.figures_style import COLOURS, SERIES, caption, style
from experiments.latency_validation_results import error_summary, load_replays

__all__ = ["errors_beside_peers", "predicted_against_measured"]

TITLES = {
    "tpot_ms_mean": "Time per output token, mean [ms]",
    "ttft_ms_mean": "Time to first token, mean [ms]",
    "e2e_ms_mean": "End to end, mean [ms]",
    "e2e_ms_p99": "End to end, 99th percentile [ms]",
}
BAND_PCT = 10.0


def predicted_against_measured(fit: str = "all") -> Figure:
    """A point a stage, by GPU; the line is right, the band ten per cent off.

    Parameters
    ----------
    fit : ``all``, or what was left out (see `latency_validation_results.FITS`).
    """
    rows = load_replays()
    rows = rows[rows["fit"] == fit]
    with style():
        figure, grid = plt.subplots(2, 2, figsize=(9, 8.2))
        for axes, (metric, title) in zip(grid.flat, TITLES.items(), strict=True):
            _scatter(axes, rows[rows["metric"] == metric])
            axes.set_title(title)
            axes.set_xlabel("measured")
            axes.set_ylabel("predicted")
        grid[0, 0].legend(loc="upper left")
        experiments = rows["experiment_id"].nunique()
        caption(
            figure,
            f"{experiments} servers, a point a stage of load; the band is ±{BAND_PCT:.0f} %. "
            "Points below the band at the 99th percentile are servers that had just started.",
        )
    return figure


def _scatter(axes: Axes, rows: pd.DataFrame) -> None:
    low, high = rows["measured"].min() * 0.8, rows["measured"].max() * 1.25
    axes.plot([low, high], [low, high], color=COLOURS["rest"], linewidth=1)
    edges = [1 - BAND_PCT / 100, 1 + BAND_PCT / 100]
    axes.fill_between(
        [low, high], [low * edges[0], high * edges[0]], [low * edges[1], high * edges[1]],
        color=COLOURS["rest"], alpha=0.15, linewidth=0,
    )  # fmt: skip
    for colour, (gpu, part) in zip(SERIES, rows.groupby("gpu"), strict=False):
        axes.scatter(part["measured"], part["predicted"], s=26, color=colour, label=str(gpu))
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(low, high)
    axes.set_ylim(low, high)


def errors_beside_peers() -> Figure:
    """Mean absolute percentage errors, ours and those of other simulators."""
    table = error_summary()
    with style():
        figure, grid = plt.subplots(1, len(TITLES), figsize=(12, 4.6), sharey=True)
        for axes, metric in zip(grid, TITLES, strict=True):
            values = table[metric][::-1]
            ours = values.index.str.startswith("servecast")
            colours = [SERIES[0] if mine else COLOURS["rest"] for mine in ours]
            axes.barh(values.index, values.fillna(0.0), color=colours)
            for place, value in enumerate(values):
                if not pd.isna(value):
                    axes.text(value, place, f" {value:,.1f}", va="center", fontsize=8)
            axes.set_xscale("log")
            axes.set_xlim(1, 3e5)
            axes.set_title(metric.replace("_ms_", " ").upper().replace("MEAN", "mean"))
            axes.set_xlabel("mean absolute error [%]")
        caption(
            figure,
            "Runs of the same published file; peers were asked about 3 to 25 of them, as published "
            "by the source of the runs. Ours by what the fit had not seen.",
        )
    return figure
