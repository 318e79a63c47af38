"""Faults and operations that a run never came to: a wrong time, or a wrong number."""

from __future__ import annotations

from collections.abc import Iterator

from simulator.fleet.faults import Fault, ZoneOutage
from simulator.fleet.operations import RollingUpgrade
from simulator.record.result import Result

__all__ = ["never_happened"]


def never_happened(result: Result) -> list[str]:
    """A sentence for each fault and operation that could not happen in this run.

    A fault drawn by chance that did not strike is no mistake; one whose instants all lie after the
    end of the run, or that concerns no replica there was, most likely is.
    """
    scenario, end_s = result.scenario, result.horizon_s
    found = [
        f"faults.{place}: {fault.kind}: {sentence}"
        for place, fault in enumerate(scenario.faults)
        for sentence in _of_fault(fault, result)
    ]
    for place, operation in enumerate(scenario.operations):
        begins_s = operation.at_s if isinstance(operation, RollingUpgrade) else operation.from_s
        if begins_s > end_s:
            found.append(
                f"operations.{place}: {operation.kind}: {begins_s:g} s is after the end of the "
                f"run ({end_s:g} s)"
            )
    return found


def _of_fault(fault: Fault, result: Result) -> Iterator[str]:
    there = list(zip(result.replicas["replica"], result.replicas["pool"].astype(str), strict=True))
    end_s = result.horizon_s
    unknown = sorted(set(fault.replicas or ()) - {number for number, _ in there})
    if unknown:
        which = ", ".join(map(str, unknown))
        yield f"no replica has number {which}; there were {len(there)}, counted from 0"
    elif isinstance(fault, ZoneOutage) and not any(fault.concerns(n, pool) for n, pool in there):
        yield f"no replica stands in zone {fault.zone} of {fault.zones}"
    elif not any(fault.concerns(number, pool) for number, pool in there):
        yield "it concerns no replica that there was"
    if fault.mtbf_h is None and min(fault.at_s) > end_s:
        yield f"{min(fault.at_s):g} s is after the end of the run ({end_s:g} s)"
