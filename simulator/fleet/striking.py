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
    """One fault, over all replicas there are and will be."""

    def __init__(self, fault: Fault, number: int, gateway: Gateway) -> None:
        self._fault = fault
        self._name = f"fault {number} {fault.kind}"
        self._gateway = gateway

    def zone(self) -> None:
        """An outage of a zone comes over all of it at once: one stream for the zone."""
        fault = self._fault
        assert isinstance(fault, ZoneOutage)
        times = fault.times(0, 1, stream(self._gateway.seed, self._name))
        self._next_outage(fault, times)

    def _next_outage(self, fault: ZoneOutage, times: Iterator[float]) -> None:
        at = next(times, None)
        if at is None:
            return

        def strike() -> None:
            for unit in list(self._gateway.units):
                if fault.concerns(unit.number) and unit.state != STOPPED:
                    unit.pool.fail(unit, "zone_outage", fault.lasts_s, restart=True)
            self._next_outage(fault, times)

        self._gateway.at(at, strike)

    def watch(self, unit: Unit) -> None:
        """From now on the replica may be struck."""
        fault = self._fault
        if isinstance(fault, ZoneOutage) or not fault.concerns(unit.number):
            return
        rng = stream(self._gateway.seed, f"{self._name} {unit.number}")
        gpus = unit.pool.plan.gpus_per_replica
        self._next(unit, fault.times(unit.number, gpus, rng), rng)

    def _next(self, unit: Unit, times: Iterator[float], rng: np.random.Generator) -> None:
        now = self._gateway.clock.now
        at = next((t for t in times if t >= now), None)
        if at is None:
            return
        luck = float(rng.exponential())

        def strike() -> None:
            if unit.state == STOPPED:
                return
            if unit.state in (READY, DRAINING, WARMING):
                self._strike(unit, luck)
            self._next(unit, times, rng)

        self._gateway.at(at, strike)

    def _strike(self, unit: Unit, luck: float) -> None:
        fault, pool, gateway = self._fault, unit.pool, self._gateway
        now = gateway.clock.now
        if isinstance(fault, GPUFailure):
            pool.fail(unit, fault.kind, fault.repair_s * luck, restart=True)
        elif isinstance(fault, EngineCrash):
            if unit.state != WARMING:
                pool.fail(unit, fault.kind, fault.restart_s, restart=True)
        elif isinstance(fault, SlowGPU):
            unit.slow *= fault.factor
            self._slow(unit)
            factor = fault.factor

            def well() -> None:
                unit.slow /= factor
                self._slow(unit)
                gateway.note("fast again", unit)

            gateway.note(fault.kind, unit, value=factor)
            gateway.at(now + fault.lasts_s, well)
        elif isinstance(fault, SpotReclaim):
            gateway.note("reclaim notice", unit, value=fault.notice_s)
            if unit.state == WARMING:
                pool.stop(unit, "reclaimed")
            elif unit.state == READY:
                pool.drain(unit, fault.notice_s)
            if fault.replace:
                gateway.at(now + fault.no_capacity_s * luck, pool.request)

    @staticmethod
    def _slow(unit: Unit) -> None:
        if unit.engine is not None:
            unit.engine.stopwatch.forget()


def set_up(gateway: Gateway) -> list[Striking]:
    """Every fault of the scenario, ready to strike."""
    striking = [Striking(fault, i, gateway) for i, fault in enumerate(gateway.scenario.faults)]
    for fault, strikes in zip(gateway.scenario.faults, striking, strict=True):
        if fault.kind == "zone_outage":
            strikes.zone()
    return striking
