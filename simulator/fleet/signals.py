"""What a router knows of the replicas: live, or as it was when they were last asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulator.clock import Clock
    from simulator.fleet.unit import Unit


class Signals:
    """Columns indexed by a replica's number.

    ``loads``: requests there, running or waiting. ``tokens``: prompt tokens of those. The queue and
    the KV memory in use are the engine's own numbers, as of the last step it composed.
    """

    def __init__(self, units: Sequence[Unit], loads: list[int], tokens: list[int]) -> None:
        self.units = units
        self.loads = loads
        self.tokens = tokens

    def waiting(self, number: int) -> int:
        """Requests in the replica's own queue."""
        engine = self.units[number].engine
        return len(engine.scheduler.waiting) if engine else 0

    def kv_use(self, number: int) -> float:
        """Share of the KV blocks in use."""
        engine = self.units[number].engine
        if engine is None:
            return 0.0
        pool = engine.scheduler.pool
        return 1.0 - pool.free / pool.num_blocks


class StaleSignals(Signals):
    """The same as of the last round of asking, every ``every_s`` seconds."""

    def __init__(
        self,
        units: Sequence[Unit],
        loads: list[int],
        tokens: list[int],
        clock: Clock,
        every_s: float,
    ) -> None:
        super().__init__(units, list(loads), list(tokens))
        self._live = Signals(units, loads, tokens)
        self._clock = clock
        self._every_s = every_s
        self._asked_at = -1
        self._waiting: list[int] = []
        self._kv: list[float] = []

    def refresh(self) -> None:
        """Ask all replicas, if a round was due since they were asked.

        A round is asked at its first use, which is at most ``every_s`` after it was due.
        """
        due = int(self._clock.now / self._every_s)
        if due == self._asked_at:
            for column in (self.loads, self.tokens, self._waiting):
                column.extend([0] * (len(self.units) - len(column)))
            self._kv.extend([0.0] * (len(self.units) - len(self._kv)))
            return
        self._asked_at = due
        numbers = range(len(self.units))
        self.loads[:], self.tokens[:] = self._live.loads, self._live.tokens
        self._waiting = [self._live.waiting(n) for n in numbers]
        self._kv = [self._live.kv_use(n) for n in numbers]

    def waiting(self, number: int) -> int:
        """Requests in the replica's own queue when it was asked."""
        self.refresh()
        return self._waiting[number]

    def kv_use(self, number: int) -> float:
        """Share of the KV blocks in use when it was asked."""
        self.refresh()
        return self._kv[number]
