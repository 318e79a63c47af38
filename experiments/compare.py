"""Compare: each route simulated on the same requests and priced, line by line.

Question. Which way of serving these requests costs least, and keeps what was promised?
What is varied. The route: contract for the GPUs, endpoint, or both.
What is held. Requests, model, SLO, seed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from experiments.compare_routes import (
    Bought,
    Comparison,
    Constraints,
    Elsewhere,
    Hybrid,
    SelfHosted,
)
from experiments.compare_service import endpoint_of
from hardware_profiles.errors import InputError
from simulator.economics.api_spend import api_lines
from simulator.economics.contract import Spot
from simulator.economics.cost_line import CostLine, by_group, cost_line, total
from simulator.economics.usage import SECONDS_PER_MONTH, Usage, usage_of
from simulator.fleet.overflow import Always, Overflow
from simulator.record.metrics import meets_slo
from simulator.record.result import Result
from simulator.scenario import Scenario
from simulator.simulate import simulate
from workloads.trace import Trace

__all__ = ["Mix", "Outcome", "compare", "month_of", "month_table", "play_route"]

QUANTILES = (("ttft", 0.5), ("ttft", 0.95), ("ttft", 0.99), ("tpot", 0.95), ("e2e", 0.95))
LEAST_FOR_INCIDENTS_S = 86_400.0
"""Incidents closer than half an hour are one: a shorter run says little of how many a month has."""
Progress = Callable[[float], None]


class Mix(NamedTuple):
    """The mean of the requests that an endpoint answered, in tokens."""

    prompt: float
    output: float
    cached: float
    written: float
    usd: float
    """What it charged. [USD]"""


@dataclass(frozen=True, eq=False, kw_only=True)
class Outcome:
    """What a route gave and what a month of it costs."""

    route: SelfHosted | Bought | Hybrid
    lines: tuple[CostLine, ...]
    """Of a month."""
    requests_per_month: float
    good_share: float
    latency: dict[str, float]
    """ttft_p50_s, ttft_p95_s, ttft_p99_s, tpot_p95_s, e2e_p95_s."""
    used: Usage | None = None
    """GPU time of the run; None where an endpoint did all."""
    scenario: Scenario | None = None
    overflow_share: float = 0.0
    """Of the requests, those that our own replicas passed on."""
    mix: Mix | None = None
    """The mean request that an endpoint answered."""
    broken: tuple[str, ...] = field(default=())
    """Constraints that it breaks, in words."""

    @property
    def usd(self) -> float:
        """A month. [USD]"""
        return total(self.lines)

    @property
    def usd_per_request(self) -> float:
        """[USD]"""
        return self.usd / self.requests_per_month

    @property
    def usd_per_good_request(self) -> float:
        """Infinite where none is good. [USD]"""
        number = self.requests_per_month * self.good_share
        return self.usd / number if number > 0 else float("inf")


def compare(comparison: Comparison, progress: Progress | None = None) -> list[Outcome]:
    """Simulate and price every route, in the order given.

    Raises
    ------
    InputError
        If a scenario is wrong, a contract is for another GPU, or no request arrives.
    """
    base = Scenario.from_file(comparison.base, comparison.scenario)
    trace = base.trace()
    if not len(trace):
        raise InputError(f"{comparison.base}: no request arrives; there is nothing to compare")
    found = []
    for i, route in enumerate(comparison.routes):
        outcome = play_route(comparison, route, base, trace)
        found.append(outcome)
        if progress is not None:
            progress((i + 1) / len(comparison.routes))
    return found


def play_route(
    comparison: Comparison, route: SelfHosted | Bought | Hybrid, base: Scenario, trace: Trace
) -> Outcome:
    """Simulate and price one route."""
    # Requests of a month: those of the trace, over the time in which they came.
    span_s = max(base.horizon_s or 0.0, float(trace.arrival_s[-1]), 1e-9)
    scale = SECONDS_PER_MONTH / span_s
    scenario = _scenario_of(comparison, route, base)
    result = simulate(scenario, trace)
    if isinstance(route, Bought):
        tokens_out = float(trace.output_tokens.sum()) * scale
        month = Usage(seconds=SECONDS_PER_MONTH, gpu_s={}, output_tokens=tokens_out)
        lines, mix = _called(result, route, scale, route.batch_share)
        lines += route.overheads.lines(month)
        return _outcome(comparison, route, lines, result, scale, mix=mix)
    used = usage_of(result)
    if route.overheads.incidents_per_month is None and used.seconds < LEAST_FOR_INCIDENTS_S:
        raise InputError(
            f"routes, {route.name}: overheads.incidents_per_month: a run of {used.seconds:,.0f} s "
            "is too short to count incidents from, it takes a day; give a number"
        )
    gpus = route.gpus
    if isinstance(gpus, Spot) and any(fault.kind == "spot_reclaim" for fault in scenario.faults):
        gpus = gpus.model_copy(update={"simulated": True})
    rent = [line.scaled(SECONDS_PER_MONTH / used.seconds) for line in gpus.lines(used)]
    lines = [*rent, *route.overheads.lines(month_of(used), total(rent))]
    extra: dict[str, Any] = {"used": used, "scenario": scenario}
    if isinstance(route, Hybrid):
        away, mix = _called(result, route.overflow, scale)
        lines += away
        share = result.calls["request"].nunique() / len(trace)
        extra |= {"overflow_share": share, "mix": mix}
    return _outcome(comparison, route, lines, result, scale, **extra)


def _called(
    result: Result, asked: Bought | Elsewhere, scale: float, batch_share: float = 0.0
) -> tuple[list[CostLine], Mix | None]:
    """Lines of the calls of a run, for a month, and the mean call; none where there were none."""
    calls = result.calls[result.calls["usd"] > 0]
    prompt = calls["prompt_tokens"].to_numpy(np.float64)
    cached = np.maximum(calls["cached_tokens"].to_numpy(np.float64), asked.cached_share * prompt)
    output = calls["output_tokens"].to_numpy(np.float64)
    share = asked.written_share
    if share is None:
        share = float(asked.price.rates.cache_write is not None and bool(cached.sum() > 0))
    written = share * (prompt - cached)
    lines = api_lines(asked.price, prompt, output, cached, batch_share, written=written)
    month = [line.scaled(scale) for line in lines]
    if not len(calls):
        return month, None
    a, b, c, d = (float(column.mean()) for column in (prompt, output, cached, written))
    return month, Mix(a, b, c, d, usd=total(lines) / len(calls))


def month_of(used: Usage) -> Usage:
    """The same use for a month."""
    scale = SECONDS_PER_MONTH / used.seconds
    return replace(
        used,
        seconds=SECONDS_PER_MONTH,
        output_tokens=used.output_tokens * scale,
        incidents=used.incidents * scale,
    )


def _scenario_of(
    comparison: Comparison, route: SelfHosted | Bought | Hybrid, base: Scenario
) -> Scenario:
    """The base scenario as the route serves it."""
    if isinstance(route, Bought):
        endpoint = endpoint_of(route.service, route.price)
        away = Overflow(when=(Always(),), endpoints=(endpoint,))
        return base.model_copy(update={"name": route.name, "replicas": 0, "overflow": away})
    scenario = base
    if route.scenario:
        try:
            changes = {**comparison.scenario, **route.scenario}
            scenario = Scenario.from_file(comparison.base, changes)
        except InputError as error:
            raise InputError(f"routes, {route.name}: {error}") from None
    if scenario.pools or scenario.disaggregation is not None:
        raise InputError(
            f"routes, {route.name}: a route has one kind of replica; its scenario has pools"
        )
    server = getattr(route.gpus, "server", None)
    gpu = server.gpu if server is not None else route.gpus.offer.gpu  # type: ignore[union-attr]
    if gpu not in (scenario.gpu.name, *scenario.gpu.aliases):
        raise InputError(
            f"routes, {route.name}: gpus are {gpu}, but its scenario's gpu is {scenario.gpu.name}"
        )
    if isinstance(route, Hybrid):
        endpoint = endpoint_of(route.overflow.service, route.overflow.price)
        away = Overflow(when=route.overflow.when, endpoints=(endpoint,))
        scenario = scenario.model_copy(update={"overflow": away})
    return scenario


def _escalated(route: SelfHosted | Bought, served: pd.DataFrame, scale: float) -> list[CostLine]:
    """Answers that were not good enough, asked again at a better model."""
    if route.escalate_to is None:
        return []
    done = served[served["outcome"] == "completed"]
    usd = float(route.escalate_to.usd(done["prompt_tokens"], done["generated_tokens"]).sum())
    failed = 1.0 - route.pass_rate
    return [
        cost_line(
            "escalation", failed * usd * scale, "quality and updates",
            "(1 - pass rate) x all requests at the price of the better model",
            {"pass rate": route.pass_rate, "USD if all were asked": usd * scale},
            route.escalate_to, marginal=1.0,
        )
    ]  # fmt: skip


def _outcome(
    comparison: Comparison,
    route: SelfHosted | Bought | Hybrid,
    lines: Sequence[CostLine],
    result: Result,
    scale: float,
    **extra: Any,
) -> Outcome:
    served = result.requests
    lines = [*lines, *_escalated(route, served, scale)]
    latency = {f"{n}_p{round(100 * q)}_s": _quantile(served[f"{n}_s"], q) for n, q in QUANTILES}
    share = float(meets_slo(result).mean())
    return Outcome(
        route=route,
        lines=tuple(lines),
        requests_per_month=len(served) * scale,
        good_share=share,
        latency=latency,
        broken=tuple(_broken(comparison.constraints, route, latency, share, total(lines))),
        **extra,
    )


def _quantile(values: pd.Series[float], q: float) -> float:
    known = values.dropna()
    return float(known.quantile(q)) if len(known) else float("nan")


def _broken(
    must: Constraints,
    route: SelfHosted | Bought | Hybrid,
    latency: dict[str, float],
    good_share: float,
    usd: float,
) -> list[str]:
    """What a route does not keep to, in words."""
    found = []
    if must.private and not route.private:
        found.append("prompts leave the house")
    if must.regions and route.region not in must.regions:
        found.append(f"in {route.region}, not in {' or '.join(must.regions)}")
    for name in ("ttft_p95_s", "tpot_p95_s", "e2e_p95_s"):
        bound = getattr(must, name)
        if bound is not None and not latency[name] <= bound:
            found.append(f"{name.removesuffix('_s')} {latency[name]:.3g} s, at most {bound:g} s")
    if good_share < must.good_share:
        found.append(f"{100 * good_share:.1f} % good, at least {100 * must.good_share:g} %")
    if must.usd_per_month is not None and usd > must.usd_per_month:
        found.append(f"${usd:,.0f} a month, at most ${must.usd_per_month:,.0f}")
    return found


def month_table(outcomes: Sequence[Outcome]) -> pd.DataFrame:
    """A row a route, cheapest per good request first, those ruled out last.

    Returns
    -------
    DataFrame: route, allowed, usd_per_month, one column a group of lines, usd_per_1k_requests,
    usd_per_1k_good_requests, good_share, latencies, overflow_share, ruled_out_by.
    """
    rows = []
    for found in outcomes:
        row: dict[str, Any] = {
            "route": found.route.name,
            "allowed": not found.broken,
            "usd_per_month": found.usd,
            **{f"usd_{group.replace(' ', '_').lower()}": usd
               for group, usd in by_group(found.lines).items()},
            "usd_per_1k_requests": 1e3 * found.usd_per_request,
            "usd_per_1k_good_requests": 1e3 * found.usd_per_good_request,
            "good_share": found.good_share,
            **found.latency,
            "overflow_share": found.overflow_share,
            "ruled_out_by": "; ".join(found.broken),
        }  # fmt: skip
        rows.append(row)
    table = pd.DataFrame(rows)
    money = [name for name in table.columns if name.startswith("usd_")]
    table[money] = table[money].fillna(0.0)
    order = ["allowed", "usd_per_1k_good_requests"]
    return table.sort_values(order, ascending=[False, True], ignore_index=True)
