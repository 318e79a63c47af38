"""Decision: the routes of a comparison over volumes, bursts and years, and what it hangs on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from experiments.compare import Outcome
from experiments.compare_capacity import Capacity
from experiments.compare_routes import Comparison
from experiments.decision_break_even import break_even_table
from experiments.decision_ways import capacities_of, way_of
from experiments.decision_years import against_endpoint, chances_by_volume
from simulator.economics.outlook import cash_flows, present_values
from simulator.economics.uncertainty import Decision as Drawn
from simulator.economics.uncertainty import decide, draw, sobol, tornado
from simulator.economics.usage import SECONDS_PER_MONTH
from simulator.economics.way import Way
from simulator.rng import stream

__all__ = ["Decision", "decision"]

Floats = NDArray[np.float64]
SOBOL_DRAWS = 1024


@dataclass(frozen=True, eq=False, kw_only=True)
class Decision:
    """What a comparison comes to."""

    comparison: Comparison
    outcomes: tuple[Outcome, ...]
    """Routes that keep the constraints."""
    ways: tuple[Way, ...]
    load: float
    """Mean requests per second today. [1/s]"""
    capacities: dict[str, Capacity]
    drawn: Drawn
    """Present values, in dollars, of the allowed routes."""
    flows: dict[str, Floats]
    """Cumulative cash of each, quantiles 5, 50, 95 %: shape (3, months + 1)."""
    values: dict[str, Floats]
    best: str
    second: str
    """The best route of the other sort, GPUs or endpoints; of any sort where there is but one."""
    tornado: pd.DataFrame
    """Of the second's cost less the best's: positive is in favour of the best."""
    sobol: pd.DataFrame
    break_even: pd.DataFrame
    against: pd.DataFrame
    """Of each way: what it saves against the cheapest endpoint, and in which month it has paid."""
    by_volume: pd.DataFrame
    """How often each is the cheapest, by the mean load of today."""

    def way(self, name: str) -> Way:
        """The way of that name."""
        return next(way for way in self.ways if way.name == name)


def decision(comparison: Comparison, outcomes: Sequence[Outcome]) -> Decision:
    """Project, draw and rank the routes that keep the constraints.

    Raises
    ------
    ValueError
        If none does.
    """
    allowed = tuple(outcome for outcome in outcomes if not outcome.broken)
    if not allowed:
        raise ValueError("no route keeps the constraints")
    load = allowed[0].requests_per_month / SECONDS_PER_MONTH
    capacities = capacities_of(comparison, allowed)
    ways = tuple(way_of(comparison, found, capacities) for found in allowed)
    outlook = comparison.outlook
    ranges = outlook.drawn_from()
    season = outlook.season or None
    x = draw(ranges, outlook.draws, stream(0, "futures"), outlook.drawn_together())
    values = present_values(ways, x, load, outlook.months, outlook.wacc, season)
    drawn = decide(values)
    best = drawn.best
    second = _rival(drawn, {way.name: way for way in ways})
    pair = {way.name: way for way in ways if way.name in (best, second)}

    def difference(given: Any) -> Floats:
        found = present_values(
            list(pair.values()), given, load, outlook.months, outlook.wacc, season
        )
        return found[second] - found[best]

    return Decision(
        comparison=comparison,
        outcomes=allowed,
        ways=ways,
        load=load,
        capacities=capacities,
        drawn=drawn,
        flows={
            way.name: np.quantile(
                cash_flows(way, x, load, outlook.months, season).cumsum(axis=1),
                [0.05, 0.5, 0.95],
                axis=0,
            )
            for way in ways
        },
        values=values,
        best=best,
        second=second,
        tornado=tornado(difference, ranges),
        sobol=_sobol(difference, ranges, best != second),
        break_even=break_even_table(ways, load),
        against=against_endpoint(ways, x, load, outlook, drawn.table),
        by_volume=chances_by_volume(ways, x, load, outlook),
    )


def _rival(drawn: Drawn, ways: dict[str, Way]) -> str:
    """The best route that is not of the kind of the best: own GPUs against endpoints."""
    ranking = [str(name) for name in drawn.table["mean"].sort_values().index]
    bought = ways[ranking[0]].kind == "endpoint"
    others = [name for name in ranking if (ways[name].kind == "endpoint") != bought]
    return others[0] if others else ranking[min(1, len(ranking) - 1)]


def _sobol(model: Any, ranges: Any, apart: bool) -> pd.DataFrame:
    """Shares of the variance, as if the inputs were independent; nothing where nothing varies."""
    if not apart:
        columns = ("first_order", "total_order", "total_low", "total_high")
        return pd.DataFrame({column: [] for column in columns})
    return sobol(model, ranges, SOBOL_DRAWS, stream(0, "sobol"))
