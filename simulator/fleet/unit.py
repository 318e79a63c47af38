"""One replica's life: asked for, warming, ready, draining, down, stopped; and its engines."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import TYPE_CHECKING

from simulator.engine.request import Request
from simulator.record.recorder import ReplicaLog, RequestLog

if TYPE_CHECKING:
    from simulator.engine.replica import Replica
    from simulator.fleet.adapters import Slots
    from simulator.fleet.calls import Attempt
    from simulator.fleet.gateway import Gateway
    from simulator.fleet.pool import Pool

WARMING, READY, DRAINING, DOWN, STOPPED = "warming", "ready", "draining", "down", "stopped"


class UnitLog(ReplicaLog):
    """A replica's log that tells the gateway what happens to whom."""

    def __init__(self, number: int, requests: RequestLog, gateway: Gateway) -> None:
        super().__init__(number, requests)
        self.gateway = gateway

    def admitted(self, requests: list[Attempt], now_s: float) -> None:  # type: ignore[override]
        """Requests were taken from the engine's queue for the first time."""
        log, number = self.requests, self.number
        scheduled_s, cached_tokens, replica = log.scheduled_s, log.cached_tokens, log.replica
        for attempt in requests:
            row = attempt.index
            if attempt.leg != "decode":
                before_s = scheduled_s[row]
                if before_s != before_s:
                    scheduled_s[row] = now_s
                cached_tokens[row] = attempt.cached_tokens
            replica[row] = number

    def first_tokens(self, requests: list[Attempt], now_s: float) -> None:  # type: ignore[override]
        """First output tokens came back."""
        first_token = self.gateway.first_token
        for attempt in requests:
            if not attempt.over:
                first_token(attempt, now_s)

    def finished(self, requests: list[Attempt], now_s: float) -> None:  # type: ignore[override]
        """Last output tokens came back."""
        finished = self.gateway.finished
        for attempt in requests:
            if not attempt.over:
                finished(attempt, now_s)
        unit = attempt.unit
        pool = unit.pool
        if pool.hold or unit.state == DRAINING:
            pool.has_room(unit)

    def dropped(self, request: Request) -> None:
        """An attempt left before its end."""
        log = self.requests
        row = request.index
        if log.outcome[row] != 0:  # another attempt has not completed it
            log.generated_tokens[row] = max(log.generated_tokens[row], request.generated)
        log.preemptions[row] += request.preemptions
        unit: Unit = request.unit  # type: ignore[attr-defined]
        if unit.engine is not None:
            unit.pool.has_room(unit)


class Unit:
    """A replica from request to release. States and their beginnings tile that time."""

    def __init__(self, number: int, pool: Pool, log: UnitLog, now_s: float) -> None:
        self.number = number
        self.pool = pool
        self.log = log
        self.requested_s = now_s
        self.ready_s = float("nan")
        self.stopped_s = float("nan")
        self.state = WARMING
        self.spans: list[tuple[str, float]] = [(WARMING, now_s)]
        self.engine: Replica | None = None
        self.attempts: dict[Attempt, None] = {}
        """Under way here, in the order in which they were sent."""
        self.plan = 0
        """Counts changes of mind: what was planned before the last one does not happen."""
        self.slowness: list[float] = []
        """What is wrong with its GPUs just now: factors on the time of every step."""
        self.slow = 1.0
        """Their product."""
        self.link_free_s = 0.0
        """When its link has sent all that it was given."""
        self.slots: Slots | None = None
        """Adapters on its GPUs, and the engine with which they were loaded."""
        self.slots_of: Replica | None = None
        self.reserved = False
        """A staging copy: it is held, and gets no traffic."""
        self.leaving = False
        """It serves until the one that replaces it is ready."""
        self.reclaimed = False
        """Its provider has given notice."""
        self.down_until = 0.0
        """When all that is broken will have been repaired."""
        self.listeners: list[tuple[str, Callable[[], object]]] = []
        """What to do once it is in a state, or has stopped."""

    def enter(self, state: str, now_s: float) -> None:
        """From now on the replica is in this state."""
        self.state = state
        self.plan += 1
        if self.spans[-1][1] == now_s:
            self.spans.pop()
        if not self.spans or self.spans[-1][0] != state:
            self.spans.append((state, now_s))
        due = [then for wanted, then in self.listeners if state in (wanted, STOPPED)]
        self.listeners = [entry for entry in self.listeners if state not in (entry[0], STOPPED)]
        for then in due:
            self.pool.gateway.at(now_s, then)

    def change_speed(self) -> None:
        """Something that slows it down has come or gone: the next step composed takes it in."""
        self.slow = prod(self.slowness)
        if self.engine is not None:
            self.engine.change_speed()

    def __repr__(self) -> str:
        return f"Unit({self.number}, {self.state})"
