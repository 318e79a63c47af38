"""Closed loops: the next request is sent because an answer came, not because the clock says so.

What a request waits for is in the trace (`Trace.follows`, `Trace.delay_s`,
`Trace.max_concurrency`, with `Trace.closed_loop` set); when it is sent is decided by the running
part, which alone knows when the answer came.
"""

from typing import Annotated, ClassVar, Literal

import numpy as np
from numpy.random import Generator
from pydantic import Field

from hardware_profiles.errors import InputError
from workloads.process import NotNegative, Process, Seconds, refuse_too_many

__all__ = ["ClosedLoop", "Concurrency"]


class _Closed(Process):
    """Work that is handed out as fast as it is done."""

    closed: ClassVar[bool] = True

    def sample(
        self, rng: Generator, num_requests: int | None = None, horizon_s: float | None = None
    ) -> Seconds:
        if num_requests is None:
            raise InputError(
                f"arrivals: {getattr(self, 'kind', '')}: give num_requests; how many there are in "
                "a time depends on the server"
            )
        refuse_too_many(num_requests)
        return self._points(rng, num_requests, horizon_s)

    def mean_rate(self, horizon_s: float | None = None) -> float:
        raise InputError("arrivals: a closed loop has no rate of its own; the server sets it")


class ClosedLoop(_Closed):
    """So many users: each thinks, asks, waits for the answer, and thinks again."""

    kind: Literal["closed_loop"] = "closed_loop"
    users: Annotated[int, Field(ge=1)]
    think_s: NotNegative = 0.0
    """Mean time from an answer to the same user's next question [s]."""
    think_cv: Annotated[float, Field(ge=0, le=10)] = 1.0
    ramp_s: NotNegative = 0.0
    """Users begin evenly spread over this time."""

    def _points(self, rng: Generator, number: int | None, horizon_s: float | None) -> Seconds:
        user = np.arange(number or 0) % self.users
        return np.asarray(user * (self.ramp_s / self.users))

    def pauses(self, rng: Generator, number: int) -> Seconds:
        """Think times [s], shape (number,)."""
        if self.think_cv == 0 or self.think_s == 0:
            return np.full(number, self.think_s)
        shape = 1 / self.think_cv**2
        return rng.gamma(shape, self.think_s / shape, number)


class Concurrency(_Closed):
    """A list of requests of which so many are always under way (``vllm bench --max-concurrency``).

    The next on the list is sent when any of them ends.
    """

    kind: Literal["concurrency"] = "concurrency"
    max_concurrency: Annotated[int, Field(ge=1)]

    def _points(self, rng: Generator, number: int | None, horizon_s: float | None) -> Seconds:
        return np.zeros(number or 0)
