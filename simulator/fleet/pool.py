"""Replicas of one kind: which of them are ready, what waits for them, how they come and go."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import TYPE_CHECKING

from simulator.engine.config import SchedulerConfig
from simulator.engine.replica import Replica
from simulator.engine.speculative import make_scheduler
from simulator.engine.stopwatch import Stopwatch, Timed
from simulator.fleet.calls import Attempt, Call
from simulator.fleet.hold import Fifo, Hold
from simulator.fleet.routing import start
from simulator.fleet.signals import Signals, StaleSignals
from simulator.fleet.slow import Slowed
from simulator.fleet.start_up import StartUp
from simulator.fleet.unit import DOWN, DRAINING, READY, STOPPED, WARMING, Unit
from simulator.physics.work import StepWork
from simulator.rng import stream
from simulator.scenario import step_time_of

if TYPE_CHECKING:
    from simulator.fleet.gateway import Gateway
    from simulator.scenario import Scenario
    from simulator.step_time_model import StepTime


class Pool:
    """The replicas of one pool at run time.

    Parameters
    ----------
    name : of the pool; "" where there is only one.
    plan : the scenario as this pool has it: model, GPU, engine, price.
    gateway : through which requests come.
    """

    def __init__(self, name: str, plan: Scenario, gateway: Gateway) -> None:
        self.name = name
        self.plan = plan
        self.gateway = gateway
        self.clock = gateway.clock
        self.blocks = plan.num_gpu_blocks() - gateway.blocks_kept(plan)
        self.config = plan.engine.scheduler_config(self.blocks)
        self.step_time = step_time_of(plan)
        self.weight_bytes = gateway.weight_bytes(plan)
        self.start_up = plan.start_up or StartUp()
        self.hold: Hold = (plan.queue or Fifo()).start()
        self.room = plan.queue.max_per_replica if plan.queue else None
        self.choose = start(plan.router, stream(plan.seed, f"router {name}".strip()))
        self.units: list[Unit] = []
        self.ready: list[int] = []
        """Numbers of the replicas that take requests, in order."""
        self.prefill_s_per_token = _prefill_s_per_token(self.step_time, self.config)
        self.on_change: list[Callable[[], None]] = []
        """Called when a request waits for which there is no replica."""
        live = Signals(gateway.units, gateway.loads, gateway.tokens)
        stale_s = plan.router.stale_s
        self.signals = (
            StaleSignals(gateway.units, gateway.loads, gateway.tokens, self.clock, stale_s)
            if stale_s
            else live
        )

    # -- requests ----------------------------------------------------------------------------------

    def take(self, call: Call) -> None:
        """Send the call to a replica, or let it wait for one."""
        if self.ready and not len(self.hold) and (self.room is None or self._open()):
            self.send(call)
            return
        self.hold.push(call)
        call.held_in = self.hold
        if not self.ready:
            self._check_hope()

    def _open(self) -> list[int]:
        """Replicas that take one more."""
        if self.room is None:
            return self.ready
        loads = self.gateway.loads
        return [n for n in self.ready if loads[n] < self.room]

    def send(self, call: Call, apart_from: int = -1) -> Attempt | None:
        """Send the call where the router says, among those with room; None if there is none."""
        numbers = self.ready if self.room is None else self._open()
        if apart_from >= 0:
            numbers = [n for n in numbers if n != apart_from]
        if not numbers:
            return None
        signals, gateway = self.signals, self.gateway
        if isinstance(signals, StaleSignals):
            signals.refresh()
        return gateway.send(call, gateway.units[self.choose(call, numbers, signals)])

    def has_room(self, unit: Unit) -> None:
        """A request has left a replica: the next ones come, or, if it was draining, it stops."""
        if len(self.hold):
            self.release()
        if unit.state == DRAINING and not unit.attempts:
            self._stop_soon(unit)

    def release(self) -> None:
        """Those who waited go, while there is room."""
        while len(self.hold) and self.ready and self._open():
            call = self.hold.pop()
            call.held_in = None
            self.send(call)

    # -- replicas ----------------------------------------------------------------------------------

    def request(self, *, warm: bool = False, reserved: bool = False) -> Unit:
        """Ask for one more replica; a ``warm`` one has been there all along."""
        now = self.clock.now
        unit = self.gateway.new_unit(self, now)
        unit.reserved = reserved
        self.units.append(unit)
        self.gateway.note("requested", unit)
        wait_s = 0.0 if warm else self.start_up.seconds(self.weight_bytes)
        self._ready_in(unit, wait_s)
        return unit

    def _ready_in(self, unit: Unit, wait_s: float) -> None:
        if wait_s <= 0:
            self._become_ready(unit)
        else:
            self._later(unit, wait_s, lambda: self._become_ready(unit))

    def _later(self, unit: Unit, wait_s: float, do: Callable[[], None]) -> None:
        """Let something happen to the replica, unless something else happens to it before."""
        plan = unit.plan

        def happen() -> None:
            if unit.plan == plan:
                do()

        self.gateway.at(self.clock.now + wait_s, happen)

    def _become_ready(self, unit: Unit) -> None:
        now = self.clock.now
        unit.enter(READY, now)
        if unit.ready_s != unit.ready_s:
            unit.ready_s = now
        log = unit.log
        scheduler = make_scheduler(
            self.config, log.journal, stream(self.plan.seed, f"drafts {unit.number}")
        )
        scheduler.roster.step = log.steps_run()
        model: Timed = self.step_time
        if self.gateway.may_slow:
            model = Slowed(self.step_time, unit)
        stopwatch = Stopwatch(model, self.gateway.longest_run)
        unit.engine = Replica(self.clock, scheduler, stopwatch, log, self.gateway.loads)
        if not unit.reserved:
            self.ready.append(unit.number)
            self.ready.sort()
        self.gateway.note("ready", unit)
        self.release()

    def drain(self, unit: Unit, notice_s: float | None = None) -> None:
        """No new requests; it stops when the last one is done, or after ``notice_s``."""
        if unit.state in (WARMING, DOWN):
            self.stop(unit)
            return
        if unit.state != READY:
            return
        self._leave(unit)
        unit.enter(DRAINING, self.clock.now)
        self.gateway.note("draining", unit)
        if not unit.attempts:
            self._stop_soon(unit)
        elif notice_s is not None:
            self._later(unit, notice_s, lambda: self.stop(unit, "reclaimed"))

    def _stop_soon(self, unit: Unit) -> None:
        """Stop when all that happens at this instant has happened: its engine may be in it."""
        self._later(unit, 0.0, lambda: self.stop(unit))

    def stop(self, unit: Unit, why: str = "stopped") -> None:
        """Given back now; what it still has is lost."""
        if unit.state == STOPPED:
            return
        self._leave(unit)
        lost = self._halt(unit)
        unit.enter(STOPPED, self.clock.now)
        unit.stopped_s = self.clock.now
        self.gateway.note(why, unit)
        self.gateway.lost(lost)
        self._check_hope()

    def fail(self, unit: Unit, why: str, down_s: float, *, restart: bool = False) -> None:
        """Out of order for ``down_s``; then, with ``restart``, weights are loaded again."""
        if unit.state == STOPPED:
            return
        was_draining = unit.state == DRAINING
        self._leave(unit)
        lost = self._halt(unit)
        unit.enter(DOWN, self.clock.now)
        self.gateway.note(why, unit)
        if was_draining:
            unit.enter(STOPPED, self.clock.now)
            unit.stopped_s = self.clock.now
        else:
            again_s = self.start_up.restart_s(self.weight_bytes) if restart else 0.0

            def repaired() -> None:
                self.gateway.note("repaired", unit)
                if again_s > 0:
                    unit.enter(WARMING, self.clock.now)
                self._ready_in(unit, again_s)

            self._later(unit, down_s, repaired)
        self.gateway.lost(lost)
        self._check_hope()

    def _leave(self, unit: Unit) -> None:
        if unit.number in self.ready:
            self.ready.remove(unit.number)

    def _halt(self, unit: Unit) -> list[Attempt]:
        """The engine is gone; the attempts that were under way on it."""
        engine, unit.engine = unit.engine, None
        if engine is not None:
            engine.halt()
        lost = list(unit.attempts)
        unit.attempts.clear()
        unit.slots = None
        self.gateway.loads[unit.number] = 0
        return lost

    def _check_hope(self) -> None:
        """Whoever waits while no replica is ready needs one that comes: asked for, or repaired."""
        if len(self.hold) and not self.ready:
            for wake in self.on_change:
                wake()
            coming = any(unit.state in (WARMING, DOWN) for unit in self.units)
            if not self.ready and not coming and not self.on_change:
                self.gateway.hopeless(self)

    def usd_per_hour(self) -> float:
        """Price of one of its replicas. [USD/h]"""
        return self.plan.offer.usd_per_gpu_hour * self.plan.gpus_per_replica

    def load(self) -> float:
        """Requests for each of its ready replicas; infinite if none is ready."""
        if not self.ready:
            return inf
        loads = sum(self.gateway.loads[number] for number in self.ready)
        return (loads + len(self.hold)) / len(self.ready)

    def alive(self) -> list[Unit]:
        """Replicas that are held and serve or will: neither draining nor stopped nor staging."""
        return [u for u in self.units if u.state not in (DRAINING, STOPPED) and not u.reserved]


def _prefill_s_per_token(step_time: StepTime, config: SchedulerConfig) -> float:
    """Time of a step full of prompt tokens, for each of them. [s]"""
    tokens = config.max_num_batched_tokens
    work = StepWork(prefill_tokens=tokens, prefill_seqs=1, prefill_pairs=tokens * tokens / 2)
    return float(step_time.seconds(work)) / tokens
