"""Names of tenants and classes in the policies of a fleet, held against those of the traffic."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from hardware_profiles.errors import InputError, did_you_mean
from simulator.fleet.admission import TenantLimit
from simulator.fleet.hold import FairShare
from simulator.fleet.pool_plan import ByClass, ByTenant
from workloads.tenants import tenants_of
from workloads.trace import Trace

if TYPE_CHECKING:
    from simulator.scenario import Scenario

__all__ = ["check_who_may_leave", "names_in_vain"]


def check_who_may_leave(scenario: Scenario, trace: Trace) -> None:
    """Refuse rules on who may leave that name somebody whom the traffic does not know.

    A tenant whose name is misspelt there would be shown to others, or never be helped.

    Raises
    ------
    InputError
        With the nearest name there is.
    """
    overflow = scenario.overflow
    if overflow is None:
        return
    for key in ("stay", "tenants"):
        for name in _unknown(getattr(overflow, key) or (), scenario, trace):
            raise InputError(f"overflow: {key}: {_nobody(name, scenario, trace)}")


def names_in_vain(scenario: Scenario, trace: Trace) -> list[str]:
    """Names in other policies that no request has, a sentence for each: they change nothing."""
    found = [
        f"{where}: {_nobody(name, scenario, trace)}"
        for where, names in _tenants_named(scenario)
        for name in _unknown(names, scenario, trace)
    ]
    known = set(trace.priority.tolist())
    for where, classes in _classes_named(scenario):
        found += [
            f"{where}: no request has priority {each}; there are: "
            + ", ".join(map(str, sorted(known)))
            for each in classes
            if each not in known
        ]
    return found


def _unknown(names: Iterable[str], scenario: Scenario, trace: Trace) -> list[str]:
    """Of the names those that are no tenant's: of the trace, or of what it was drawn from."""
    here = trace.tenants()
    missing = [name for name in names if name not in here]
    if not missing:
        return []
    known = here | tenants_of(scenario.traffic)
    return [name for name in missing if name not in known]


def _nobody(name: str, scenario: Scenario, trace: Trace) -> str:
    known = (trace.tenants() | tenants_of(scenario.traffic)) - {""}
    if not known:
        return f"no tenant is called {name!r}: the requests of this traffic have no tenants"
    return f"no tenant is called {name!r}; {did_you_mean(name, known)}"


def _tenants_named(scenario: Scenario) -> Iterable[tuple[str, Iterable[str]]]:
    """Where tenants are named, and which; who may leave apart."""
    if isinstance(scenario.admission, TenantLimit):
        yield "admission: tenants", scenario.admission.tenants
    plans: dict[str, Any] = {"": scenario, **{f"pool {p.name}: ": p for p in scenario.pools}}
    for whose, plan in plans.items():
        if isinstance(plan.queue, FairShare):
            yield f"{whose}queue: weights", plan.queue.weights
    if isinstance(scenario.pool_choice, ByTenant):
        yield "pool_choice: pools", scenario.pool_choice.pools
    if scenario.lora is not None:
        yield "lora: tenants", scenario.lora.tenants or ()


def _classes_named(scenario: Scenario) -> Iterable[tuple[str, Iterable[int]]]:
    """Where classes are named, and which."""
    if scenario.overflow is not None:
        yield "overflow: priorities", scenario.overflow.priorities or ()
    if isinstance(scenario.pool_choice, ByClass):
        yield "pool_choice: pools", scenario.pool_choice.pools
