"""What operators do to a running fleet: upgrades one replica after the other, staging copies."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator

from hardware_profiles.errors import InputError
from hardware_profiles.profile import NotNegative, Positive, Text
from hardware_profiles.value import Value
from simulator.fleet.unit import DRAINING, READY, STOPPED, Unit

if TYPE_CHECKING:
    from simulator.fleet.pool import Pool

__all__ = ["Operation", "RollingUpgrade", "Staging"]


class _Operation(Value):
    pool: Text | None = None
    """Pool that it is done to; None: every one."""

    def start(self, pool: Pool) -> None:
        """Let it happen at its time."""
        raise NotImplementedError


class RollingUpgrade(_Operation):
    """Every replica that was asked for before is replaced, a few at a time in each pool.

    ``surge`` asks for a new one, and drains an old one when that is ready; ``in_place`` drains an
    old one first and asks for the new one when it has stopped. An autoscaler counts the two as one.
    """

    kind: Literal["rolling_upgrade"] = "rolling_upgrade"
    at_s: NotNegative
    mode: Literal["surge", "in_place"] = "surge"
    at_once: Annotated[int, Field(ge=1, le=100_000)] = 1
    drain_timeout_s: Positive | None = None
    """What is not done so long after draining began is lost; None: it is waited for. [s]"""

    def start(self, pool: Pool) -> None:
        """Let it happen at its time."""
        pool.gateway.at(self.at_s, lambda: _Upgrade(self, pool).begin())


class Staging(_Operation):
    """A copy that is held and gets no traffic."""

    kind: Literal["staging"] = "staging"
    from_s: NotNegative = 0.0
    until_s: Positive | None = None
    """None: to the end of the run."""
    replicas: Annotated[int, Field(ge=1, le=100_000)] = 1

    @model_validator(mode="after")
    def _ordered(self) -> Staging:
        if self.until_s is not None and self.until_s <= self.from_s:
            raise InputError(
                f"staging: until_s ({self.until_s:g}) is not after from_s ({self.from_s:g})"
            )
        return self

    def start(self, pool: Pool) -> None:
        """Let it happen at its time."""
        gateway = pool.gateway

        def begin() -> None:
            copies = [pool.request(reserved=True) for _ in range(self.replicas)]

            def end() -> None:
                for unit in copies:
                    pool.stop(unit)

            if self.until_s is not None:
                gateway.at(self.until_s, end)

        gateway.at(self.from_s, begin)


Operation = Annotated[RollingUpgrade | Staging, Field(discriminator="kind")]


class _Upgrade:
    """One upgrade at work: the old replicas that are still to go."""

    def __init__(self, policy: RollingUpgrade, pool: Pool) -> None:
        self._policy = policy
        self._pool = pool
        self._old: list[Unit] = []

    def begin(self) -> None:
        self._old = self._pool.alive()
        self._pool.gateway.note("upgrade begins", value=float(len(self._old)))
        for _ in range(self._policy.at_once):
            self._one()

    def _one(self) -> None:
        """The next of the old ones that are still there."""
        while self._old and self._old[0].state in (DRAINING, STOPPED):
            self._old.pop(0)
        if not self._old:
            return
        old, pool, timeout_s = self._old.pop(0), self._pool, self._policy.drain_timeout_s
        if self._policy.mode == "surge":
            old.leaving = True

            def ready() -> None:
                pool.drain(old, timeout_s)
                self._one()

            self._when(pool.request(), READY, ready)
        else:
            pool.promise()

            def stopped() -> None:
                self._when(pool.redeem(), READY, self._one)

            self._when(old, STOPPED, stopped)
            pool.drain(old, timeout_s)

    def _when(self, unit: Unit, state: str, then: Callable[[], object]) -> None:
        """Do the next thing once the replica is in a state."""
        if unit.state in (state, STOPPED):
            gateway = self._pool.gateway
            gateway.at(gateway.clock.now, then)
        else:
            unit.listeners.append((state, then))
