"""One replica: wait for work, schedule, let time pass, commit."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Generator
from typing import TYPE_CHECKING

from simpy import Event

from simulator.clock import Clock

if TYPE_CHECKING:
    from simulator.engine.batch import Batch
    from simulator.engine.request import Request
    from simulator.engine.scheduler import Scheduler
    from simulator.engine.stopwatch import Stopwatch
    from simulator.record.recorder import ReplicaLog


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
        self.stopwatch = stopwatch
        self.log = log
        self._loads = loads
        self._starts: list[float] = []
        self._alarm: Event = Event(clock)
        self._idle = False
        self._cut = 0
        pipelined = scheduler.config.async_scheduling
        self._earliest = 0 if pipelined else 1
        clock.process(self._pipelined() if pipelined else self._one_by_one())

    def submit(self, request: Request) -> None:
        """A request arrives now: it is seen when the next step is composed."""
        self.scheduler.add(request)
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

    def _one_by_one(self) -> Generator[Event, None, None]:
        """Synchronous scheduling: a step is composed when the one before has ended."""
        scheduler, clock, log = self.scheduler, self.clock, self.log
        while True:
            batch = scheduler.schedule()
            if batch is None:
                if not scheduler.preempted:  # else there is room now: try again at once
                    yield self._rest()
                continue
            if batch.admitted:
                log.admitted(batch.admitted, clock.now)
            starts = self.stopwatch.starts(batch, clock.now)
            yield self._sleep(starts, batch.num_steps)
            steps = self._cut
            self.stopwatch.ran(batch, steps)
            scheduler.advance(steps)
            log.steps(batch, steps, starts)
            if batch.first_tokens:
                log.first_tokens(batch.first_tokens, starts[1])
            finished = scheduler.commit(batch.first_step + steps - 1)
            if finished:
                log.finished(finished, starts[steps])
                self._loads[log.number] -= len(finished)

    def _pipelined(self) -> Generator[Event, None, None]:
        """Asynchronous scheduling: a step is composed while the one before it runs.

        ``flight`` is the step that the GPU is running; it has been composed before, and ends at
        ``landing``.
        """
        scheduler, clock, log = self.scheduler, self.clock, self.log
        flight: Batch | None = None
        landing, last_step = 0.0, -1
        while True:
            batch = scheduler.schedule()
            if batch is not None and batch.admitted:
                log.admitted(batch.admitted, clock.now)
            if flight is None:
                if batch is None:
                    if not scheduler.preempted:
                        yield self._rest()
                    continue
                batch.num_steps = steps = 1  # the next one is composed at once
                starts = self.stopwatch.starts(batch, clock.now)
            elif batch is None:
                yield self._sleep([landing], 0)
                steps = 0
            else:
                starts = self.stopwatch.starts(batch, landing)
                yield self._sleep(starts, batch.num_steps - 1)
                steps = self._cut + 1
                self.stopwatch.ran(batch, steps)
                scheduler.advance(steps)
            if flight is not None:
                if flight.first_tokens:
                    log.first_tokens(flight.first_tokens, landing)
                finished = scheduler.commit(last_step)
                if finished:
                    log.finished(finished, landing)
                    self._loads[log.number] -= len(finished)
            flight = batch
            if batch is not None:
                log.steps(batch, steps, starts)
                landing, last_step = starts[steps], batch.first_step + steps - 1
