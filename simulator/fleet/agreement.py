"""What the parts of a fleet must agree on: pools that are named exist, each has something to do.

What one part can say of itself it checks itself; what is here needs two of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from hardware_profiles.errors import InputError, did_you_mean
from simulator.fleet.faults import SpotReclaim
from simulator.fleet.pool_plan import ByLength

if TYPE_CHECKING:
    from simulator.scenario import Scenario

__all__ = ["check_fleet"]

At = tuple[int | str, ...]


def check_fleet(scenario: Scenario) -> None:
    """Refuse a fleet whose parts do not go together.

    Raises
    ------
    InputError
        One line, with the place of what is wrong in the scenario.
    """
    names = [plan.name for plan in scenario.pools]
    for place, name in enumerate(names):
        if name in names[:place]:
            raise InputError(
                f"two pools have one name; there are {', '.join(names)}", ("pools", place, "name")
            )
    for wanted, at in _pools_named(scenario):
        if wanted not in names:
            tail = did_you_mean(wanted, names) if names else "there are no pools; list them there"
            raise InputError(f"no pool is called {wanted!r} under pools; {tail}", at)
    scaler = scenario.autoscaler
    if scaler is not None and scenario.replicas > scaler.max_replicas and not scenario.pools:
        raise InputError(
            f"{scenario.replicas} to begin with is above autoscaler.max_replicas "
            f"({scaler.max_replicas})",
            ("replicas",),
        )
    if scenario.disaggregation is not None:
        _check_disaggregation(scenario, names)
    else:
        _check_choice(scenario, names)
    _check_plans(scenario)


def _pools_named(scenario: Scenario) -> Iterator[tuple[str, At]]:
    """Pools that somebody speaks of, and where."""
    if scenario.disaggregation is not None:
        for role in ("prefill", "decode"):
            yield getattr(scenario.disaggregation, role), ("disaggregation", role)
    for who, wanted in getattr(scenario.pool_choice, "pools", {}).items():
        yield wanted, ("pool_choice", "pools", who)
    for key in ("faults", "operations"):
        for place, entry in enumerate(getattr(scenario, key)):
            if entry.pool is not None:
                yield entry.pool, (key, place, "pool")


def _check_disaggregation(scenario: Scenario, names: list[str]) -> None:
    roles = scenario.disaggregation
    assert roles is not None
    if scenario.lora is not None:
        raise InputError("cannot be simulated together with disaggregation", ("lora",))
    if scenario.pool_choice is not None:
        raise InputError(
            "disaggregation says already where each request goes; leave one out", ("pool_choice",)
        )
    if roles.prefill == roles.decode:
        raise InputError(
            f"prefill and decode are both {roles.prefill!r}; name two pools", ("disaggregation",)
        )
    for place, name in enumerate(names):
        if name not in (roles.prefill, roles.decode):
            raise InputError(
                f"{name!r} is neither prefill nor decode of disaggregation, and would stand idle",
                ("pools", place, "name"),
            )


def _check_choice(scenario: Scenario, names: list[str]) -> None:
    choice = scenario.pool_choice
    if choice is None:
        if len(names) > 1:
            raise InputError("say which pool a request goes to, with pool_choice", ("pools",))
        return
    if not names:
        raise InputError(
            "there are no pools to choose from; list them under pools", ("pool_choice",)
        )
    if isinstance(choice, ByLength) and len(choice.up_to) != len(names) - 1:
        raise InputError(
            f"expected one bound for each pool but the last, {len(names) - 1}, "
            f"found {len(choice.up_to)}",
            ("pool_choice", "up_to"),
        )


def _check_plans(scenario: Scenario) -> None:
    """Each pool is a scenario of its own, and must be a whole one."""
    plans = scenario.plans()
    for place, (name, plan) in enumerate(plans.items()):
        size, here = plan.engine.block_size, scenario.engine.block_size
        if plan.engine.enable_prefix_caching and size != here:
            raise InputError(
                f"{name}: engine.block_size is {size} and the scenario's {here}, but "
                "prompts are named in blocks of one size; say it in both",
                ("pools", place),
            )
    _check_struck(scenario, plans)
    roles = scenario.disaggregation
    if roles is not None:
        kinds = [plans[name].engine.kv_cache_dtype for name in (roles.prefill, roles.decode)]
        if kinds[0] != kinds[1]:
            raise InputError(
                f"engine.kv_cache_dtype is {kinds[0]} in pool {roles.prefill} and {kinds[1]} in "
                f"pool {roles.decode}, which cannot read the other's KV cache",
                ("disaggregation",),
            )
        prefill, decode = (plans[name].model.name for name in (roles.prefill, roles.decode))
        if prefill != decode:
            raise InputError(
                f"pool {roles.prefill} has {prefill} and pool {roles.decode} {decode}; "
                "the KV cache of one model is of no use to another",
                ("disaggregation",),
            )


def _check_struck(scenario: Scenario, plans: dict[str, Scenario]) -> None:
    """A fault that names replicas finds them, unless more may come than there are."""
    replaced = any(isinstance(f, SpotReclaim) and f.replace for f in scenario.faults)
    scaled = any(plan.autoscaler is not None for plan in plans.values())
    if scaled or replaced or scenario.operations:
        return
    pools = [name for name, plan in plans.items() for _ in range(plan.replicas)]
    for place, fault in enumerate(scenario.faults):
        for number in fault.replicas or ():
            where = ("faults", place, "replicas")
            if number >= len(pools):
                raise InputError(
                    f"there is no replica {number}: {len(pools)} are there, numbered from 0, and "
                    "none comes later",
                    where,
                )
            if fault.pool not in (None, pools[number]):
                raise InputError(
                    f"replica {number} is in pool {pools[number]}, and this is for {fault.pool}",
                    where,
                )
