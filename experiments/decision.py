"""Decision: the routes of a comparison over volumes, bursts and years, and what it hangs on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from experiments.compare import Outcome
from experiments.compare_capacity import Capacity, capacity
from experiments.compare_routes import Bought, Comparison, Hybrid
from simulator.economics.breakeven import SelfHosting, burst_ceiling, crossing
from simulator.economics.contract import Reserved
from simulator.economics.contract_owned import Owned
from simulator.economics.cost_line import by_group, total
from simulator.economics.outlook import cash_flows, present_values
from simulator.economics.uncertainty import Decision as Drawn
from simulator.economics.uncertainty import decide, draw, sobol, tornado
from simulator.economics.usage import SECONDS_PER_MONTH
from simulator.economics.way import Way, steady_month
from simulator.rng import stream

__all__ = ["Decision", "break_even_table", "decision", "way_of"]

Floats = NDArray[np.float64]
SOBOL_DRAWS = 1024
PARS = (1.0, 3.0)
FIXED = ("staging", "quality and updates", "tooling and transfer")


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
    capacities = _capacities(comparison, allowed)
    ways = tuple(way_of(comparison, found, capacities, load) for found in allowed)
    outlook = comparison.outlook
    ranges = outlook.drawn_from()
    season = outlook.season or None
    x = draw(ranges, outlook.draws, stream(0, "futures"), outlook.correlations)
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
        return pd.DataFrame({"first_order": [], "total_order": []})
    return sobol(model, ranges, SOBOL_DRAWS, stream(0, "sobol"))


def _capacities(comparison: Comparison, allowed: Sequence[Outcome]) -> dict[str, Capacity]:
    """By route; routes on the same kind of replica share their runs."""
    known: dict[str, Capacity] = {}
    found = {}
    for outcome in allowed:
        if outcome.scenario is None:
            continue
        key = repr((outcome.scenario.engine, outcome.scenario.gpu, outcome.scenario.model))
        if key not in known:
            known[key] = capacity(outcome.scenario, comparison.grid)
        found[outcome.route.name] = known[key]
    return found


def way_of(
    comparison: Comparison, outcome: Outcome, capacities: dict[str, Capacity], load: float
) -> Way:
    """A simulated and priced route in the numbers that its months depend on."""
    route, groups = outcome.route, by_group(outcome.lines)
    asked_again = sum(line.usd for line in outcome.lines if line.line == "escalation")
    fixed = sum(
        groups.get(group, 0.0)
        for group in ("staging", "quality and updates", "tooling and transfer")
    )
    common: dict[str, Any] = {
        "name": route.name,
        "people_usd": groups.get("people", 0.0),
        "fixed_usd": fixed - asked_again,
        "once_usd": route.overheads.once_usd,
        "wacc": comparison.outlook.wacc,
    }
    requests = outcome.requests_per_month
    if isinstance(route, Bought):
        spent = total(line for line in outcome.lines if line.group == "API")
        price = (spent + asked_again) / requests
        return Way(kind="endpoint", price_per_request=price, **common)
    assert outcome.used is not None
    assert outcome.scenario is not None
    used, known = outcome.used, capacities[route.name]
    replica: dict[str, Any] = {
        "requests_per_s": known.requests_per_s,
        "requests_per_s_sd": known.standard_error,
        "gpus_per_replica": outcome.scenario.gpus_per_replica,
        "spares": comparison.outlook.spares,
    }
    if isinstance(route.gpus, Owned):
        return Way(kind="owned", **_owned(route.gpus, outcome), **replica, **common)
    if isinstance(route.gpus, Reserved):
        return Way(
            kind="reserved",
            usd_per_gpu_h=route.gpus.usd_per_gpu_hour,
            usd_per_gpu_h_beyond=route.gpus.overflow.usd_per_gpu_hour,
            committed=route.gpus.replicas(used),
            term_months=route.gpus.offer.term_months or 1,
            **replica,
            **common,
        )
    gpus = total(line for line in outcome.lines if line.group == "GPUs")
    hours = used.held_gpu_s / 3600 * SECONDS_PER_MONTH / used.seconds
    rent = gpus / hours if hours > 0 else 0.0
    if isinstance(route, Hybrid):
        return Way(
            kind="hybrid",
            usd_per_gpu_h=rent,
            committed=outcome.scenario.replicas,
            price_per_request=outcome.overflow_usd or _price(route, outcome),
            **replica,
            **common,
        )
    return Way(kind="rented", usd_per_gpu_h=rent, **replica, **common)


def _price(route: Hybrid, outcome: Outcome) -> float:
    """Price of a mean request at the endpoint, where none went there."""
    assert outcome.used is not None
    number = max(outcome.used.requests, 1.0)
    prompt, output = outcome.used.prompt_tokens / number, outcome.used.output_tokens / number
    return float(route.overflow.price.usd(prompt, output, prompt * route.overflow.cached_share))


def _owned(gpus: Owned, outcome: Outcome) -> dict[str, Any]:
    assert outcome.used is not None
    lines = {line.line: line.usd for line in outcome.lines}
    count = gpus.count(outcome.used)
    idle = lines["energy_idle"] * gpus.site.pue + lines["demand_charge"]
    upkeep = lines["colocation"] + lines["maintenance"] + lines["spare_parts"]
    return {
        "server_usd": gpus.server.usd * (1 + gpus.server.network_share),
        "server_gpus": gpus.server.gpus,
        "server_month_usd": (idle + upkeep) / count,
        "power_usd_per_request": lines["energy_dynamic"]
        * gpus.site.pue
        / outcome.requests_per_month,
        "life_months": gpus.server.life_months,
        "lead_months": gpus.server.lead_months,
        "salvage_share": gpus.server.salvage_share,
        # Until a server comes, its work is done on rented GPUs at the scenario's offer.
        "usd_per_gpu_h": outcome.scenario.offer.usd_per_gpu_hour if outcome.scenario else 0.0,
    }


def break_even_table(ways: Sequence[Way], load: float) -> pd.DataFrame:
    """Each self-hosted way against each endpoint: from which load, price or staff on it is cheaper.

    Returns
    -------
    DataFrame: own, api, peak_to_mean, first_cheaper_rps, always_cheaper_rps, burst_ceiling,
    and at today's load the price of a GPU-hour, of a request and the people at which both cost the
    same (NaN where nothing positive does).
    """
    apis = [way for way in ways if way.kind == "endpoint"]
    return pd.DataFrame(
        [
            _against(own, api, par, load)
            for own in ways
            if own.kind == "rented"
            for api in apis
            for par in PARS
        ]
    )


def _against(own: Way, api: Way, par: float, load: float) -> dict[str, Any]:
    per_h = own.gpus_per_replica * own.usd_per_gpu_h
    books = SelfHosting(own.overhead_usd, per_h, own.requests_per_s, par, own.spares)
    found = crossing(books, api.price_per_request, api.overhead_usd)
    mine = float(steady_month(own, load, par))
    theirs = float(steady_month(api, load, par))
    replicas = float(books.replicas(load))
    rent = replicas * own.replica_month_usd
    requests = load * SECONDS_PER_MONTH

    def positive(value: float) -> float:
        return value if value > 0 else float("nan")

    return {
        "own": own.name,
        "api": api.name,
        "peak_to_mean": par,
        "first_cheaper_rps": found.first,
        "always_cheaper_rps": found.always,
        "burst_ceiling": burst_ceiling(per_h, own.requests_per_s, api.price_per_request),
        "gpu_usd_per_h_to_break_even": positive(
            (theirs - (mine - rent)) / max(rent, 1e-12) * own.usd_per_gpu_h
        ),
        "usd_per_1k_requests_to_break_even": positive(1e3 * (mine - api.overhead_usd) / requests),
        "people_usd_to_break_even": positive(own.people_usd + theirs - mine),
    }
