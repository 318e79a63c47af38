"""The state of the fleet, as far as a policy may see it."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from simulator.fleet.calls import Call

if TYPE_CHECKING:
    from simulator.fleet.gateway import Gateway


WINDOW = 64
"""Ended requests that tell the pace of the fleet."""


class View:
    """Answers to `simulator.fleet.admission.FleetView`, from what the gateway can observe."""

    def __init__(self, gateway: Gateway, ends: deque[float]) -> None:
        self._gateway = gateway
        self._clock = gateway.clock
        self._ends = ends

    def now_s(self) -> float:
        """The present. [s]"""
        return self._clock.now

    def waiting(self) -> int:
        """Requests that wait, at the gateway or in an engine's queue."""
        total = 0
        for pool in self._gateway.pools:
            total += len(pool.hold)
            for number in pool.ready:
                total += pool.signals.waiting(number)
        return total

    def replicas(self) -> int:
        """Replicas that are ready."""
        return sum(len(pool.ready) for pool in self._gateway.pools)

    def in_flight(self, tenant: str) -> int:
        """Requests of a tenant that wait or run in the fleet, without the one in question."""
        in_flight = self._gateway.in_flight
        return in_flight.get(tenant, 0) if in_flight is not None else 0

    def expected_ttft_s(self, call: Call) -> float:
        """Time to the first token if it were let in now. [s]

        The prompt tokens that wait in front of it, over the speed at which a full step computes
        prompts; and where a replica runs as many requests as it can, a turn for each that waits
        there, at the pace at which requests have ended lately. The best replica counts, and those
        held at the gateway are shared among all.
        """
        best = float("inf")
        ends, replicas = self._ends, self.replicas()
        turn_s = replicas * (self.now_s() - ends[0]) / len(ends) if ends else 0.0
        for pool in self._gateway.pools:
            if not pool.ready:
                continue
            share = 1 / len(pool.ready)
            held = sum(c.prompt_tokens for c in pool.hold) * share
            for number in pool.ready:
                engine = self._gateway.units[number].engine
                assert engine is not None
                ahead = held + call.prompt_tokens
                ahead += sum(r.prompt_tokens for r in engine.scheduler.waiting)
                ahead += sum(r.known - r.computed for r in engine.scheduler.behind)
                expected = ahead * pool.prefill_s_per_token
                if len(engine.scheduler.running) >= pool.config.max_num_seqs:
                    turns = len(engine.scheduler.waiting) + len(pool.hold) * share + 1
                    expected = max(expected, turns * turn_s)
                best = min(best, expected)
        return best

    def least_urgent(self, call: Call) -> Call:
        """Of those who wait and the newcomer, whom one can do without most easily."""
        worst = call
        for pool in self._gateway.pools:
            for other in pool.hold:
                worst = max(worst, other, key=_dispensable)
            for number in pool.ready:
                engine = self._gateway.units[number].engine
                assert engine is not None
                for request in engine.scheduler.waiting:
                    other = request.call  # type: ignore[attr-defined]
                    gone = other.ended or request.over  # type: ignore[attr-defined]
                    if not gone and request.generated == 0:
                        worst = max(worst, other, key=_dispensable)
        return worst


def _dispensable(call: Call) -> tuple[int, float, int]:
    """The least urgent class, and in it who came last."""
    return call.priority, call.arrival_s, call.row
