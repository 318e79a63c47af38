"""Ways of a comparison: each simulated and priced route as the numbers its months depend on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from experiments.compare import Mix, Outcome
from experiments.compare_capacity import Capacity, capacity, same_replica
from experiments.compare_routes import Bought, Comparison, Hybrid, Outlook
from hardware_profiles.price_per_token import TokenPrice
from simulator.economics.contract import Reserved, Serverless
from simulator.economics.contract_owned import Owned
from simulator.economics.cost_line import by_group, total
from simulator.economics.usage import SECONDS_PER_MONTH
from simulator.economics.way import Way

__all__ = ["capacities_of", "way_of"]

FIXED = ("staging", "quality and updates", "tooling and transfer")
"""Groups of lines that neither wages nor the volume move."""
UPKEEP = ("colocation", "maintenance", "spare_parts", "insurance", "remote_hands")


def capacities_of(comparison: Comparison, allowed: Sequence[Outcome]) -> dict[str, Capacity]:
    """What a replica serves, by route; routes on the same kind of replica share their runs."""
    known: dict[str, Capacity] = {}
    found = {}
    for outcome in allowed:
        if outcome.scenario is None:
            continue
        key = same_replica(outcome.scenario)
        if key not in known:
            known[key] = capacity(outcome.scenario, comparison.grid)
        found[outcome.route.name] = known[key]
    return found


def way_of(comparison: Comparison, outcome: Outcome, capacities: dict[str, Capacity]) -> Way:
    """A simulated and priced route in the numbers that its months depend on."""
    route, groups = outcome.route, by_group(outcome.lines)
    asked_again = sum(line.usd for line in outcome.lines if line.line == "escalation")
    common: dict[str, Any] = {
        "name": route.name,
        "people_usd": groups.get("people", 0.0),
        "fixed_usd": sum(groups.get(group, 0.0) for group in FIXED) - asked_again,
        "once_usd": route.overheads.once_usd,
        "wacc": comparison.outlook.wacc,
    }
    if isinstance(route, Bought):
        spent = total(line for line in outcome.lines if line.group == "API")
        return Way(
            kind="endpoint",
            price_per_request=(spent + asked_again) / outcome.requests_per_month,
            price_path=_path(comparison.outlook, route.price, outcome.mix),
            **common,
        )
    common |= {"asked_again_usd": asked_again / outcome.requests_per_month}
    assert outcome.scenario is not None
    known = capacities[route.name]
    replica: dict[str, Any] = {
        "requests_per_s": known.requests_per_s,
        "requests_per_s_sd": known.standard_error,
        "gpus_per_replica": outcome.scenario.gpus_per_replica,
        "spares": comparison.outlook.spares,
        "elastic": outcome.scenario.autoscaler is not None,
    }
    return Way(**{**common, **replica, **_had(comparison, outcome)})


def _had(comparison: Comparison, outcome: Outcome) -> dict[str, Any]:
    """How the GPUs of a route are had."""
    route, used, scenario = outcome.route, outcome.used, outcome.scenario
    assert not isinstance(route, Bought)
    assert used is not None
    assert scenario is not None
    if isinstance(route.gpus, Owned):
        return _owned(route.gpus, outcome)
    if isinstance(route.gpus, Reserved):
        return {
            "kind": "reserved",
            "usd_per_gpu_h": route.gpus.usd_per_gpu_hour,
            "usd_per_gpu_h_beyond": route.gpus.overflow.usd_per_gpu_hour,
            "committed": route.gpus.replicas(used),
            "term_months": route.gpus.offer.term_months or 1,
        }
    if isinstance(route.gpus, Serverless):
        # Nothing is paid for what sleeps: as many as the load takes, no spares.
        price = route.gpus.offer.usd_per_gpu_hour
        return {"kind": "rented", "usd_per_gpu_h": price, "elastic": True, "spares": 0}
    gpus = total(line for line in outcome.lines if line.group == "GPUs")
    hours = used.held_gpu_s / 3600 * SECONDS_PER_MONTH / used.seconds
    rent = {"usd_per_gpu_h": gpus / hours if hours > 0 else 0.0}
    if not isinstance(route, Hybrid):
        return {"kind": "rented", **rent}
    away = route.overflow
    return {
        "kind": "hybrid",
        **rent,
        "committed": scenario.replicas,
        "price_per_request": outcome.mix.usd if outcome.mix else _price(route, outcome),
        "price_path": _path(comparison.outlook, away.price, outcome.mix),
    }


def _price(route: Hybrid, outcome: Outcome) -> float:
    """Price of a mean request at the endpoint, where none went there."""
    assert outcome.used is not None
    number = max(outcome.used.requests, 1.0)
    prompt, output = outcome.used.prompt_tokens / number, outcome.used.output_tokens / number
    return float(route.overflow.price.usd(prompt, output, prompt * route.overflow.cached_share))


def _path(outlook: Outlook, price: TokenPrice, mix: Mix | None) -> tuple[float, ...]:
    """Announced price of the mean request over today's, by month."""
    if mix is None or not price.changes:
        return ()
    first = outlook.starts or price.checked
    months = (first.year * 12 + first.month - 1 + month for month in range(outlook.months))
    days = [date(month // 12, month % 12 + 1, 1) for month in months]
    return price.announced([max(first, day) for day in days], *mix[:4])


def _owned(gpus: Owned, outcome: Outcome) -> dict[str, Any]:
    assert outcome.used is not None
    assert outcome.scenario is not None
    lines = {line.line: line.usd for line in outcome.lines}
    count, server, pue = gpus.count(outcome.used), gpus.server, gpus.site.pue
    moving = lines["energy_dynamic"] * pue
    return {
        "kind": "owned",
        "server_usd": server.paid_usd,
        "server_gpus": server.gpus,
        "server_month_usd": sum(lines[name] for name in UPKEEP) / count,
        "server_power_usd": (lines["energy_idle"] * pue + lines["demand_charge"]) / count,
        "power_usd_per_request": moving / outcome.requests_per_month,
        "least_servers": gpus.servers or 0,
        "spare_servers": gpus.spare_servers,
        "life_months": server.life_months,
        "lead_months": server.lead_months,
        "salvage_share": server.salvage_share,
        # Until a server comes, its work is done on rented GPUs at the scenario's offer.
        "usd_per_gpu_h": outcome.scenario.offer.usd_per_gpu_hour,
    }
