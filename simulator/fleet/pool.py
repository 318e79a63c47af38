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
        self.longest = min(
            self.config.max_model_len, (self.blocks - 1) * self.config.block_size + 1
        )
        """Tokens of a request that its replicas can hold, prompt and output."""
        self.step_time = step_time_of(plan)
        self.weight_bytes = plan.weight_bytes()
        self.start_up = plan.start_up or StartUp()
        self.hold: Hold = (plan.queue or Fifo()).start()
        self.room = plan.queue.max_per_replica if plan.queue else None
        self.choose = start(plan.router, stream(plan.seed, f"router {name}".strip()))
        self.units: list[Unit] = []
        self.ready: list[int] = []
        """Numbers of the replicas that take requests, in order."""
        self.promised = 0
        """Replicas that will be asked for, whatever happens: those that replace others."""
        self.taken = 0
        """Requests that came here."""
        self.prefill_s_per_token = _prefill_s_per_token(self.step_time, self.config)
        self.on_change: list[Callable[[], None]] = []
        """Called when a request waits for which there is no replica."""
        self.signals = Signals(gateway.units, gateway.loads, gateway.tokens)
        if plan.router.stale_s:
            self.signals = StaleSignals(self.signals, gateway.at, plan.router.stale_s)

    # -- requests ----------------------------------------------------------------------------------

    def take(self, call: Call) -> None:
        """Send the call to a replica, or let it wait for one."""
        self.taken += 1
        if self.ready and not self.hold:
            if self.room is None:  # as in `send`, without the way there
                gateway = self.gateway
                gateway.send(call, gateway.units[self.choose(call, self.ready, self.signals)])
                return
            if self.send(call) is not None:
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
        gateway = self.gateway
        return gateway.send(call, gateway.units[self.choose(call, numbers, self.signals)])

    def has_room(self, unit: Unit) -> None:
        """A request has left a replica: the next ones come, or, if it was draining, it stops."""
        if self.hold:
            self.release()
        if unit.state == DRAINING and not unit.attempts:
            self._stop_soon(unit)

    def release(self) -> None:
        """Those who waited go, while there is room."""
        while self.hold and self._open():
            call = self.hold.pop()
            call.held_in = None
            self.send(call)

    # -- replicas ----------------------------------------------------------------------------------

    def request(self, *, warm: bool = False, reserved: bool = False) -> Unit:
        """Ask for one more replica; a ``warm`` one has been there all along."""
        unit = self.gateway.new_unit(self, self.clock.now)
        unit.reserved = reserved
        self.units.append(unit)
        self.signals.know(unit.number)
        self.gateway.note("requested", unit)
        if warm:
            self._become_ready(unit)
        else:
            self._start_up(unit, self.start_up.provision_s)
        return unit

    def promise(self) -> None:
        """A replica that goes will be replaced: whoever waits need not despair."""
        self.promised += 1

    def redeem(self) -> Unit:
        """Ask for a replica that was promised."""
        self.promised -= 1
        return self.request()

    def _start_up(self, unit: Unit, provision_s: float) -> None:
        """A machine comes, weights are loaded, the engine warms up."""
        loaded_s = provision_s + self.start_up.load_s(self.weight_bytes)
        ready_s = loaded_s + self.start_up.warm_up_s
        if ready_s <= 0:
            self._become_ready(unit)
            return
        note = self.gateway.note
        if provision_s > 0:
            self._later(unit, provision_s, lambda: note("provisioned", unit))
        if loaded_s > provision_s:
            self._later(unit, loaded_s, lambda: note("weights loaded", unit))
        self._later(unit, ready_s, lambda: self._become_ready(unit))

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
        if unit.state == READY:
            self._leave(unit)
            unit.enter(DRAINING, self.clock.now)
            self.gateway.note("draining", unit)
        if unit.state == DRAINING:
            if not unit.attempts:
                self._stop_soon(unit)
            elif notice_s is not None:
                self._later(unit, notice_s, lambda: self.stop(unit, "reclaimed"))

    def _stop_soon(self, unit: Unit) -> None:
        """Stop when all that happens at this instant has happened: its engine may be in it."""
        self._later(unit, 0.0, lambda: self.stop(unit))

    def stop(self, unit: Unit, why: str = "stopped") -> None:
        """Given back now; what it still has is lost."""
        if unit.state != STOPPED:
            lost = self._halt(unit)
            self._stopped(unit)
            self.gateway.note(why, unit)
            self._bereaved(lost)

    def fail(self, unit: Unit, why: str, down_s: float) -> None:
        """Out of order for ``down_s``; then weights are loaded again. Who was leaving is gone."""
        if unit.state == STOPPED:
            return
        was_draining, now = unit.state == DRAINING, self.clock.now
        lost = self._halt(unit)
        unit.enter(DOWN, now)
        # What is broken already is not repaired sooner because more goes wrong.
        unit.down_until = max(unit.down_until, now + down_s)
        self.gateway.note(why, unit, value=unit.down_until - now)
        if was_draining:
            self._stopped(unit)
        else:
            self._later(unit, unit.down_until - now, lambda: self._repaired(unit))
        self._bereaved(lost)

    def _stopped(self, unit: Unit) -> None:
        unit.enter(STOPPED, self.clock.now)
        unit.stopped_s = self.clock.now

    def _repaired(self, unit: Unit) -> None:
        self.gateway.note("repaired", unit)
        if self.start_up.restart_s(self.weight_bytes) > 0:
            unit.enter(WARMING, self.clock.now)
        self._start_up(unit, 0.0)

    def _bereaved(self, lost: list[Attempt]) -> None:
        """A replica has gone: what it had is served anew, elsewhere, or has failed."""
        if not self.ready and self.gateway.way_out is not None:
            self.gateway.way_out.bridge(self)
        self.gateway.lost(lost)
        self._check_hope()

    def _leave(self, unit: Unit) -> None:
        if unit.number in self.ready:
            self.ready.remove(unit.number)

    def _halt(self, unit: Unit) -> list[Attempt]:
        """The engine is gone; the attempts that were under way on it."""
        self._leave(unit)
        engine, unit.engine = unit.engine, None
        if engine is not None:
            engine.halt()
        lost = list(unit.attempts)
        unit.attempts.clear()
        unit.slots = None
        unit.link_free_s = 0.0
        self.gateway.loads[unit.number] = 0
        return lost

    def _check_hope(self) -> None:
        """Whoever waits while no replica is ready needs one that comes: asked for, or repaired."""
        if len(self.hold) and not self.ready:
            for wake in self.on_change:
                wake()
            if not (self.ready or self.on_change or self.promised or self._coming()):
                self.gateway.hopeless(self)

    def _coming(self) -> bool:
        return any(unit.state in (WARMING, DOWN) and not unit.reserved for unit in self.units)

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
        """Replicas that serve or will: neither leaving nor stopped nor staging."""
        gone = (DRAINING, STOPPED)
        return [u for u in self.units if u.state not in gone and not (u.reserved or u.leaving)]


def _prefill_s_per_token(step_time: StepTime, config: SchedulerConfig) -> float:
    """Time of a step full of prompt tokens, for each of them. [s]"""
    tokens = config.max_num_batched_tokens
    work = StepWork(prefill_tokens=tokens, prefill_seqs=1, prefill_pairs=tokens * tokens / 2)
    return float(step_time.seconds(work)) / tokens
