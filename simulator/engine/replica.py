"""One replica: wait for work, schedule, let time pass, commit."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Generator
from contextlib import suppress
from typing import TYPE_CHECKING

from simpy import Event

from simulator.clock import Clock

if TYPE_CHECKING:
    from simulator.engine.batch import Batch
    from simulator.engine.request import Request
    from simulator.engine.scheduler import Scheduler
    from simulator.engine.stopwatch import Stopwatch
    from simulator.record.recorder import ReplicaLog


class Halted(Exception):
    """Thrown into a replica's loop when its engine dies."""


class Replica:
    """A scheduler in time.

    Parameters
    ----------
    clock : simulated time
    scheduler : decides what a step computes
    stopwatch : says how long that takes
    log : what is kept
    loads : requests at each replica; a finished one is taken off this replica's
    """

    def __init__(
        self,
        clock: Clock,
        scheduler: Scheduler,
        stopwatch: Stopwatch,
        log: ReplicaLog,
        loads: list[int],
    ) -> None:
        self.clock = clock
        self.scheduler = scheduler
        self._add = scheduler.add
        self.stopwatch = stopwatch
        self.log = log
        self._loads = loads
        self._starts: list[float] = []
        self._alarm: Event = Event(clock)
        self._idle = False
        self._cut = 0
        self._aborted: list[Request] = []
        self._flight: Batch | None = None
        self._landing = 0.0
        self._lost: list[Request] = []
        pipelined = scheduler.config.async_scheduling
        self._earliest = 0 if pipelined else 1
        self._loop = self._pipelined() if pipelined else self._one_by_one()
        clock.process(self._loop)

    def submit(self, request: Request) -> None:
        """A request arrives now: it is seen when the next step is composed."""
        self._add(request)
        if self._idle:
            self._idle = False
            self._wake_at(self.clock.now)
        else:  # as in `_take_notice`, without the way there: there are many requests
            step = bisect_left(self._starts, self.clock.now, self._earliest)
            if step < self._cut:
                self._cut = step
                self._wake_at(self._starts[step])

    def abort(self, request: Request) -> None:
        """Nobody waits for the request any more: it leaves when the next step is composed."""
        self._aborted.append(request)
        self._take_notice()

    def give_back(self, request: Request) -> None:
        """The blocks that a finished request has kept are free, and others may have waited."""
        self.scheduler.give_back(request)
        self._take_notice()

    @property
    def leaving(self) -> list[Request]:
        """Requests that nobody waits for, which are still here until a step is composed."""
        return self._aborted

    def change_speed(self) -> None:
        """The law of step times has changed now: the next step composed follows the new one."""
        self.stopwatch.forget()
        if not self._idle:
            self._take_notice()

    def has_come_back(self, request: Request) -> bool:
        """Whether the first token has come back of a request for which none is on record yet."""
        flight = self._flight
        return (
            flight is not None
            and request in flight.first_tokens
            and self._landing <= self.clock.now
        )

    def halt(self) -> list[Request]:
        """The engine dies now, in the middle of a step; the requests that it had, all lost."""
        self._alarm.callbacks = []
        with suppress(StopIteration, Halted):  # the latter if it has not begun to run
            self._loop.throw(Halted)
        self._loads[self.log.number] -= len(self._lost)
        for request in self._lost:
            self.log.dropped(request)
        return [request for request in self._lost if request not in self._aborted]

    def _take_notice(self) -> None:
        """Something has happened now that the next step's composing must see."""
        if self._idle:
            self._idle = False
            self._wake_at(self.clock.now)
        else:
            step = bisect_left(self._starts, self.clock.now, self._earliest)
            if step < self._cut:
                self._cut = step
                self._wake_at(self._starts[step])

    def _wake_at(self, instant_s: float) -> None:
        """Move the alarm, with all who wait for it, to ``instant_s``."""
        alarm = self.clock.at(instant_s)
        alarm.callbacks, self._alarm.callbacks = self._alarm.callbacks, []
        self._alarm = alarm

    def _sleep(self, starts: list[float], until: int) -> Event:
        """Let time pass until ``starts[until]``, or the end of a step in which somebody arrives."""
        self._starts = starts
        self._cut = until
        self._alarm = self.clock.at(starts[until])
        return self._alarm

    def _rest(self) -> Event:
        """Let time pass until a request arrives."""
        self._idle = True
        self._alarm = Event(self.clock)
        return self._alarm

    def _drop(self) -> None:
        """Those whose clients have gone leave, if they have not finished meanwhile."""
        for request in self._aborted:
            if request.generated < request.output_tokens:
                self._loads[self.log.number] -= 1
                self.scheduler.abort(request)
                self.log.dropped(request)
        self._aborted.clear()

    def _die(self, batch: Batch, starts: list[float]) -> None:
        """Write down how far a batch came that had ``starts`` when the engine died."""
        now = self.clock.now
        begun = bisect_left(starts, now, 0, batch.num_steps)
        ended = bisect_right(starts, now, 1, batch.num_steps + 1) - 1
        if ended:
            self.log.steps(batch, ended, starts)
        if begun > ended:
            self.log.torn(batch, ended, starts[ended], now)
        first = batch.first_step
        self._lost = self.scheduler.wreck(first + begun, first + ended)

    def _one_by_one(self) -> Generator[Event, None, None]:
        """Synchronous scheduling: a step is composed when the one before has ended."""
        scheduler, clock, log = self.scheduler, self.clock, self.log
        while True:
            if self._aborted:
                self._drop()
            batch = scheduler.schedule()
            if batch is None:
                if not scheduler.preempted:  # else there is room now: try again at once
                    try:
                        yield self._rest()
                    except Halted:
                        return
                continue
            if batch.admitted:
                log.admitted(batch.admitted, clock.now)
            starts = self.stopwatch.starts(batch, clock.now)
            try:
                yield self._sleep(starts, batch.num_steps)
            except Halted:
                self._die(batch, starts)
                return
            steps = self._cut
            self.stopwatch.ran(batch, steps)
            scheduler.advance(steps)
            log.steps(batch, steps, starts)
            if batch.first_tokens:
                log.first_tokens(batch.first_tokens, starts[1])
            finished = scheduler.commit(batch.first_step + steps - 1)
            if finished:
                self._loads[log.number] -= len(finished)
                log.finished(finished, starts[steps])

    def _pipelined(self) -> Generator[Event, None, None]:
        """Asynchronous scheduling: a step is composed while the one before it runs.

        ``flight`` is the step that the GPU is running; it has been composed before, and ends at
        ``landing``.
        """
        scheduler, clock, log = self.scheduler, self.clock, self.log
        flight: Batch | None = None
        landing, last_step, launch = 0.0, -1, 0.0
        while True:
            if self._aborted:
                self._drop()
            batch = scheduler.schedule()
            if batch is not None and batch.admitted:
                log.admitted(batch.admitted, clock.now)
            if flight is None:
                if batch is None:
                    if not scheduler.preempted:
                        try:
                            yield self._rest()
                        except Halted:
                            return
                    continue
                batch.num_steps = steps = 1  # the next one is composed at once
                starts = self.stopwatch.starts(batch, clock.now)
            elif batch is None:
                try:
                    yield self._sleep([landing], 0)
                except Halted:
                    self._crash_land(None, [], launch, last_step)
                    return
                steps = 0
            else:
                starts = self.stopwatch.starts(batch, landing)
                try:
                    yield self._sleep(starts, batch.num_steps - 1)
                except Halted:
                    self._crash_land(batch, starts, launch, last_step)
                    return
                steps = self._cut + 1
                self.stopwatch.ran(batch, steps)
                scheduler.advance(steps)
            if flight is not None:
                if flight.first_tokens:
                    log.first_tokens(flight.first_tokens, landing)
                finished = scheduler.commit(last_step)
                if finished:
                    self._loads[log.number] -= len(finished)
                    log.finished(finished, landing)
            self._flight = flight = batch
            if batch is not None:
                log.steps(batch, steps, starts)
                launch, landing = starts[steps - 1], starts[steps]
                self._landing = landing
                last_step = batch.first_step + steps - 1

    def _crash_land(
        self, batch: Batch | None, starts: list[float], launch: float, last_step: int
    ) -> None:
        """The engine died with a step in flight, ``last_step`` launched at ``launch``.

        ``batch`` is composed behind it; if the flight has landed already, some of its steps ran.
        """
        now = self.clock.now
        if batch is not None and now >= self._landing:
            flight = self._flight
            if flight is not None and flight.first_tokens:
                self.log.first_tokens(flight.first_tokens, self._landing)
            self._die(batch, starts)
            return
        begun = self.log.tear(launch, now)
        ended = now >= self._landing
        self._lost = self.scheduler.wreck(last_step + begun, last_step + ended)
