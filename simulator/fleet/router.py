"""Which replica a request goes to: routers that need no more than how many requests each has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from hardware_profiles.value import Value
from simulator.fleet.beat import Beat

__all__ = ["LeastLoaded", "LoadRouter", "PowerOfTwo", "Random", "RoundRobin"]


class LoadRouter(Value):
    """A router that goes by the number of requests at each replica, or by nothing at all."""

    stale_s: Beat = 0.0
    """Replicas are asked how they are every so many seconds; 0: it is always known [s]."""

    def choose(self, number: int, loads: Sequence[int], rng: np.random.Generator) -> int:
        """The replica for the request that arrived as ``number``; ``loads``: requests at each."""
        raise NotImplementedError


class RoundRobin(LoadRouter):
    """One after the other, in order of arrival."""

    kind: Literal["round_robin"] = "round_robin"

    def choose(self, number: int, loads: Sequence[int], rng: np.random.Generator) -> int:
        """The replica for the request that arrived as ``number``; ``loads``: requests at each.

        >>> [RoundRobin().choose(n, [9, 0], np.random.default_rng(0)) for n in range(3)]
        [0, 1, 0]
        """
        return number % len(loads)


class LeastLoaded(LoadRouter):
    """The replica with the fewest requests, running or waiting; the first of equals."""

    kind: Literal["least_loaded"] = "least_loaded"

    def choose(self, number: int, loads: Sequence[int], rng: np.random.Generator) -> int:
        """The replica for the request that arrived as ``number``.

        >>> LeastLoaded().choose(0, [3, 1, 1], np.random.default_rng(0))
        1
        """
        return loads.index(min(loads))


class Random(LoadRouter):
    """Any replica, each as likely."""

    kind: Literal["random"] = "random"

    def choose(self, number: int, loads: Sequence[int], rng: np.random.Generator) -> int:
        """The replica for the request that arrived as ``number``."""
        return int(rng.integers(len(loads)))


class PowerOfTwo(LoadRouter):
    """Of two replicas drawn at random the one with fewer requests (Mitzenmacher 2001)."""

    kind: Literal["power_of_two"] = "power_of_two"
    choices: Annotated[int, Field(ge=1, le=64)] = 2

    def choose(self, number: int, loads: Sequence[int], rng: np.random.Generator) -> int:
        """The replica for the request that arrived as ``number``.

        >>> PowerOfTwo(choices=64).choose(0, [3, 1, 2], np.random.default_rng(0))
        1
        """
        drawn = rng.random(self.choices)
        best = int(drawn[0] * len(loads))
        for share in drawn[1:]:
            other = int(share * len(loads))
            if loads[other] < loads[best]:
                best = other
        return best


Router = Annotated[RoundRobin | LeastLoaded | Random | PowerOfTwo, Field(discriminator="kind")]
