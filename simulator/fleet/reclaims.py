"""What spot reclaims leave in a fleet, and until when."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

__all__ = ["Gaps", "Incident"]


class Incident(NamedTuple):
    """Something went wrong."""

    what: str
    """Kinds of the faults, and ``slo`` where requests missed the SLO; commas between."""
    start_s: float
    end_s: float
    replicas: tuple[int, ...] = ()
    """Those that faults struck."""


class Gaps:
    """What spot reclaims leave in a pool, from its events in order.

    Parameters
    ----------
    stopped_s : when each replica was given back. [s]
    end_s : end of the run. [s]
    """

    def __init__(self, stopped_s: Mapping[int, float], end_s: float) -> None:
        self.found: dict[int, Incident] = {}
        """By the number of the replica that is taken."""
        self._stopped_s, self._end_s = stopped_s, end_s
        self._place_of: dict[int, int] = {}
        """Whom a replica replaces that is not ready yet."""
        self._open: list[int] = []
        """Places that nobody is going to fill, the oldest first."""
        self._seen: set[int] = set()

    def take(self, time_s: float, event: str, number: int, value: float) -> None:
        """The next event."""
        if event == "reclaim notice":
            self.found[number] = Incident("spot_reclaim", time_s, self._end_s, (number,))
            self._open.append(number)
        elif event == "was leaving":
            self._open.remove(number)
            self._over(number, self._stopped_s[number])
        elif event == "to be replaced":
            self._open.remove(number)
        elif event == "replaces":
            self._place_of[number] = int(value)
            # Unless it is ready before; where nothing has to start up, it is already.
            self._over(int(value), time_s if number in self._seen else self._stopped_s[number])
        elif event == "ready" and number not in self._seen:
            self._seen.add(number)
            if number in self._place_of:
                self._over(self._place_of[number], time_s)
            elif self._open:
                self._over(self._open.pop(0), time_s)

    def _over(self, number: int, time_s: float) -> None:
        self.found[number] = self.found[number]._replace(end_s=time_s)
