"""Pictures of a run: which there are, and writing them all to a folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from experiments.figures_bill import bill_lines
from experiments.figures_compare import comparison
from experiments.figures_latency import latency_cdfs
from experiments.figures_overflow import overflow_over_time
from experiments.figures_style import save
from experiments.figures_time import idle_trace, over_time
from simulator.economics.bill import Bill
from simulator.record.result import Result

__all__ = [
    "bill_lines",
    "comparison",
    "draw_comparison",
    "draw_run",
    "idle_trace",
    "latency_cdfs",
    "over_time",
    "overflow_over_time",
    "save",
]


def draw_run(result: Result, bill: Bill, folder: Path) -> list[Path]:
    """Draw one run: latency.png, over_time.png, idle_trace.png, bill.png, and each as SVG and PDF.

    Where requests may go to endpoints, overflow.png too; without replicas no idle_trace.png.

    Parameters
    ----------
    folder : where to write; it exists.

    Returns
    -------
    The files written.
    """
    figures = {
        "latency": latency_cdfs(result),
        "over_time": over_time(result),
        "bill": bill_lines(result, bill),
    }
    if len(result.replicas):
        figures["idle_trace"] = idle_trace(result)
    if result.scenario.overflow is not None:
        figures["overflow"] = overflow_over_time(result)
    return [path for stem, figure in figures.items() for path in save(figure, folder, stem)]


def draw_comparison(
    runs: Mapping[str, tuple[Result, Bill]], folder: Path, title: str = "Side by side"
) -> list[Path]:
    """Draw several runs in one picture: comparison.png, .svg and .pdf.

    Parameters
    ----------
    runs : by the name to show, a result and its bill.
    folder : where to write; it exists.
    """
    return save(comparison(runs, title), folder, "comparison")
