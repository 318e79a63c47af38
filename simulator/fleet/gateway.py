"""The gateway: every request comes in here, and leaves here, exactly once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from math import nan
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from simpy import Event

from simulator.clock import ARRIVAL, Clock
from simulator.fleet.admission import YES, AcceptAll, Gate, TenantLimit, Verdict
from simulator.fleet.calls import Attempt, Call, of_prompt
from simulator.fleet.patience import Clients
from simulator.fleet.rows import Rows
from simulator.fleet.unit import Unit, UnitLog
from simulator.fleet.view import WINDOW, View
from simulator.fleet.way_out import WayOut
from simulator.record.recorder import COMPLETED, FAILED, REJECTED, RequestLog

if TYPE_CHECKING:
    from simulator.fleet.pool import Pool
    from simulator.fleet.scaling import Scaling
    from simulator.fleet.sending import OpenLoop
    from simulator.fleet.striking import Striking
    from simulator.scenario import Scenario
    from workloads.trace import Trace


class Gateway:
    """What happens to a request between its arrival and its end.

    Parameters
    ----------
    clock : simulated time
    scenario : the fleet's policies
    trace : requests; their output lengths are known to the engines alone
    log : one row a request
    rows : what is known of each request beforehand
    longest_run : steps that an engine may take in one event; None for as many as it likes
    """

    def __init__(
        self,
        clock: Clock,
        scenario: Scenario,
        trace: Trace,
        log: RequestLog,
        rows: Rows,
        longest_run: int | None,
    ) -> None:
        self.clock = clock
        self.scenario = scenario
        self.seed = scenario.seed
        self.log = log
        self.longest_run = longest_run
        self.rows = rows
        self.outputs = rows.outputs
        self.units: list[Unit] = []
        self.loads: list[int] = []
        self.tokens: list[int] = []
        self.pools: list[Pool] = []
        self.events: list[tuple[float, str, int, int, str, float]] = []
        self.in_flight: dict[str, int] | None = None
        """Requests of each tenant in the fleet, if somebody wants to know."""
        if isinstance(scenario.admission, TenantLimit):
            self.in_flight = {}
        self.left = len(trace)
        """Requests that have not ended."""
        self.done = Event(clock)
        self.sending: OpenLoop | None = None
        self.striking: list[Striking] = []
        self.scaling: list[Scaling] = []
        self.may_slow = any(fault.kind == "slow_gpu" for fault in scenario.faults)
        self.arrived = 0
        """Requests so far."""
        self._sent_s = np.array(trace.arrival_s) if trace.closed_loop else None
        self._choice = scenario.pool_choice if len(scenario.pools) > 1 else None
        self._trace = trace
        self._prompts = rows.prompts
        self._priorities = rows.priorities
        self._admitted = rows.admitted
        self._paths = rows.paths
        self._have_names = rows.have_names()
        self._block_size = scenario.engine.block_size
        self.ends: deque[float] = deque(maxlen=WINDOW)
        """When the last requests ended, which tells the pace."""
        self.view = View(self, self.ends)
        self._gate: Gate | None = None
        if scenario.admission is not None and not isinstance(scenario.admission, AcceptAll):
            self._gate = scenario.admission.start()
        self._deadline_s = getattr(scenario.admission, "ttft_s", None)
        self.way_out: WayOut | None = None
        if scenario.overflow is not None:
            self.way_out = WayOut(scenario.overflow, self, self.view, self._block_size)
        self.clients = Clients(trace, scenario.seed, self) if trace.client is not None else None

    # -- the ways in -------------------------------------------------------------------------------

    def door(self) -> Callable[[int], None]:
        """What to call with each row when it arrives; the pools are there."""
        return self.arrive

    def arrive(self, row: int) -> None:
        """A user asks."""
        call = Call(row, self.clock.now, self._prompts[row], self._priorities[row])
        if self._have_names:
            self._name(call)
        self.arrived += 1
        if self._sent_s is not None:
            self._sent_s[row] = call.arrival_s
        if not self._admitted[row]:
            self.end(call, REJECTED)
            return
        if self.clients is not None:
            self.clients.came(call)
        self.attempt(call)
        if self.scaling:
            self._look()

    def _name(self, call: Call) -> None:
        """Note whose request it is, and what its prompt has in common with others."""
        row, rows = call.row, self.rows
        if rows.tenants and rows.tenants[row] is not None:
            call.tenant = str(rows.tenants[row])
        if rows.sessions:
            call.session = rows.sessions[row]
        if rows.paths and rows.paths[row]:
            call.path = of_prompt(rows.paths[row], call.prompt_tokens // self._block_size)

    def attempt(self, call: Call) -> None:
        """The client sends the request: for the first time, or again."""
        if self.clients is not None:
            self.clients.tried(call)
        if self.way_out is not None and self.way_out.leaves(call):
            return
        if self._gate is None or self.obeys(call, self._gate(call, self.view)):
            self.place(call)

    def obeys(self, call: Call, verdict: Verdict) -> bool:
        """Whether the call is let in; who is not, or makes room for it, is turned away."""
        if verdict is not YES:
            admitted, shed = verdict
            if shed:
                least = self.view.least_urgent(call)
                if least is call:
                    admitted = False
                else:
                    self.reject(least, "shed")
            if not admitted:
                self.reject(call, "rejected")
                return False
        if self._deadline_s is not None:
            this, due_s = call.tries, self.clock.now + self._deadline_s
            self.at(due_s, lambda: self._drop_late(call, this))
        return True

    def place(self, call: Call) -> None:
        """The call is let in: a replica takes it, or it waits for one."""
        if self.in_flight is not None and not call.inside:
            call.inside = True
            self.in_flight[call.tenant] = self.in_flight.get(call.tenant, 0) + 1
        choice = self._choice
        if choice is None:
            self.pools[0].take(call)
            return
        pool = self.pools[choice.choose(call, self.pools)]
        if self.rows.lengths[call.row] > pool.longest:
            self.end(call, REJECTED)
        else:
            pool.take(call)

    def _drop_late(self, call: Call, this: int) -> None:
        waits = not call.ended and not call.away and call.tries == this
        if waits and not self.is_scheduled(call):
            self.reject(call, "too late")

    def is_scheduled(self, call: Call) -> bool:
        """Whether an engine has begun to work on it."""
        return any(attempt.cached_tokens >= 0 for attempt in call.attempts)

    def reject(self, call: Call, why: str, outcome: int = REJECTED) -> None:
        """Turn the attempt away: it is sent out, answered kindly, tried again, or ends."""
        self.give_up(call)
        if self.way_out is not None:
            if self.way_out.takes(call, why):
                return
            if self.way_out.policy.graceful_reply:
                self.note("graceful reply", request=call.row)
                self.end(call, REJECTED)
                return
        if self.clients is None or not self.clients.turned_away(call):
            self.end(call, outcome)

    def hopeless(self, pool: Pool) -> None:
        """Those who wait for a pool that will never have a replica again."""
        for call in list(pool.hold):
            if call.held_in is not None:
                self.reject(call, "outage", FAILED)

    # -- to a replica, and back --------------------------------------------------------------------

    def send(self, call: Call, unit: Unit) -> Attempt:
        """A replica gets the request."""
        row, number, engine = call.row, unit.number, unit.engine
        path = self._paths[row] if self._paths else ()
        attempt = Attempt(call, unit, self.clock.now, self.outputs[row], path)
        call.attempts += (attempt,)  # as in `enrol`, without the way there
        unit.attempts[attempt] = None
        self.loads[number] += 1
        self.tokens[number] += call.prompt_tokens
        assert engine is not None, "a replica that is not ready was chosen"
        engine.submit(attempt)
        return attempt

    def submit(self, attempt: Attempt) -> None:
        """The engine of the attempt's replica gets it."""
        self.enrol(attempt)
        engine = attempt.unit.engine
        assert engine is not None, "a replica that is not ready was chosen"
        engine.submit(attempt)

    def enrol(self, attempt: Attempt) -> None:
        """From now on the attempt is under way."""
        unit = attempt.unit
        number = unit.number
        attempt.call.attempts += (attempt,)
        unit.attempts[attempt] = None
        self.loads[number] += 1
        self.tokens[number] += attempt.prompt_tokens

    def ask_twice(self, call: Call) -> None:
        """The client asks a second replica for the same."""
        if len(call.attempts) == 1:
            unit = call.attempts[0].unit
            unit.pool.send(call, apart_from=unit.number)

    def has_begun(self, call: Call) -> bool:
        """Whether the first token of the present attempt is there."""
        return call.away < 0 or any(self.has_answered(attempt) for attempt in call.attempts)

    def has_answered(self, attempt: Attempt) -> bool:
        """Whether the client has the first token of an attempt under way."""
        engine = attempt.unit.engine
        if attempt.first_s == attempt.first_s:
            return True
        return engine is not None and engine.has_come_back(attempt)

    def first_token(self, attempt: Attempt, now_s: float) -> None:
        """The first answer is taken; others to the same request are given up."""
        attempt.first_s = now_s
        call = attempt.call
        self.log.first_token_s[call.row] = now_s
        if len(call.attempts) > 1:
            for other in call.attempts:
                if other is not attempt:
                    self._abort(other)

    def finished(self, attempt: Attempt, now_s: float) -> None:
        """The answer is complete."""
        self._over(attempt)
        call, log, row = attempt.call, self.log, attempt.index
        log.generated_tokens[row] = attempt.generated
        if attempt.preemptions:
            log.preemptions[row] += attempt.preemptions
        log.replica[row] = attempt.unit.number
        self.ends.append(now_s)
        self.end(call, COMPLETED)

    def _over(self, attempt: Attempt) -> None:
        attempt.over = True
        unit, call = attempt.unit, attempt.call
        call.attempts = tuple(other for other in call.attempts if other is not attempt)
        unit.attempts.pop(attempt, None)
        self.tokens[unit.number] -= attempt.prompt_tokens

    def _abort(self, attempt: Attempt) -> None:
        self._over(attempt)
        if not attempt.handed:
            self.loads[attempt.unit.number] -= 1
        elif attempt.unit.engine is not None:
            attempt.unit.engine.abort(attempt)

    def give_up(self, call: Call) -> None:
        """Nobody waits for the attempts under way any more."""
        for attempt in call.attempts:
            self._abort(attempt)
        if call.held_in is not None:
            call.held_in.discard(call)
            call.held_in = None
        if self.way_out is not None:
            self.way_out.give_up(call)
        if call.inside:
            self.goes(call)

    def goes(self, call: Call) -> None:
        """The call is no longer one of its tenant's in the fleet."""
        assert self.in_flight is not None
        call.inside = False
        self.in_flight[call.tenant] -= 1

    def lost(self, attempts: list[Attempt]) -> None:
        """A replica has died with these."""
        for attempt in attempts:
            self._over(attempt)
        # Of a call that was asked for twice the replica may have had both: it is lost once.
        for call, unit in {attempt.call: attempt.unit for attempt in attempts}.items():
            if call.ended or call.attempts:
                continue
            call.losses += 1
            self.note("lost", unit, call.row)
            self.log.first_token_s[call.row] = nan
            if call.losses > self.scenario.max_requeues:
                self.end(call, FAILED)
            elif self.way_out is None or not self.way_out.leaves(call):
                self.place(call)

    def served_away(self, call: Call) -> None:
        """An endpoint has answered."""
        self.log.generated_tokens[call.row] = self.outputs[call.row]
        self.end(call, COMPLETED)

    # -- the end -----------------------------------------------------------------------------------

    def end(self, call: Call, outcome: int) -> None:
        """The request has ended, in this way and no other."""
        if call.ended:
            return
        call.ended = True
        self.log.outcome[call.row] = outcome
        self.log.finish_s[call.row] = self.clock.now
        if outcome != COMPLETED:
            self.give_up(call)
        elif call.inside:
            self.goes(call)
        self.left -= 1
        if self.scaling:
            self._look()
        if self._sent_s is not None and self.sending is not None:
            self.sending.answered(call.row)
        if self.left == 0:
            self.done.succeed()

    def sent_s(self) -> NDArray[np.float64]:
        """When each request was sent: by the clock, or in a closed loop when it could be. [s]"""
        return self._trace.arrival_s if self._sent_s is None else self._sent_s

    def _look(self) -> None:
        for scaling in self.scaling:
            scaling.changed()

    # -- what the parts share ----------------------------------------------------------------------

    def at(self, when_s: float, do: Callable[[], Any]) -> None:
        """Let something happen at an instant, before a step that starts there is composed."""
        assert when_s >= self.clock.now, "nothing can be made to happen in the past"
        self.clock.at(when_s, ARRIVAL).callbacks.append(lambda _: do())

    def note(
        self, event: str, unit: Unit | None = None, request: int = -1, value: float = nan
    ) -> None:
        """A row of the table `events`."""
        number, pool = (-1, "") if unit is None else (unit.number, unit.pool.name)
        self.events.append((self.clock.now, event, number, request, pool, value))

    def log_of(self, number: int) -> UnitLog:
        """The log of the next replica."""
        return UnitLog(number, self.log, self)

    def new_unit(self, pool: Pool, now_s: float) -> Unit:
        """The next replica, with its number and its log."""
        number = len(self.units)
        unit = Unit(number, pool, self.log_of(number), now_s)
        self.units.append(unit)
        self.loads.append(0)
        self.tokens.append(0)
        for strikes in self.striking:
            strikes.watch(unit)
        return unit

    def blocks_kept(self, plan: Scenario) -> int:
        """KV blocks that something else than KV takes."""
        return 0
