"""Simulated time: SimPy's environment, with events at given instants."""

from __future__ import annotations

from heapq import heappush
from typing import Any

from simpy import Environment, Event

ARRIVAL, STEP = 1, 2
"""At one instant, requests arrive before a step that starts there is composed."""


class Clock(Environment):
    """A SimPy environment that can be told an instant instead of a delay.

    A delay is added to the present, which rounds; an instant that was computed once stays the same
    number.
    """

    def at(self, instant_s: float, priority: int = STEP) -> Event:
        """An event that happens at ``instant_s``, not before now."""
        event = Event(self)
        event._ok = True
        event._value = None
        entry: Any = (instant_s, priority, next(self._eid), event)
        heappush(self._queue, entry)
        return event
