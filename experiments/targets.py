"""Targets: what a fleet must keep to, as bounds on metrics."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, model_validator

from experiments.labels import scale, title
from experiments.measures import check_names
from hardware_profiles.errors import InputError
from hardware_profiles.value import Value

__all__ = ["Target", "Targets", "told"]

MORE_IS_BETTER = ("goodput", "throughput", "prefix_hit_rate")
"""Of these a bare number would be taken the wrong way round."""


class Target(Value):
    """A bound on a metric, on one side or on both."""

    metric: str
    """Name as in `experiments.measures`."""
    at_most: float | None = None
    at_least: float | None = None

    @model_validator(mode="after")
    def _bounds(self) -> Self:
        check_names([self.metric])
        low, high = self.at_least, self.at_most
        if low is None and high is None:
            raise InputError(f"{self.metric}: say at_most, at_least, or both")
        if low is not None and high is not None and low > high:
            raise InputError(f"{self.metric}: at_least ({low:g}) is above at_most ({high:g})")
        return self

    def excess(self, value: float) -> float:
        """How far a value lies beyond the bound, as a share of it; 0 or less if it is kept.

        A metric that cannot be said (the p99 of nothing) keeps no bound.

        >>> Target(metric="ttft.p99", at_most=0.5).excess(0.75)
        0.5
        """
        if math.isnan(value):
            return math.inf
        beyond = []
        if self.at_most is not None:
            beyond.append((value - self.at_most) / (abs(self.at_most) or 1.0))
        if self.at_least is not None:
            beyond.append((self.at_least - value) / (abs(self.at_least) or 1.0))
        return max(beyond)

    def __str__(self) -> str:
        parts = []
        for sign, bound in (("≥", self.at_least), ("≤", self.at_most)):
            if bound is not None:
                factor, unit = scale(self.metric, abs(bound))
                parts.append(f"{sign} {bound * factor:g}{' ' if unit else ''}{unit}")
        return f"{title(self.metric)} {' and '.join(parts)}"


def told(targets: Sequence[Target]) -> str:
    """Targets in words.

    >>> told([Target(metric="ttft.p99", at_most=0.5), Target(metric="tpot.p95", at_most=0.05)])
    'TTFT p99 ≤ 500 ms, TPOT p95 ≤ 50 ms'
    """
    return ", ".join(map(str, targets))


def _from_mapping(data: Any) -> Any:
    """``{ttft.p99: 0.5, goodput.share: {at_least: 0.99}}``; a bare number is an upper bound."""
    if not isinstance(data, Mapping):
        return data
    found = []
    for metric, bound in data.items():
        if isinstance(bound, Mapping):
            found.append(Target.parse({"metric": metric, **bound}))
            continue
        check_names([str(metric)])
        if str(metric).startswith(MORE_IS_BETTER):
            raise InputError(f"{metric}: say which with {{at_least: {bound}}} or at_most")
        found.append(Target.parse({"metric": metric, "at_most": bound}))
    return tuple(found)


Targets = Annotated[tuple[Target, ...], BeforeValidator(_from_mapping)]
