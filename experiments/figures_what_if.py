"""The picture of a what-if: what every option would cost under each change, the cheapest marked."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from experiments.figures_style import BLACK, SERIES, caption, style
from experiments.targets import told
from experiments.what_if import Decided

__all__ = ["what_if_figure"]

MARKERS = ("o", "s", "^", "D", "v", "P")


def what_if_figure(decided: Decided) -> Figure:
    """A row a change, a mark an option at its price an hour; a ring is round the cheapest."""
    options = decided.options
    names = list(decided.sized)
    sizing = next(iter(decided.sized.values())).sizing
    with style():
        figure = Figure(figsize=(9.6, 1.9 + 0.55 * len(names)), layout="constrained")
        figure.suptitle("What would be chosen, and at what price", x=0.012, ha="left")
        axes = figure.subplots()
        options = options.assign(called=[_called(decided, row) for row in _records(options)])
        for number, (called, mine) in enumerate(options.groupby("called", sort=False)):
            axes.scatter(
                mine["usd_per_hour"],
                [names.index(name) for name in mine["what_if"]],
                s=48,
                color=SERIES[number % len(SERIES)],
                marker=MARKERS[number % len(MARKERS)],
                label=str(called),
                zorder=3,
            )
        best = options[options["cheapest"]]
        places = [names.index(name) for name in best["what_if"]]
        axes.scatter(
            best["usd_per_hour"], places, s=190, facecolors="none", edgecolors=BLACK, lw=1.6,
            label="cheapest", zorder=4,
        )  # fmt: skip
        for row, place in zip(_records(best), places, strict=True):
            told_count = f"{row['replicas']:.0f} × {row['called']}{'' if row['sure'] else ' ?'}"
            axes.annotate(
                told_count, (row["usd_per_hour"], place), (0, 11), textcoords="offset points",
                ha="center", fontsize=8.5,
            )  # fmt: skip
        axes.set_yticks(range(len(names)), names)
        axes.set_ylim(len(names) - 0.5, -0.7)
        axes.set_xlim(left=0)
        axes.margins(x=0.1)
        axes.set_xlabel("US dollars an hour, headroom and reserve included")
        figure.legend(loc="outside right upper")
        level = "as it comes" if decided.level == "traffic" else f"held at its {decided.level}"
        caption(
            figure,
            f"The traffic {level}, {100 * sizing.headroom:g} % headroom, N+{sizing.spare}; "
            f"promised where nothing else is said: {told(sizing.targets)}. Each fleet was tried "
            f"with {sizing.repeat.least} to {sizing.repeat.most} replications until "
            f"{100 * sizing.confidence:g} % intervals left no doubt; ? marks what stayed in doubt.",
        )
    return figure


def _records(table: pd.DataFrame) -> list[dict[str, object]]:
    return [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]


def _called(decided: Decided, row: dict[str, object]) -> str:
    """What an option is called: what it differs from others by."""
    paths = decided.sized[str(row["what_if"])].sizing.paths
    words = [str(row[path]) for path in paths if row[path] != "default"]
    return " ".join(words) or str(row["offer"])
