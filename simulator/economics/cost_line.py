"""Cost line: dollars with the formula, the inputs and the source they can be traced by."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date

import pandas as pd

from hardware_profiles.profile import Profile

__all__ = ["GROUPS", "CostLine", "audit_table", "by_group", "cost_line", "total"]

GROUPS = (
    "GPUs",
    "API",
    "power and cooling",
    "space and upkeep",
    "people",
    "staging",
    "quality and updates",
    "tooling and transfer",
    "migration and exit",
)
"""What a line belongs to, in the order of the pictures."""


@dataclass(frozen=True, kw_only=True)
class CostLine:
    """One line of a bill. `work` and `idle` are parts of `usd`; so is `marginal`."""

    line: str
    usd: float
    group: str
    formula: str
    inputs: Mapping[str, float] = field(default_factory=dict)
    source: str = ""
    checked: date | None = None
    work: float = 0.0
    """Paid for time in which requests were worked on; it is attributed to them. [USD]"""
    idle: float = 0.0
    """Paid for what stood ready and had nothing to do. [USD]"""
    marginal: float = 0.0
    """What would not be there without the requests, all else as it is. [USD]"""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.usd) and self.usd >= 0):
            raise ValueError(f"{self.line}: a cost line is never negative, found {self.usd}")
        assert self.group in GROUPS, self.group

    def scaled(self, factor: float) -> CostLine:
        """The same line over a time `factor` times as long; the audit shows the factor."""
        return replace(
            self,
            formula=f"({self.formula}) x time",
            inputs={**self.inputs, "time": self.inputs.get("time", 1.0) * factor},
            usd=self.usd * factor,
            work=self.work * factor,
            idle=self.idle * factor,
            marginal=self.marginal * factor,
        )


def cost_line(
    line: str,
    usd: float,
    group: str,
    formula: str,
    inputs: Mapping[str, float],
    *origins: Profile,
    work: float = 0.0,
    idle: float = 0.0,
    marginal: float = 0.0,
) -> CostLine:
    """A line whose prices stand in catalogue entries: their sources, and the oldest of their dates.

    Parameters
    ----------
    work, idle, marginal : shares of `usd`, 0 to 1.
    """
    return CostLine(
        line=line,
        usd=usd,
        group=group,
        formula=formula,
        inputs=dict(inputs),
        source="; ".join(
            f"{origin.name}: {origin.source} [{origin.confidence}]" for origin in origins
        ),
        checked=min((origin.checked for origin in origins), default=None),
        work=usd * work,
        idle=usd * idle,
        marginal=usd * marginal,
    )


def total(lines: Iterable[CostLine]) -> float:
    """Sum of the lines. [USD]"""
    return math.fsum(line.usd for line in lines)


def by_group(lines: Iterable[CostLine]) -> dict[str, float]:
    """Dollars by group, those that cost nothing left out; they add up to the total. [USD]"""
    lines = list(lines)
    sums = {group: total(line for line in lines if line.group == group) for group in GROUPS}
    return {group: usd for group, usd in sums.items() if usd > 0}


def audit_table(lines: Iterable[CostLine]) -> pd.DataFrame:
    """Each line with what it was computed from.

    Returns
    -------
    DataFrame: line, group, usd, work_usd, idle_usd, formula, inputs, source, checked.
    """
    rows = [
        {
            "line": line.line,
            "group": line.group,
            "usd": line.usd,
            "work_usd": line.work,
            "idle_usd": line.idle,
            "formula": line.formula,
            "inputs": ", ".join(f"{name} = {value:,.6g}" for name, value in line.inputs.items()),
            "source": line.source or "given in the comparison",
            "checked": str(line.checked or ""),
        }
        for line in lines
    ]
    return pd.DataFrame(rows)
