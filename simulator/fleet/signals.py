"""What a router knows of the replicas: live, or as it was when they were last asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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

    def know(self, number: int) -> None:
        """There is a new replica."""

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
    """The same as of the last round of asking, every ``every_s`` seconds from the beginning."""

    def __init__(
        self, live: Signals, at: Callable[[float, Callable[[], object]], None], every_s: float
    ) -> None:
        super().__init__(live.units, [], [])
        self._live = live
        self._at = at
        self._every_s = every_s
        self._round = 0
        self._waiting: list[int] = []
        self._kv: list[float] = []
        at(0.0, self._ask)

    def _ask(self) -> None:
        """Ask all replicas, and again when the next round is due."""
        live, numbers = self._live, range(len(self.units))
        self.loads[:], self.tokens[:] = live.loads, live.tokens
        self._waiting = [live.waiting(n) for n in numbers]
        self._kv = [live.kv_use(n) for n in numbers]
        self._round += 1
        self._at(self._round * self._every_s, self._ask)

    def know(self, number: int) -> None:
        """There is a new replica; it is taken to be empty until it has been asked."""
        more = number + 1 - len(self.loads)
        for column in (self.loads, self.tokens, self._waiting):
            column.extend([0] * more)
        self._kv.extend([0.0] * more)

    def waiting(self, number: int) -> int:
        """Requests in the replica's own queue when it was asked."""
        return self._waiting[number]

    def kv_use(self, number: int) -> float:
        """Share of the KV blocks in use when it was asked."""
        return self._kv[number]
