"""Which replica a request goes to. A router is a value with one question to answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from hardware_profiles.value import Value

__all__ = ["LeastLoaded", "Random", "RoundRobin", "Router"]


class RoundRobin(Value):
    """One after the other, in order of arrival."""

    kind: Literal["round_robin"] = "round_robin"

    def choose(self, number: int, loads: Sequence[int], rng: np.random.Generator) -> int:
        """The replica for the request that arrived as ``number``; ``loads``: requests at each.

        >>> [RoundRobin().choose(n, [9, 0], np.random.default_rng(0)) for n in range(3)]
        [0, 1, 0]
        """
        return number % len(loads)


class LeastLoaded(Value):
    """The replica with the fewest requests, running or waiting; the first of equals."""

    kind: Literal["least_loaded"] = "least_loaded"

    def choose(self, number: int, loads: Sequence[int], rng: np.random.Generator) -> int:
        """The replica for the request that arrived as ``number``.

        >>> LeastLoaded().choose(0, [3, 1, 1], np.random.default_rng(0))
        1
        """
        return loads.index(min(loads))


class Random(Value):
    """Any replica, each as likely."""

    kind: Literal["random"] = "random"

    def choose(self, number: int, loads: Sequence[int], rng: np.random.Generator) -> int:
        """The replica for the request that arrived as ``number``."""
        return int(rng.integers(len(loads)))


Router = Annotated[RoundRobin | LeastLoaded | Random, Field(discriminator="kind")]
