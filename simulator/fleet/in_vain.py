"""Policies that this traffic gives nothing to go by, so that they act as a simpler one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from simulator.fleet.hold import ByClass, FairShare
from simulator.fleet.routing import PrefixAware, SessionAffinity

if TYPE_CHECKING:
    from simulator.scenario import Scenario
    from workloads.trace import Trace

__all__ = ["policies_in_vain"]


def policies_in_vain(scenario: Scenario, trace: Trace) -> list[str]:
    """A sentence for each policy that a user would expect more of than it can do here."""
    if not len(trace):
        return []
    found = []
    for name, plan in scenario.plans().items():
        whose = f"pool {name}: " if name else ""
        found += [
            f"{whose}{sentence}" for sentence in (*_router(plan, trace), *_queue(plan, trace))
        ]
    return list(dict.fromkeys(found))


def _router(plan: Scenario, trace: Trace) -> Iterator[str]:
    router = plan.router
    if isinstance(router, SessionAffinity) and (trace.session is None or trace.session.max() < 0):
        yield "router: session_affinity: no request has a session, so it acts as least_loaded"
    if isinstance(router, PrefixAware):
        if trace.segments is None:
            yield "router: prefix_aware: no prompts share anything, so it acts as least_loaded"
        elif not plan.engine.enable_prefix_caching:
            yield "router: prefix_aware: enable_prefix_caching is off, so there is nothing to hit"


def _queue(plan: Scenario, trace: Trace) -> Iterator[str]:
    queue = plan.queue
    if not isinstance(queue, ByClass | FairShare):
        return
    if queue.max_per_replica is None:
        yield (
            f"queue: {queue.kind}: without max_per_replica requests wait in the engines, and here "
            "only while no replica is ready"
        )
    if isinstance(queue, ByClass) and trace.priority.min() == trace.priority.max():
        yield "queue: priority: all requests have one priority, so it acts as fifo"
    if isinstance(queue, FairShare) and len(trace.tenants()) < 2:
        yield "queue: fair_share: there is one tenant, so it acts as fifo"
