"""Alert rules, as a monitoring system would be given them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from hardware_profiles.errors import InputError
from hardware_profiles.profile import Text
from hardware_profiles.value import Value

__all__ = ["AlertRules", "Burn", "IncidentRule", "Level", "Quantile", "Rule"]

LARGEST = 1e9
"""Thirty years in seconds, and more requests than any fleet has: what is larger is a slip."""
Share = Annotated[float, Field(gt=0, lt=1)]
Positive = Annotated[float, Field(gt=0, le=LARGEST)]
NotNegative = Annotated[float, Field(ge=0, le=LARGEST)]
SHARES = ("busy_share", "kv_use")


class _Rule(Value):
    name: Text
    hold_s: NotNegative = 0.0
    """It fires when its condition has held at every look for so long (Prometheus's ``for``). [s]"""
    keep_firing_s: NotNegative = 0.0
    """It clears when its condition has not held for so long (``keep_firing_for``). [s]"""


class Quantile(_Rule):
    """A quantile of a latency over a window is above a bound.

    Only requests that have one count: none that was rejected, or still waits for its first token.
    It is exact; Prometheus reads it off buckets, and comes to the same verdict where the bound is
    the bound of a bucket.
    """

    kind: Literal["quantile"] = "quantile"
    latency: Literal["ttft_s", "tpot_s", "e2e_s", "queue_s"] = "ttft_s"
    q: Share = 0.99
    window_s: Positive = 300.0
    above_s: Positive
    least: Annotated[int, Field(ge=1)] = 10
    """With fewer requests in the window nothing is said."""

    @property
    def bound(self) -> float:
        """What is not to be exceeded. [s]"""
        return self.above_s

    @property
    def shortest_s(self) -> float:
        """The shortest window. [s]"""
        return self.window_s


class Burn(_Rule):
    """The error budget burns too fast over a long and over a short window (SRE Workbook, ch. 5).

    An error is a request that missed the SLO or did not get to its end, seen when it ended. The
    rate is the share of errors over the share that the objective allows.
    """

    kind: Literal["burn_rate"] = "burn_rate"
    objective: Share = 0.99
    long_s: Positive = 3600.0
    short_s: Positive = 300.0
    above: Positive = 14.4
    least: Annotated[int, Field(ge=1)] = 1
    """With fewer requests in the short window nothing is said."""

    @model_validator(mode="after")
    def _can_fire(self) -> Burn:
        if self.short_s > self.long_s:
            raise InputError(f"short_s ({self.short_s:g}) is longer than long_s ({self.long_s:g})")
        most = 1 / (1 - self.objective)
        if self.above >= most * (1 - 1e-9):
            raise InputError(
                f"above: with objective {self.objective:g} a burn rate is at most {most:.4g}, "
                f"so that it is never above {self.above:g}"
            )
        return self

    @property
    def bound(self) -> float:
        """What is not to be exceeded, times the budget."""
        return self.above

    @property
    def shortest_s(self) -> float:
        """The shortest window. [s]"""
        return self.short_s


class Level(_Rule):
    """A quantity of the fleet, mean over a window, is above a bound."""

    kind: Literal["level"] = "level"
    of: Literal["waiting", "running", "busy_share", "kv_use", "down"]
    """Requests, but for the shares; ``down``: replicas that a fault has taken and that are not
    back: out of order, loading weights again, or reclaimed and not yet replaced."""
    window_s: Positive = 60.0
    above: NotNegative

    @model_validator(mode="after")
    def _can_fire(self) -> Level:
        if self.of in SHARES and self.above >= 1:
            raise InputError(
                f"above: {self.of} is a share, never above 1; found {self.above:g}, "
                f"say 0.95 for 95 %"
            )
        return self

    @property
    def bound(self) -> float:
        """What is not to be exceeded: requests, replicas, or a share."""
        return self.above

    @property
    def shortest_s(self) -> float:
        """The shortest window. [s]"""
        return self.window_s


Rule = Annotated[Quantile | Burn | Level, Field(discriminator="kind")]


class IncidentRule(Value):
    """When users' trouble is an incident; faults always are."""

    bin_s: Positive = 60.0
    """Requests are judged by the bin in which they arrived. [s]"""
    bad_share: Share = 0.05
    """Of a bin's requests, above which it is bad."""
    least: Annotated[int, Field(ge=1)] = 3
    """Bad requests that it takes at least: one in a quiet minute is no incident."""
    join_s: NotNegative = 120.0
    """What begins at most so long after another has ended is the same incident. [s]"""


class AlertRules(Value):
    """Rules, how often they are looked at, and what they are held against."""

    interval_s: Positive = 15.0
    """Between two scrapes; rules are looked at with each. [s]"""
    grace_s: NotNegative = 300.0
    """An alert that fires so long after an incident has ended is still about it. [s]"""
    early_s: NotNegative = 120.0
    """One that fires so long before an incident begins warned of it; of a sudden fault it cannot
    have known, so that much more than a minute or two counts luck as foresight. [s]"""
    incidents: IncidentRule = IncidentRule()
    rules: tuple[Rule, ...]

    @model_validator(mode="after")
    def _sensible(self) -> AlertRules:
        if not self.rules:
            raise InputError("rules: expected at least one, found none")
        names = [rule.name for rule in self.rules]
        for name in names:
            if names.count(name) > 1:
                raise InputError(f"rules: {names.count(name)} are called {name!r}; names differ")
        for place, rule in enumerate(self.rules):
            if rule.shortest_s < self.interval_s:
                raise InputError(
                    f"rules.{place}: {rule.name}: its window of {rule.shortest_s:g} s is shorter "
                    f"than interval_s ({self.interval_s:g}), so that it would overlook requests"
                )
        return self
