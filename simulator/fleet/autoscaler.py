"""How many replicas there should be: a policy looks at the fleet, and says a number."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from math import ceil
from typing import Annotated, Literal, NamedTuple

from pydantic import Field, model_validator

from hardware_profiles.errors import InputError
from hardware_profiles.profile import NotNegative, Positive
from hardware_profiles.value import Value
from simulator.fleet.beat import SHORTEST_S, Beat

__all__ = [
    "Autoscaler",
    "Fixed",
    "Predictive",
    "Scheduled",
    "Seen",
    "TargetConcurrency",
    "TargetKVUse",
    "TargetQueue",
]

DAY_S = 86_400.0


class Seen(NamedTuple):
    """What an autoscaler may know."""

    now_s: float
    replicas: int
    """Held and ready, or coming; one that is being replaced counts once."""
    ready: int
    in_flight: int
    """Requests that wait or run, at the gateway too."""
    waiting: int
    kv_use: float
    """Mean over ready replicas, share."""
    arrived: int
    """Requests since the beginning: all that were made; of several pools, those it took."""


Desired = Callable[[Seen], float]
"""An autoscaler at work: the number of replicas that would be right just now."""


class _Scaler(Value):
    min_replicas: Annotated[int, Field(ge=0)] = 1
    max_replicas: Annotated[int, Field(ge=1, le=100_000)]
    interval_s: Beat = 15.0
    """Time between two looks; 0: at every arrival and every end of a request. [s]"""
    scale_up_window_s: NotNegative = 0.0
    """It goes up to the smallest number wanted within so long. [s]"""
    scale_down_window_s: NotNegative = 300.0
    """It goes down to the largest number wanted within so long. [s]"""
    tolerance: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Differences of a smaller share change nothing."""
    max_step_up: Annotated[int, Field(ge=1)] | None = None
    """Replicas asked for at one look at most."""

    @model_validator(mode="after")
    def _ordered(self) -> _Scaler:
        if self.min_replicas > self.max_replicas:
            raise InputError(
                f"min_replicas ({self.min_replicas}) is above max_replicas ({self.max_replicas})"
            )
        return self

    def start(self) -> Desired:
        """What runs."""
        raise NotImplementedError


class Fixed(_Scaler):
    """Always ``max_replicas``; what has failed for good is replaced."""

    kind: Literal["fixed"] = "fixed"

    def start(self) -> Desired:
        """What runs."""
        return lambda seen: self.max_replicas


class TargetConcurrency(_Scaler):
    """So many requests for each replica (the HPA's rule: ``ceil(replicas × value / target)``)."""

    kind: Literal["target_concurrency"] = "target_concurrency"
    target: Positive

    def start(self) -> Desired:
        """What runs."""
        return lambda seen: _toward(seen, seen.in_flight / self.target, self.tolerance)


class TargetQueue(_Scaler):
    """So many waiting requests for each replica."""

    kind: Literal["target_queue"] = "target_queue"
    target: Positive

    def start(self) -> Desired:
        """What runs."""

        def desired(seen: Seen) -> float:
            # An empty queue does not say how many are too many: one replica less at a time.
            if seen.waiting == 0:
                return seen.replicas - (1 if seen.in_flight or seen.replicas > 1 else seen.replicas)
            return _toward(seen, seen.waiting / self.target, self.tolerance)

        return desired


class TargetKVUse(_Scaler):
    """Such a share of the KV memory in use."""

    kind: Literal["target_kv_use"] = "target_kv_use"
    target: Annotated[float, Field(gt=0, le=1)] = 0.7

    def start(self) -> Desired:
        """What runs."""

        def desired(seen: Seen) -> float:
            if not seen.ready:
                return 1 if seen.in_flight else 0
            wanted = seen.ready * seen.kv_use / self.target
            least = 1 if seen.in_flight else 0
            return max(least, _toward(seen, wanted, self.tolerance))

        return desired


class Level(Value):
    """From a time of the day on, so many replicas."""

    from_h: Annotated[float, Field(ge=0, lt=24)]
    replicas: Annotated[int, Field(ge=0)]


class Scheduled(_Scaler):
    """By the time of day; the run begins at midnight, ``start_h`` hours later."""

    kind: Literal["scheduled"] = "scheduled"
    levels: tuple[Level, ...]
    start_h: Annotated[float, Field(ge=0, lt=24)] = 0.0
    scale_down_window_s: NotNegative = 0.0

    @model_validator(mode="after")
    def _in_order(self) -> Scheduled:
        hours = [level.from_h for level in self.levels]
        if not hours or hours != sorted(set(hours)):
            raise InputError("expected at least one, in order of from_h", ("levels",))
        for place, level in enumerate(self.levels):
            if not self.min_replicas <= level.replicas <= self.max_replicas:
                raise InputError(
                    f"{level.replicas} replicas is not between min_replicas "
                    f"({self.min_replicas}) and max_replicas ({self.max_replicas})",
                    ("levels", place),
                )
        return self

    def start(self) -> Desired:
        """What runs."""
        hours = [level.from_h for level in self.levels]

        def desired(seen: Seen) -> float:
            hour = (seen.now_s / 3600 + self.start_h) % 24
            return self.levels[bisect_right(hours, hour) - 1].replicas

        return desired


class Predictive(_Scaler):
    """For the rate forecast ``lead_s`` from now: that of a period ago, at the present level.

    ``rate(t + lead) = rate(t + lead - period) × rate(t) / rate(t - period)`` over ``window_s``;
    before a period has passed, the present rate.
    """

    kind: Literal["predictive"] = "predictive"
    requests_per_s: Positive
    """What one replica serves in time. [1/s]"""
    period_s: Positive = DAY_S
    lead_s: NotNegative = 300.0
    window_s: Positive = 300.0
    interval_s: Annotated[float, Field(ge=SHORTEST_S)] = 15.0

    def start(self) -> Desired:
        """What runs: arrivals counted at each look."""
        times, counts = [0.0], [0]

        def count(at_s: float) -> int:
            return counts[max(bisect_right(times, at_s) - 1, 0)]

        def rate(at_s: float) -> float:
            begin = max(at_s - self.window_s, 0.0)
            return (count(at_s) - count(begin)) / max(at_s - begin, 1e-9) if at_s > 0 else 0.0

        def desired(seen: Seen) -> float:
            now = seen.now_s
            times.append(now)
            counts.append(seen.arrived)
            forecast = rate(now)
            before = rate(now - self.period_s)
            if before > 0:
                forecast *= rate(now + self.lead_s - self.period_s) / before
            return ceil(forecast / self.requests_per_s - 1e-9)

        return desired


Autoscaler = Annotated[
    Fixed | TargetConcurrency | TargetQueue | TargetKVUse | Scheduled | Predictive,
    Field(discriminator="kind"),
]


def _toward(seen: Seen, wanted: float, tolerance: float) -> float:
    """Whole replicas; as many as there are if that is near enough."""
    if seen.replicas and abs(wanted / seen.replicas - 1) <= tolerance:
        return seen.replicas
    return ceil(wanted - 1e-9)
