"""The short way through the gateway, for the many fleets in which little can happen to a request.

What `Gateway`, `Pool.take` and `UnitLog` do one after another is done here in one function for each
direction, at two thirds of the cost. There must be one pool of a fixed size, no way out, and users
who wait for ever: then an attempt is the only one of its request, and nobody counts arrivals. Gate,
router, faults and operations may be any.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from simulator.fleet.admission import YES, TenantLimit
from simulator.fleet.calls import Attempt, Call
from simulator.fleet.gateway import Gateway
from simulator.fleet.unit import DRAINING, UnitLog
from simulator.record.recorder import COMPLETED

if TYPE_CHECKING:
    from simulator.scenario import Scenario
    from workloads.trace import Trace

__all__ = ["Straight"]


class Straight(Gateway):
    """A gateway where a request goes straight to a replica and back."""

    @staticmethod
    def serves(scenario: Scenario, trace: Trace) -> bool:
        """Whether the fleet is as simple as that."""
        return (
            scenario.disaggregation is None
            and scenario.lora is None
            and scenario.overflow is None
            and len(scenario.plans()) == 1
            and trace.client is None
            and not trace.closed_loop
            and not isinstance(scenario.admission, TenantLimit)
            and all(plan.autoscaler is None for plan in scenario.plans().values())
        )

    def door(self) -> Callable[[int], None]:
        """`arrive`, `attempt`, `place`, `Pool.take` and `send` in one."""
        clock, units, loads, tokens = self.clock, self.units, self.loads, self.tokens
        rows, (pool,) = self.rows, self.pools
        gate, view, asks_more = self._gate, self.view, self._deadline_s is not None
        outputs, prompts, priorities = rows.outputs, rows.prompts, rows.priorities
        admitted, paths, have_names = rows.admitted, rows.paths, self._have_names
        ready, hold, signals, choose = pool.ready, pool.hold, pool.signals, pool.choose
        if pool.room is not None:  # replicas have limits, and requests wait in line
            return self.arrive

        def arrive(row: int) -> None:
            if not admitted[row]:
                self.arrive(row)
                return
            now = clock.now
            call = Call(row, now, prompts[row], priorities[row])
            if have_names:
                self._name(call)
            if gate is not None:
                verdict = gate(call, view)
                if (verdict is not YES or asks_more) and not self.obeys(call, verdict):
                    return
            if hold or not ready:
                self.place(call)
                return
            unit = units[choose(call, ready, signals)]
            path = paths[row] if paths else ()
            attempt = Attempt(call, unit, now, outputs[row], path)
            call.attempts = (attempt,)
            unit.attempts[attempt] = None
            number, engine = unit.number, unit.engine
            loads[number] += 1
            tokens[number] += call.prompt_tokens
            assert engine is not None, "a replica that is not ready was chosen"
            engine.submit(attempt)

        return arrive

    def log_of(self, number: int) -> UnitLog:
        """The log of the next replica."""
        return _StraightLog(number, self.log, self)


class _StraightLog(UnitLog):
    """`Gateway.first_token`, `finished`, `_over` and `end` in its loops."""

    def first_tokens(self, requests: list[Attempt], now_s: float) -> None:  # type: ignore[override]
        """First output tokens came back."""
        first_token_s = self.requests.first_token_s
        for attempt in requests:
            if not attempt.over:
                attempt.first_s = first_token_s[attempt.index] = now_s

    def finished(self, requests: list[Attempt], now_s: float) -> None:  # type: ignore[override]
        """Last output tokens came back."""
        log, gateway, number = self.requests, self.gateway, self.number
        unit = gateway.units[number]
        attempts, tokens, ends = unit.attempts, gateway.tokens, gateway.ends
        left = gateway.left
        for attempt in requests:
            if not attempt.over:
                call, row = attempt.call, attempt.index
                attempt.over = call.ended = True
                call.attempts = ()
                del attempts[attempt]
                tokens[number] -= attempt.prompt_tokens
                log.generated_tokens[row] = attempt.generated
                if attempt.preemptions:
                    log.preemptions[row] += attempt.preemptions
                log.outcome[row] = COMPLETED
                log.finish_s[row] = now_s
                ends.append(now_s)
                left -= 1
        if left < gateway.left:
            gateway.left = left
            if left == 0:
                gateway.done.succeed()
        pool = unit.pool
        if pool.hold or unit.state == DRAINING:
            pool.has_room(unit)
