"""Load: the traffic as it comes, faster, or held at one of the levels that it reaches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from hardware_profiles.errors import InputError
from simulator.rng import stream
from simulator.scenario import Scenario
from workloads.arrivals import Poisson
from workloads.retime import Retime, conversations_of
from workloads.simultaneous import of_intervals
from workloads.trace import Trace

__all__ = ["LEVELS", "Level", "Load", "draws", "levels"]

Level = Literal["traffic", "mean", "p95", "p99", "peak"]
LEVELS: tuple[Level, ...] = ("traffic", "mean", "p95", "p99", "peak")

BY_RULE = ("round_robin", "least_loaded")
"""Routers that draw nothing."""


class Load(NamedTuple):
    """What to make of a scenario's traffic."""

    level: str = "traffic"
    rate_scale: float = 1.0
    """Every gap is divided by it."""
    rate_per_s: float | None = None
    """Held at so many requests a second, Poisson, whatever the traffic's own rhythm; as long as
    its requests last."""

    def of(self, scenario: Scenario) -> Trace:
        """The requests of a scenario under this load; the same seed gives the same."""
        trace = scenario.trace()
        if self.rate_per_s is None:
            return trace if self.rate_scale == 1.0 else trace.rate_scaled(self.rate_scale)
        conversations = int(conversations_of(trace).max()) + 1
        rate = self.rate_per_s * self.rate_scale * conversations / len(trace)
        held = Retime(arrivals=Poisson(rate_per_s=rate))
        return held.apply(trace, stream(scenario.seed, "held load"))

    def faster(self, factor: float) -> Load:
        """The same, `factor` times as many requests a second."""
        return self._replace(rate_scale=self.rate_scale * factor)


class Simultaneous(NamedTuple):
    """A level of the traffic, in requests at once and in requests a second."""

    level: Level
    requests: float
    """Under way at once, if each took as long as it does alone."""
    load: Load


def levels(
    trace: Trace, alone_s: np.ndarray, wanted: Sequence[Level] = LEVELS
) -> list[Simultaneous]:
    """The traffic as it comes, and held at the mean, a percentile and the peak of what it reaches.

    The number of requests under way is a function of time, of which a level is the mean, a
    percentile of time or the peak. By Little's law so many are under way on average if requests
    come at the traffic's rate times the level over the mean; that rate is held, so that a fleet
    sized for the peak would keep its promise if the busiest moment lasted.

    Parameters
    ----------
    trace : the traffic.
    alone_s : time each request would take on an empty replica, shape (rows,). [s]

    Raises
    ------
    InputError
        If the traffic is one instant, which has no rate.
    """
    lasts_s = float(trace.arrival_s[-1] - trace.arrival_s[0])
    if lasts_s <= 0 or len(trace) < 2:
        raise InputError("traffic: expected requests at different times, found one instant")
    found = of_intervals(trace.arrival_s, trace.arrival_s + alone_s).summary()
    rate = (len(trace) - 1) / lasts_s
    told = []
    for level in wanted:
        if level == "traffic":
            told.append(Simultaneous(level, float(found["peak"]), Load()))
        else:
            ratio = float(found[level]) / float(found["mean"])
            held = Load(level, rate_per_s=rate * ratio)
            told.append(Simultaneous(level, float(found[level]), held))
    return told


def draws(scenario: Scenario) -> bool:
    """Whether the seed changes anything: a replayed trace, routed by rule, is always the same."""
    replayed = scenario.traffic.kind == "trace" and scenario.traffic.retime is None
    return not replayed or scenario.router.kind not in BY_RULE
