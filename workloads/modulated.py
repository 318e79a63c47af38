"""Arrivals whose rate changes: bursts that come and go by chance, and spikes at a set hour.

Points of a process with rate 1 are laid on the *operational* clock, which counts the requests
expected so far; reading that clock backwards gives the instants. With `cv` 1 this is the
non-homogeneous Poisson process, exactly.
"""

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from pydantic import model_validator

from hardware_profiles.errors import InputError
from workloads.process import NotNegative, Positive, Process, Seconds, points_until, unit_gaps

__all__ = ["MMPP", "Pieces", "RateProfile", "Spike"]

Pieces = tuple[Seconds, NDArray[np.float64]]
"""Edges [s], shape (n + 1,), beginning with 0; and the rate between them [1/s], shape (n,)."""

_FIRST_LOOK_S = 3600.0
_DOUBLINGS = 40


class RateProfile(Process):
    """A rate that is a known function of time, constant in pieces."""

    cv: Positive = 1.0
    """Burstiness on top: coefficient of variation of gaps on the operational clock."""

    def pieces(self, until_s: float) -> Pieces:
        """Rates over ``[0, until_s)`` at least."""
        raise NotImplementedError

    def mean_rate(self, horizon_s: float | None = None) -> float:
        until = horizon_s or _FIRST_LOOK_S * 24 * 7 * 52
        edges, rates = self.pieces(until)
        held = np.clip(np.diff(np.minimum(edges, until)), 0, None)
        return float(held @ rates) / until

    def _points(self, rng: Generator, number: int | None, horizon_s: float | None) -> Seconds:
        def gaps(n: int) -> Seconds:
            return unit_gaps(rng, n, self.cv)

        return _warped(gaps, self.pieces, number, horizon_s)


class Spike(RateProfile):
    """A quiet rate with one stretch of another: a launch, a newsletter, a retry wave."""

    kind: Literal["spike"] = "spike"
    base_rate_per_s: NotNegative
    spike_rate_per_s: NotNegative
    start_s: NotNegative
    duration_s: Positive

    def pieces(self, until_s: float) -> Pieces:
        end = self.start_s + self.duration_s
        edges = np.array([0.0, self.start_s, end, max(until_s, end + 1)])
        rates = np.array([self.base_rate_per_s, self.spike_rate_per_s, self.base_rate_per_s])
        return edges, rates

    def mean_rate(self, horizon_s: float | None = None) -> float:
        return self.base_rate_per_s if horizon_s is None else super().mean_rate(horizon_s)


class MMPP(Process):
    """Markov-modulated Poisson: two states, each with its rate, held for exponential times.

    Source: Fischer and Meier-Hellstern, "The Markov-modulated Poisson process (MMPP) cookbook",
    Performance Evaluation 18 (1993) 149-171.
    """

    kind: Literal["mmpp"] = "mmpp"
    on_rate_per_s: Positive
    off_rate_per_s: NotNegative = 0.0
    on_s: Positive
    """Mean length of a busy stretch [s]."""
    off_s: Positive
    """Mean length of a quiet stretch [s]."""

    @model_validator(mode="after")
    def _on_is_on(self) -> "MMPP":
        if self.off_rate_per_s >= self.on_rate_per_s:
            raise InputError("mmpp: expected on_rate_per_s above off_rate_per_s")
        return self

    def mean_rate(self, horizon_s: float | None = None) -> float:
        on, off = self.on_s, self.off_s
        return (self.on_rate_per_s * on + self.off_rate_per_s * off) / (on + off)

    def gap_cv(self) -> float:
        r"""From the moments $E[X^k] = k!\,\varphi(\Lambda - Q)^{-k} 1$ (MMPP cookbook, sec. 2)."""
        rates = np.array([self.on_rate_per_s, self.off_rate_per_s])
        leave = np.array([[-1 / self.on_s, 1 / self.on_s], [1 / self.off_s, -1 / self.off_s]])
        share = np.array([self.on_s, self.off_s]) * rates
        inverse = np.linalg.inv(np.diag(rates) - leave)
        start = share / share.sum()
        first = float(start @ inverse @ np.ones(2))
        second = 2 * float(start @ inverse @ inverse @ np.ones(2))
        return float(np.sqrt(second / first**2 - 1))

    def dispersion(self) -> float:
        """Variance over mean of the number of arrivals in a long time (1 for Poisson)."""
        on, off = 1 / self.on_s, 1 / self.off_s
        gap = self.on_rate_per_s - self.off_rate_per_s
        weight = self.on_rate_per_s * off + self.off_rate_per_s * on
        return 1 + 2 * gap**2 * on * off / ((on + off) ** 2 * weight)

    def _points(self, rng: Generator, number: int | None, horizon_s: float | None) -> Seconds:
        states, points = rng.spawn(2)
        first_on = states.random() < self.on_s / (self.on_s + self.off_s)
        even, odd = (self.on_s, self.off_s) if first_on else (self.off_s, self.on_s)
        even_rate = self.on_rate_per_s if first_on else self.off_rate_per_s
        odd_rate = self.off_rate_per_s if first_on else self.on_rate_per_s
        held: list[Seconds] = []

        def pieces(until_s: float) -> Pieces:
            while sum(float(part.sum()) for part in held) < until_s:
                cycles = int(until_s / (self.on_s + self.off_s)) + 16
                drawn = states.standard_exponential((cycles, 2)) * np.array([even, odd])
                held.append(drawn.ravel())
            durations = np.concatenate(held)
            rates = np.where(np.arange(len(durations)) % 2 == 0, even_rate, odd_rate)
            return np.concatenate(([0.0], np.cumsum(durations))), rates

        return _warped(points.standard_exponential, pieces, number, horizon_s)


def _warped(
    gaps: Callable[[int], Seconds],
    pieces: Callable[[float], Pieces],
    number: int | None,
    horizon_s: float | None,
) -> Seconds:
    """Instants of a process with these rates, from gaps of mean 1 on the operational clock."""
    if horizon_s is not None:
        edges, expected = _clock(pieces(horizon_s))
        end = float(np.interp(horizon_s, edges, expected))
        instants = np.interp(points_until(gaps, number, end), expected, edges)
        return np.asarray(instants[instants < horizon_s])
    points = points_until(gaps, number, None)
    until = _FIRST_LOOK_S
    for _ in range(_DOUBLINGS):
        edges, expected = _clock(pieces(until))
        if not len(points) or expected[-1] >= points[-1]:
            return np.asarray(np.interp(points, expected, edges))
        until *= 2
    raise InputError(
        f"traffic: its rate falls to nothing after some {expected[-1]:.0f} requests, "
        f"{number} were asked for"
    )


def _clock(pieces: Pieces) -> tuple[Seconds, NDArray[np.float64]]:
    """Edges [s] and the number of requests expected up to each."""
    edges, rates = pieces
    return edges, np.concatenate(([0.0], np.cumsum(rates * np.diff(edges))))
