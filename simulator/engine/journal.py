"""What a scheduler writes down as it goes: who computed which tokens in which step."""

from __future__ import annotations

from array import array

import numpy as np
from numpy.typing import NDArray


class Journal:
    """Growing columns of one replica: prompt chunks, and stays in the decode group."""

    __slots__ = ("chunks", "stays")

    CHUNK = ("request", "step", "tokens", "context", "cached")
    STAY = ("request", "first_step", "last_step", "context")

    def __init__(self) -> None:
        self.chunks = array("q")
        self.stays = array("q")

    def chunk(self, request: int, step: int, tokens: int, context: int, cached: int) -> None:
        """The request computes ``tokens`` prompt tokens after ``context`` others in ``step``.

        ``cached`` are those of the context that were found in the cache just before.
        """
        self.chunks.extend((request, step, tokens, context, cached))

    def stay(self, request: int, first_step: int, last_step: int, context: int) -> None:
        """One token of the request in each of the steps, the first after ``context`` others."""
        self.stays.extend((request, first_step, last_step, context))

    def cut(self, step: int) -> None:
        """Steps from ``step`` on were composed and never ran: nothing was computed in them."""
        chunks = np.array(self.chunks, dtype=np.int64).reshape(-1, len(self.CHUNK))
        stays = np.array(self.stays, dtype=np.int64).reshape(-1, len(self.STAY))
        stays = stays[stays[:, 1] < step]
        stays[:, 2] = np.minimum(stays[:, 2], step - 1)
        self.chunks = array("q", chunks[chunks[:, 1] < step].tobytes())
        self.stays = array("q", stays.tobytes())

    def oldest_step(self) -> int | None:
        """First step that any row is about; None without rows."""
        chunks = np.array(self.chunks, dtype=np.int64).reshape(-1, len(self.CHUNK))[:, 1]
        stays = np.array(self.stays, dtype=np.int64).reshape(-1, len(self.STAY))[:, 1]
        return min([int(steps.min()) for steps in (chunks, stays) if len(steps)], default=None)

    def forget(self, told: NDArray[np.int64]) -> None:
        """Strike off the rows of these requests."""
        self.chunks = _without(self.chunks, len(self.CHUNK), told)
        self.stays = _without(self.stays, len(self.STAY), told)


def _without(rows: array[int], width: int, told: NDArray[np.int64]) -> array[int]:
    table = np.array(rows, dtype=np.int64).reshape(-1, width)
    return array("q", table[~np.isin(table[:, 0], told)].tobytes())
