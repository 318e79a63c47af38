"""How sure: which calibration a run rests on, and where the truth most likely lies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from simulator.scenario import step_time_of

if TYPE_CHECKING:
    from simulator.physics.certainty import Certainty
    from simulator.record.result import Result

__all__ = ["LEVEL", "how_sure"]

LEVEL = 0.9
"""Chance that the truth lies within an interval."""
LATENCIES, FIGURES = ("ttft", "tpot", "e2e"), ("mean", "p50", "p90", "p95", "p99")


def how_sure(result: Result, latency: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
    """What the step times of a run rest on, and intervals around its latencies.

    Several pools may rest on several calibrations: each is named, and an interval is as wide as
    that of the least certain pool. The intervals tell how far the model may be off, not how much
    one run differs from the next. How far endpoints are off is not known: the intervals are as wide
    as if all had been served here, and there are none where nothing was.

    Parameters
    ----------
    latency : by column (``ttft_s``), the mean and percentiles that were simulated. [s]

    Returns
    -------
    dict of ``is_calibrated`` (in every pool), ``sentence`` for a person, ``pools`` with the
    calibration of each, ``level`` and ``interval_s``: by column and figure ``low`` and ``high``,
    those left out for which no error was ever measured.
    """
    known = {name: step_time_of(plan).certainty for name, plan in result.scenario.plans().items()}
    told = {name: one.sentence for name, one in known.items()}
    several = len(set(told.values())) > 1
    lines = [f"{name}: {line}" for name, line in told.items()] if several else [*told.values()][:1]
    away = int((result.calls["outcome"] == "ok").sum())
    if away:
        lines.append(f"{away:,} answers are of endpoints, whose times were not measured here")
    served_here = away < int((result.requests["outcome"] == "completed").sum())
    return {
        "is_calibrated": all(one.is_calibrated for one in known.values()),
        "sentence": "; ".join(lines),
        "pools": {
            name: {"calibration": one.calibration, "is_calibrated": one.is_calibrated}
            for name, one in known.items()
        },
        "level": LEVEL,
        "interval_s": {
            f"{name}_s": found
            for name in LATENCIES
            if (served_here or not away)
            and (found := _intervals(name, latency[f"{name}_s"], [*known.values()]))
        },
    }


def _intervals(
    name: str, figures: Mapping[str, float], known: list[Certainty]
) -> dict[str, dict[str, float]]:
    """Widest interval of any pool around each figure of one latency. [s]"""
    found = dict[str, dict[str, float]]()
    for figure in FIGURES:
        value = figures[figure]
        each = [one.interval(name, figure, value, LEVEL) for one in known]
        sure = [interval for interval in each if interval is not None]
        if value == value and len(sure) == len(each):
            low, high = min(i.low for i in sure), max(i.high for i in sure)
            found[figure] = {"low": low, "high": high}
    return found
