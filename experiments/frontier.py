"""The capacity frontier: the greatest rate that a fleet bears within its targets."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from experiments.judging import Ask, Verdict

__all__ = ["Capacity", "capacity"]

NARROW = 1.02
"""Ratio of the bounds at which it is good enough."""
EDGE = 4
"""So many times further apart, on a logarithmic scale, may the bounds of a doubtful stretch be."""
MOST_TRIES = 40


class Capacity(NamedTuple):
    """The greatest rate within the targets, between two rates that were tried."""

    borne_per_s: float
    """Greatest rate at which the targets were kept; 0 if at none. [1/s]"""
    not_borne_per_s: float
    """Least rate at which they were not; infinite if they always were. [1/s]"""
    sure: bool
    """Whether the bounds are as near as was asked; if not, the rates between them cannot be told
    from chance with as many runs as were allowed."""
    tries: int

    @property
    def rate_per_s(self) -> float:
        """Middle of the bounds. [1/s]"""
        if math.isinf(self.not_borne_per_s):
            return self.borne_per_s
        return math.sqrt(self.borne_per_s * self.not_borne_per_s)


def capacity(
    probe: Callable[[float], Ask[Verdict]], guess_per_s: float, narrow: float = NARROW
) -> Ask[Capacity]:
    """Bisect the rate, on a logarithmic scale, until the bounds are near or the noise is reached.

    A rate at which the runs leave doubt is close to the frontier. It is taken as neither bound:
    each side is searched for the nearest rate that is clear, so that the bounds are of clear
    verdicts and enclose what is in doubt.

    Parameters
    ----------
    probe : asks whether the targets are kept at a rate. [1/s]
    guess_per_s : where to begin.
    narrow : ratio of the bounds at which to stop, above 1.
    """
    if not (math.isfinite(guess_per_s) and guess_per_s > 0 and narrow > 1):
        raise ValueError(
            f"expected a rate above 0 and a ratio above 1, found {guess_per_s}, {narrow}"
        )
    low, high, doubt = 0.0, math.inf, []
    rate = guess_per_s
    for tries in range(1, MOST_TRIES + 1):
        verdict = yield from probe(rate)
        if not verdict.sure:
            doubt.append(rate)
        elif verdict.meets:
            low = max(low, rate)
        else:
            high = min(high, rate)
        doubt = [one for one in doubt if low < one < high]
        if rate < guess_per_s / 1e6 or rate > guess_per_s * 1e6:
            return Capacity(low, high, False, tries)
        following = _next(rate, low, high, doubt, narrow)
        if following is None:
            return Capacity(low, high, not doubt, tries)
        rate = following
    return Capacity(low, high, False, MOST_TRIES)


def _next(rate: float, low: float, high: float, doubt: list[float], narrow: float) -> float | None:
    """The rate to try, or None if there is nothing more to learn."""
    if low == 0.0 and math.isinf(high):
        return min(doubt) / 1.5 if doubt else rate / 1.5
    if low == 0.0:
        return min([high, *doubt]) / 2
    if math.isinf(high):
        return max([low, *doubt]) * 2
    if not doubt:
        return math.sqrt(low * high) if high / low > narrow else None
    # What is in doubt is a stretch of rates; its ends need not be known so well as a point.
    edge = narrow**EDGE
    if min(doubt) / low > edge:
        return math.sqrt(low * min(doubt))
    return math.sqrt(max(doubt) * high) if high / max(doubt) > edge else None
