"""Faults at work: each strikes a replica at its times, if the replica is there to be struck."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from simulator.fleet.faults import (
    EngineCrash,
    Fault,
    GPUFailure,
    SlowGPU,
    SpotReclaim,
    ZoneOutage,
)
from simulator.fleet.unit import DRAINING, READY, STOPPED, WARMING, Unit
from simulator.rng import stream

if TYPE_CHECKING:
    from simulator.fleet.gateway import Gateway


class Striking:
    """One fault, over all replicas there are and will be.

    Instants and severities of a replica are drawn from streams of its number, whenever it comes and
    whatever the policies do.
    """

    def __init__(self, fault: Fault, number: int, gateway: Gateway) -> None:
        self._fault = fault
        self._name = f"fault {number} {fault.kind}"
        self._gateway = gateway
        self._outage_until = 0.0

    def watch(self, unit: Unit) -> None:
        """From now on the replica may be struck."""
        fault, gateway = self._fault, self._gateway
        if not fault.concerns(unit.number, unit.pool.name):
            return
        if isinstance(fault, ZoneOutage):
            left_s = self._outage_until - gateway.clock.now
            if left_s > 0:  # it was asked for where nothing works
                gateway.at(gateway.clock.now, lambda: unit.pool.fail(unit, fault.kind, left_s))
            return
        first = unit.number == 0 if fault.pool is None else not unit.pool.units
        rng = self._stream(f"{unit.number}")
        times = fault.times(first, unit.pool.plan.gpus_per_replica, rng)
        self._next(unit, self._with_luck(times, f"{unit.number} luck"))

    def _stream(self, name: str) -> np.random.Generator:
        return stream(self._gateway.seed, f"{self._name} {name}".strip())

    def _with_luck(self, times: Iterator[float], name: str) -> Iterator[tuple[float, float]]:
        """Each instant with how bad it is: a draw from the exponential law of mean 1."""
        rng = self._stream(name)
        return ((time, float(rng.exponential())) for time in times)

    def zone(self) -> None:
        """An outage of a zone comes over all of it at once: one stream for the zone."""
        self._next_outage(self._fault.times(True, 1, self._stream("")))

    def _next_outage(self, times: Iterator[float]) -> None:
        fault, gateway = self._fault, self._gateway
        assert isinstance(fault, ZoneOutage)
        at = next(times, None)
        if at is None:
            return

        def strike() -> None:
            self._outage_until = max(self._outage_until, gateway.clock.now + fault.lasts_s)
            for unit in list(gateway.units):
                concerned = fault.concerns(unit.number, unit.pool.name)
                if concerned and unit.state != STOPPED:
                    unit.pool.fail(unit, fault.kind, fault.lasts_s)
            self._next_outage(times)

        gateway.at(at, strike)

    def _next(self, unit: Unit, times: Iterator[tuple[float, float]]) -> None:
        now = self._gateway.clock.now
        at, luck = next((entry for entry in times if entry[0] >= now), (None, 0.0))
        if at is None:
            return

        def strike() -> None:
            if unit.state == STOPPED:
                return
            if unit.state in (READY, DRAINING, WARMING):
                self._strike(unit, luck)
            self._next(unit, times)

        self._gateway.at(at, strike)

    def _strike(self, unit: Unit, luck: float) -> None:
        fault, pool = self._fault, unit.pool
        if isinstance(fault, GPUFailure):
            pool.fail(unit, fault.kind, fault.repair_s * luck)
        elif isinstance(fault, EngineCrash):
            if unit.state != WARMING:
                pool.fail(unit, fault.kind, fault.restart_s)
        elif isinstance(fault, SlowGPU):
            self._slow_down(unit, fault)
        elif isinstance(fault, SpotReclaim):
            self._reclaim(unit, fault, luck)

    def _slow_down(self, unit: Unit, fault: SlowGPU) -> None:
        gateway = self._gateway
        unit.slowness.append(fault.factor)
        unit.change_speed()

        def well() -> None:
            unit.slowness.remove(fault.factor)
            unit.change_speed()
            gateway.note("fast again", unit)

        gateway.note(fault.kind, unit, value=fault.factor)
        gateway.at(gateway.clock.now + fault.lasts_s, well)

    def _reclaim(self, unit: Unit, fault: SpotReclaim, luck: float) -> None:
        """The provider gives notice, once; another machine is asked for when there is one."""
        if unit.reclaimed:
            return
        unit.reclaimed = True
        gateway, pool = self._gateway, unit.pool
        gateway.note("reclaim notice", unit, value=fault.notice_s)
        leaves = unit.state == DRAINING or unit.leaving or unit.reserved
        if leaves:
            gateway.note("was leaving", unit)
        elif fault.replace:

            def replace() -> None:
                gateway.note("replaces", pool.redeem(), value=unit.number)

            pool.promise()
            gateway.note("to be replaced", unit)
            gateway.at(gateway.clock.now + fault.no_capacity_s * luck, replace)
        if unit.state == WARMING:
            pool.stop(unit, "reclaimed")
        else:
            pool.drain(unit, fault.notice_s)


def set_up(gateway: Gateway) -> list[Striking]:
    """Every fault of the scenario, ready to strike."""
    striking = [Striking(fault, i, gateway) for i, fault in enumerate(gateway.scenario.faults)]
    for fault, strikes in zip(gateway.scenario.faults, striking, strict=True):
        if fault.kind == "zone_outage":
            strikes.zone()
    return striking
