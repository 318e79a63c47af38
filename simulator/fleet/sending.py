"""Arrivals: by the clock, or in a closed loop by the answers."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING

import numpy as np
from simpy import Event

from simulator.clock import ARRIVAL
from workloads.trace import Trace

if TYPE_CHECKING:
    from simulator.fleet.gateway import Gateway

Progress = Callable[[float], None]
SHOWN_EVERY = 512


class OpenLoop:
    """Each row at its time, whatever the fleet does."""

    def __init__(self, trace: Trace, gateway: Gateway, progress: Progress | None) -> None:
        self._trace = trace
        self._gateway = gateway
        self._progress = progress

    def process(self) -> Generator[Event, None, None]:
        """The process of all arrivals."""
        at, arrive, total = self._gateway.clock.at, self._gateway.door(), len(self._trace)
        for row, arrival_s in enumerate(self._trace.arrival_s.tolist()):
            if self._progress is not None and row % SHOWN_EVERY == 0:
                self._progress(row / total)
            yield at(arrival_s, ARRIVAL)
            arrive(row)

    def answered(self, row: int) -> None:
        """Nothing follows from it."""


class ClosedLoop(OpenLoop):
    """A row is sent when what it follows has been answered, and fewer than the limit are out."""

    def __init__(self, trace: Trace, gateway: Gateway, progress: Progress | None) -> None:
        super().__init__(trace, gateway, progress)
        rows = len(trace)
        self._limit = trace.max_concurrency or rows
        self._out = 0
        self._line: deque[int] = deque()
        self._after: dict[int, list[int]] = {}
        self._delay = np.zeros(rows) if trace.delay_s is None else trace.delay_s
        if trace.follows is not None:
            for row in np.flatnonzero(trace.follows >= 0).tolist():
                self._after.setdefault(int(trace.follows[row]), []).append(row)

    def process(self) -> Generator[Event, None, None]:
        """Those that follow nobody, at their time; the rest comes of answers."""
        follows = self._trace.follows
        for row, arrival_s in enumerate(self._trace.arrival_s.tolist()):
            if follows is None or follows[row] < 0:
                yield self._gateway.clock.at(arrival_s, ARRIVAL)
                self._stand_in_line(row)

    def _stand_in_line(self, row: int) -> None:
        self._line.append(row)
        self._send()

    def _send(self) -> None:
        while self._line and self._out < self._limit:
            self._out += 1
            self._gateway.arrive(self._line.popleft())

    def answered(self, row: int) -> None:
        """A place is free, and those who waited for this answer have it."""
        gateway = self._gateway
        self._out -= 1
        for next_row in self._after.get(row, ()):
            when = max(
                gateway.clock.now + float(self._delay[next_row]),
                float(self._trace.arrival_s[next_row]),
            )
            gateway.at(when, lambda r=next_row: self._stand_in_line(r))  # type: ignore[misc]
        if self._line:
            gateway.at(gateway.clock.now, self._send)
