"""Variants of a fleet held against one of them: paired differences with their intervals."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from experiments.figures_style import BLACK, BLUE, GREY, caption, style
from experiments.fleet_study import differences

__all__ = ["differences_figure"]


def differences_figure(runs: pd.DataFrame, against: str, labels: dict[str, str]) -> Figure:
    """What each variant changes against one of them, with 95 % intervals of paired differences.

    Parameters
    ----------
    runs : table of `experiments.fleet_study.compare`.
    against : variant that the others are held against.
    labels : metrics to draw, one panel each, with their titles.
    """
    told = differences(runs, against)
    others = [name for name in runs["variant"].unique() if name != against]
    with style():
        figure = Figure(figsize=(11, 1.6 + 0.42 * len(others)), layout="constrained")
        figure.suptitle(f"Against {against}, on the same requests", x=0.012, ha="left")
        panels = np.atleast_1d(figure.subplots(1, len(labels), sharey=True))
        for axes, (metric, title) in zip(panels, labels.items(), strict=True):
            rows = told[told["metric"] == metric].set_index("variant")
            percent = 100 * rows[["difference", "half_width"]] / rows["mean"][against]
            for place, name in enumerate(others):
                mean, half = percent.loc[name].to_list()
                colour = BLUE if rows["sure"][name] else GREY
                axes.errorbar(mean, place, xerr=half, fmt="o", color=colour, capsize=4, lw=1.6)
            axes.axvline(0, color=BLACK, lw=1)
            axes.set(title=title, xlabel="% more or less")
            axes.set_yticks(range(len(others)), others)
        panels[0].invert_yaxis()
        seeds = runs["seed"].nunique()
        caption(
            figure,
            f"Means and 95 % intervals of the difference over {seeds} seeds. In each seed all "
            "variants had the same requests. Grey: the interval holds zero, it may be chance.",
        )
    return figure
