"""What goes wrong, and when: each replica has a stream of its own, whatever the policies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, model_validator

from hardware_profiles.errors import InputError
from hardware_profiles.profile import NotNegative, Positive, Text
from hardware_profiles.value import Value

__all__ = ["EngineCrash", "Fault", "GPUFailure", "SlowGPU", "SpotReclaim", "ZoneOutage"]

Numbers = Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)]


class _Fault(Value):
    mtbf_h: Annotated[float, Field(ge=1e-4)] | None = None
    """Mean time between two at one replica, exponential; a third of a second at least. [h]"""
    at_s: tuple[NotNegative, ...] = ()
    """Instead, or besides, at these instants. [s]"""
    pool: Text | None = None
    """Only replicas of this pool; None: of all."""
    replicas: Numbers | None = None
    """Only these replicas, by number; None: all. At given instants: the first of the fleet, or of
    the pool, unless said."""

    @model_validator(mode="after")
    def _some_time(self) -> _Fault:
        if self.mtbf_h is None and not self.at_s:
            raise InputError(f"{getattr(self, 'kind', '')}: give mtbf_h or at_s")
        return self

    def concerns(self, number: int, pool: str) -> bool:
        """Whether this replica can have it."""
        return self.pool in (None, pool) and (self.replicas is None or number in self.replicas)

    def times(self, first: bool, gpus: int, rng: np.random.Generator) -> Iterator[float]:
        """Instants at which it strikes a replica, the ``first`` of those it concerns or not. [s]"""
        given = iter(sorted(self.at_s) if first or self.replicas is not None else ())
        if self.mtbf_h is None:
            yield from given
            return
        mean_s = self.mtbf_h * 3600 / self.multiplicity(gpus)
        fixed = next(given, np.inf)
        now = 0.0
        while True:
            now += float(rng.exponential(mean_s))
            while fixed <= now:
                yield fixed
                fixed = next(given, np.inf)
            yield now

    def multiplicity(self, gpus: int) -> int:
        """How many things there are in a replica that can have it."""
        return 1


class GPUFailure(_Fault):
    """A GPU breaks, and with it its replica, until it is repaired or replaced."""

    kind: Literal["gpu_failure"] = "gpu_failure"
    repair_s: NotNegative = 1800.0
    """Mean, exponential; weights are loaded again afterwards. [s]"""

    def multiplicity(self, gpus: int) -> int:
        """``mtbf_h`` is of one GPU."""
        return gpus


class EngineCrash(_Fault):
    """The engine dies and starts again: weights, then warm-up."""

    kind: Literal["engine_crash"] = "engine_crash"
    restart_s: NotNegative = 10.0
    """Until the process is there again. [s]"""


class SlowGPU(_Fault):
    """Every step takes a factor longer for a while."""

    kind: Literal["slow_gpu"] = "slow_gpu"
    factor: Annotated[float, Field(gt=1, le=1000)]
    lasts_s: Positive


class SpotReclaim(_Fault):
    """The provider takes an interruptible machine back; another is asked for later."""

    kind: Literal["spot_reclaim"] = "spot_reclaim"
    notice_s: NotNegative = 30.0
    """No new requests from the notice on; what is not done when it has passed is lost. [s]"""
    no_capacity_s: NotNegative = 0.0
    """Mean time until another can be asked for, exponential; an autoscaler waits too. [s]"""
    replace: bool = True
    """Who was leaving anyway is not replaced, nor is a staging copy."""


class ZoneOutage(_Fault):
    """All replicas of a zone are gone at once, and none comes up there while it lasts.

    Replica n stands in zone n mod ``zones``.
    """

    kind: Literal["zone_outage"] = "zone_outage"
    zones: Annotated[int, Field(ge=1)] = 3
    zone: Annotated[int, Field(ge=0)] = 0
    lasts_s: Positive

    @model_validator(mode="after")
    def _exists(self) -> ZoneOutage:
        if self.zone >= self.zones:
            raise InputError(f"zone_outage: there is no zone {self.zone} of {self.zones}")
        if self.replicas is not None:
            raise InputError("zone_outage: it has no replicas; say zone and zones")
        return self

    def concerns(self, number: int, pool: str) -> bool:
        """Whether this replica stands there."""
        return self.pool in (None, pool) and number % self.zones == self.zone


Fault = Annotated[
    GPUFailure | EngineCrash | SlowGPU | SpotReclaim | ZoneOutage, Field(discriminator="kind")
]
