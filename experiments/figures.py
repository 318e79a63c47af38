"""Pictures of a run: which there are, and writing them all to a folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from experiments.figures_bill import bill_lines
from experiments.figures_compare import comparison
from experiments.figures_fleet import fleet_over_time
from experiments.figures_latency import latency_cdfs
from experiments.figures_overflow import overflow_over_time
from experiments.figures_style import save
from experiments.figures_time import idle_trace, over_time
from simulator.economics.bill import Bill
from simulator.record.result import Result
from simulator.scenario import Scenario

__all__ = [
    "bill_lines",
    "comparison",
    "draw_comparison",
    "draw_run",
    "fleet_over_time",
    "idle_trace",
    "latency_cdfs",
    "over_time",
    "overflow_over_time",
    "save",
]


def draw_run(result: Result, bill: Bill, folder: Path) -> list[Path]:
    """Draw one run: latency.png, over_time.png, idle_trace.png, bill.png, and each as SVG and PDF.

    Where replicas come and go, or break, fleet.png too; where requests may go to endpoints,
    overflow.png; without replicas no idle_trace.png.

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
        if _changes(result.scenario):
            figures["fleet"] = fleet_over_time(result)
    if result.scenario.overflow is not None:
        figures["overflow"] = overflow_over_time(result)
    return [path for stem, figure in figures.items() for path in save(figure, folder, stem)]


def _changes(scenario: Scenario) -> bool:
    """Whether there is something to see of replicas that come, go, break or are replaced."""
    scaled = scenario.autoscaler or any(plan.autoscaler for plan in scenario.pools)
    return bool(scenario.faults or scenario.operations or scaled)


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
