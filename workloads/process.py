"""What every arrival process can do: draw instants, and know its own mean rate."""

from collections.abc import Callable
from typing import Annotated, ClassVar, Self

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from pydantic import Field

from hardware_profiles.errors import InputError
from hardware_profiles.value import Value

__all__ = ["NotNegative", "Positive", "Process", "Renewal", "Seconds", "points_until", "unit_gaps"]

Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Seconds = NDArray[np.float64]

MOST_REQUESTS = 200_000_000
"""More at once is taken for a slip of the pen (a week of a large cloud has 44 million)."""


class Process(Value):
    """Instants at which requests (or sessions) begin."""

    closed: ClassVar[bool] = False
    """Whether requests wait for answers instead of the clock."""

    def scaled(self, factor: float) -> Self:
        """The same process with every rate so many times as high; its clock times stay."""
        rates = {
            name for name in type(self).model_fields if name.endswith(("rate_per_s", "rates_per_s"))
        }
        changed = {
            name: tuple(rate * factor for rate in value)
            if isinstance(value, tuple)
            else value * factor
            for name in rates
            for value in [getattr(self, name)]
        }
        return self.model_copy(update=changed)

    def sample(
        self, rng: Generator, num_requests: int | None = None, horizon_s: float | None = None
    ) -> Seconds:
        """Instants in order [s]: the first `num_requests`, those before `horizon_s`, or both.

        Raises
        ------
        InputError
            If neither limit is given, or the process ends before it has made so many.
        """
        if num_requests is None and horizon_s is None:
            raise InputError("traffic: give num_requests, a duration, or both; else it never ends")
        expected = np.inf if num_requests is None else num_requests
        if expected > MOST_REQUESTS and horizon_s is not None:
            expected = min(expected, self.mean_rate(horizon_s) * horizon_s)
        refuse_too_many(expected)
        return self._points(rng, num_requests, horizon_s)

    def mean_rate(self, horizon_s: float | None = None) -> float:
        """Requests per second over ``[0, horizon_s)``; in the long run where none is given."""
        raise NotImplementedError

    def gap_cv(self) -> float | None:
        """Coefficient of variation of the time between arrivals; None where it has no one value."""
        return None

    def _points(self, rng: Generator, number: int | None, horizon_s: float | None) -> Seconds:
        raise NotImplementedError


class Renewal(Process):
    """Gaps that know nothing of one another; 0 is an instant of arrival that is not counted."""

    rate_per_s: Positive
    """Requests per second."""

    def mean_rate(self, horizon_s: float | None = None) -> float:
        return self.rate_per_s

    def _unit_gaps(self, rng: Generator, number: int) -> Seconds:
        """Gaps with a mean of 1."""
        raise NotImplementedError

    def _points(self, rng: Generator, number: int | None, horizon_s: float | None) -> Seconds:
        end = None if horizon_s is None else horizon_s * self.rate_per_s
        points = points_until(lambda n: self._unit_gaps(rng, n), number, end) / self.rate_per_s
        return points if horizon_s is None else points[points < horizon_s]


def refuse_too_many(requests: float) -> None:
    """Raise `InputError` where so many requests would not fit any memory."""
    if requests > MOST_REQUESTS:
        raise InputError(
            f"traffic: {requests:.3g} requests are too many; expected {MOST_REQUESTS:.0e} or fewer"
        )


def points_until(gaps: Callable[[int], Seconds], number: int | None, end: float | None) -> Seconds:
    """Running sum of gaps with mean 1: the first `number`, those below `end`, or both."""
    if end is None:
        return np.cumsum(gaps(number or 0))
    drawn, total = [], 0.0
    want = np.inf if number is None else number
    while total < end and want > 0:
        guess = min(end - total + 4 * np.sqrt(end - total) + 16, want)
        piece = total + np.cumsum(gaps(int(guess)))
        drawn.append(piece)
        total, want = float(piece[-1]), want - len(piece)
    points = np.concatenate([np.zeros(0), *drawn])
    return points[points < end]


def unit_gaps(rng: Generator, number: int, cv: float) -> Seconds:
    """Gamma gaps with mean 1: `cv` 1 is Poisson, below more even, above more bursty."""
    shape = 1 / cv**2
    return rng.gamma(shape, 1 / shape, number)
