"""Pictures of a sizing: the price of each level, step by step, for every option."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.figures_style import BLUE, ORANGE, SKY, caption, save, style
from experiments.sized import STEPS, Sized
from experiments.targets import told

__all__ = ["draw_sizing", "sizing_figure"]

LOOKS = {"fewest": BLUE, "headroom": SKY, "spare": ORANGE}


def draw_sizing(sized: Sized, folder: Path) -> list[Path]:
    """Draw what every option costs: sizes.png, .svg and .pdf; nothing if none can be."""
    return save(sizing_figure(sized), folder, "sizes") if len(sized.table) else []


def sizing_figure(sized: Sized) -> Figure:
    """A panel a level, a bar an option, its price an hour piled up from step to step."""
    table, sizing = sized.table, sized.sizing
    names = _names(sized, table)
    columns = 1 if len(sizing.levels) <= 2 else 2
    rows = math.ceil(len(sizing.levels) / columns)
    dearest = float(np.nanmax([1e-9, *table["usd_per_hour"]]))
    with style():
        size = (6.0 * columns + 2.0, (0.3 * len(names) + 0.9) * rows + 1.3)
        figure = Figure(figsize=size, layout="constrained")
        figure.suptitle(sizing.question or sizing.name, x=0.012, ha="left")
        grid = figure.subplots(rows, columns, squeeze=False, sharey=True)
        panels = grid.ravel()[: len(sizing.levels)]
        for axes, level in zip(panels, sizing.levels, strict=True):
            _level(axes, table[table["level"] == level], names, level)
            axes.set_xlim(0, 1.12 * dearest)
            axes.set_xlabel("US dollars an hour")
        for axes in grid.ravel()[len(sizing.levels) :]:
            axes.set_visible(False)
        panels[0].invert_yaxis()
        handles = [container.patches[0] for container in panels[0].containers]
        labels = ["fewest", f"{100 * sizing.headroom:g} % headroom", f"N+{sizing.spare}"]
        figure.legend(handles, labels, loc="outside upper right", ncols=3)
        doubt = "" if table["sure"].all() else " ? marks a number that more runs may move by one."
        caption(
            figure,
            f"Promised: {told(sizing.targets)}. The number on a bar is that of replicas, reserve "
            f"included. Each fleet was tried with {sizing.repeat.least} to {sizing.repeat.most} "
            f"replications until {100 * sizing.confidence:g} % intervals left no doubt.{doubt}",
        )
    return figure


def _names(sized: Sized, table: pd.DataFrame) -> dict[int, str]:
    """What each option is called on the axis."""
    first = table.drop_duplicates("option").set_index("option")
    return {
        number: " ".join(str(row[path]) for path in sized.sizing.paths if row[path] != "default")
        or str(row["offer"])
        for number, row in zip(first.index, first.to_dict("records"), strict=True)
    }


def _level(axes: Axes, rows: pd.DataFrame, names: dict[int, str], level: str) -> None:
    usd = rows.pivot_table(index="option", columns="step", values="usd_per_hour", dropna=False)
    usd = usd.reindex(index=list(names), columns=list(STEPS))
    places = np.arange(len(names))
    below = np.zeros(len(names))
    for step in STEPS:
        upto = usd[step].to_numpy()
        part = np.nan_to_num(np.maximum(upto - below, 0.0))
        axes.barh(places, part, 0.62, left=below, color=LOOKS[step], label=step)
        below = below + part
    last = rows[rows["step"] == "spare"].set_index("option").reindex(list(names))
    for place, right, count, sure in zip(
        places, below, last["replicas"], last["sure"], strict=True
    ):
        told_count = " does not keep it" if np.isnan(count) else f" {count:.0f}"
        axes.text(
            float(right), float(place), told_count + ("" if sure else " ?"), va="center", ha="left"
        )
    axes.set_yticks(places, list(names.values()))
    axes.grid(axis="y", visible=False)
    rate = rows["rate_per_s"].median()
    held = "as it comes" if level == "traffic" else f"held, some {rate:.3g} requests a second"
    axes.set_title(f"the traffic {held}" if level == "traffic" else f"its {level} {held}")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.10g}")
