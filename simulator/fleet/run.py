"""A fleet from beginning to end: pools, policies and faults put together, run, written up."""

from __future__ import annotations

from collections.abc import Callable
from math import nan
from typing import TYPE_CHECKING, Any

from hardware_profiles.errors import InputError
from simulator.clock import Clock
from simulator.fleet import striking
from simulator.fleet.adapters import WithAdapters
from simulator.fleet.ahead import Room
from simulator.fleet.disaggregate import Disaggregated
from simulator.fleet.gateway import Gateway
from simulator.fleet.pool import Pool
from simulator.fleet.rows import Rows
from simulator.fleet.scaling import Scaling
from simulator.fleet.sending import ClosedLoop, OpenLoop
from simulator.fleet.size import check_size
from simulator.fleet.straight import Straight
from simulator.fleet.unit import STOPPED
from simulator.fleet.whose import check_who_may_leave
from simulator.record.recorder import RequestLog
from simulator.record.tables import names
from simulator.record.write_up import Lives, write_up
from workloads.prompts import shared_paths
from workloads.trace import Trace

if TYPE_CHECKING:
    from simulator.record.result import Result
    from simulator.scenario import Scenario

Progress = Callable[[float], None]


def run_fleet(
    scenario: Scenario,
    trace: Trace,
    version: str,
    progress: Progress | None = None,
    *,
    step_by_step: bool = False,
) -> Result:
    """Serve a trace with a fleet that has more to it than replicas behind a router.

    Raises
    ------
    InputError
        If a model does not fit its GPU, or a request is larger than every KV cache it could be in,
        or a rule on who may leave names somebody whom the traffic does not know.
    """
    check_who_may_leave(scenario, trace)
    clock = Clock()
    log = RequestLog(len(trace))
    matter = _prefixes_matter(scenario)
    paths = shared_paths(trace, scenario.engine.block_size) if matter else []
    rows = Rows(trace, paths)
    gateway = gateway_of(scenario, trace, clock, log, rows, 1 if step_by_step else None)
    _check_lengths(gateway, trace)
    begin(gateway)
    loop = ClosedLoop if trace.closed_loop else OpenLoop
    gateway.sending = loop(trace, gateway, progress)
    if len(trace):
        clock.process(gateway.sending.process())
        clock.run(until=gateway.done)
    if scenario.horizon_s is not None and scenario.horizon_s > clock.now:
        clock.run(until=scenario.horizon_s)
    if progress is not None:
        progress(1.0)
    return _written_up(gateway, trace, version)


def _prefixes_matter(scenario: Scenario) -> bool:
    """Whether somebody remembers what prompts have in common: an engine here, or an endpoint."""
    if any(plan.engine.enable_prefix_caching for plan in scenario.plans().values()):
        return True
    endpoints = () if scenario.overflow is None else scenario.overflow.endpoints
    return any(each.usd_per_million_cached_input_tokens is not None for each in endpoints)


def gateway_of(
    scenario: Scenario,
    trace: Trace,
    clock: Clock,
    log: RequestLog,
    rows: Rows,
    longest_run: int | None,
) -> Gateway:
    """The gateway that the scenario asks for, with its pools, and no replicas yet."""
    kind = Gateway
    if scenario.disaggregation is not None:
        kind = Disaggregated
    elif scenario.lora is not None:
        kind = WithAdapters
    elif Straight.serves(scenario, trace):
        kind = Straight
    gateway = kind(clock, scenario, trace, log, rows, longest_run)
    gateway.pools = [_pool(name, plan, gateway) for name, plan in scenario.plans().items()]
    return gateway


def _pool(name: str, plan: Scenario, gateway: Gateway) -> Pool:
    """One of the pools; what is wrong with it is said with its name."""
    try:
        return Pool(name, plan, gateway)
    except InputError as error:
        raise InputError(f"pool {name}: {error}" if name else str(error)) from error


def room_of(gateway: Gateway) -> Room:
    """What a request may need at most: what the roomiest pool holds, for another may have the rest.

    Where prompts are computed in one pool and answers in another, all pass through each.
    """
    pools, every = gateway.pools, gateway.scenario.disaggregation is not None
    pick = min if every else max
    roomiest = pick(pools, key=lambda pool: pool.longest)
    return Room(
        pick(pool.config.max_model_len for pool in pools),
        roomiest.blocks - 1,
        roomiest.config.block_size,
        any(pool.config.enable_prefix_caching for pool in pools),
    )


def _check_lengths(gateway: Gateway, trace: Trace) -> None:
    """Which requests are let in at all; where pools differ, each refuses what it cannot hold."""
    room, lengths = room_of(gateway), trace.prompt_tokens + trace.output_tokens
    admitted = lengths <= room.max_model_len
    gateway.rows.admitted[:] = admitted.tolist()
    if len(gateway.pools) > 1 and gateway.scenario.disaggregation is None:
        gateway.rows.lengths[:] = lengths.tolist()
    check_size(trace, admitted, room.blocks, room.block_size)


def begin(gateway: Gateway) -> None:
    """Those who are there from the beginning, and those who will do something."""
    gateway.striking = striking.set_up(gateway)
    for pool in gateway.pools:
        for _ in range(pool.plan.replicas):
            pool.request(warm=True)
        if pool.plan.autoscaler is not None:
            gateway.scaling.append(Scaling(pool.plan.autoscaler, pool))
        for operation in gateway.scenario.operations:
            if operation.pool in (None, pool.name):
                operation.start(pool)


def close(gateway: Gateway) -> None:
    """The run is over: engines halt, and what is held is held no longer."""
    for unit in gateway.units:
        if unit.engine is not None:
            engine, unit.engine = unit.engine, None
            engine.halt()
        if unit.state != STOPPED:
            unit.stopped_s = gateway.clock.now


def replica_columns(gateway: Gateway) -> dict[str, Any]:
    """Columns of the table `replicas`, all but their numbers."""
    units = gateway.units
    return {
        "gpus": [unit.pool.plan.gpus_per_replica for unit in units],
        "requested_s": [unit.requested_s for unit in units],
        "ready_s": [unit.ready_s for unit in units],
        "stopped_s": [unit.stopped_s for unit in units],
        "num_gpu_blocks": [unit.pool.blocks for unit in units],
        "pool": [unit.pool.name for unit in units],
    }


def _written_up(gateway: Gateway, trace: Trace, version: str) -> Result:
    end_s = gateway.clock.now
    close(gateway)
    units = gateway.units
    spans = [[span for span in unit.spans if span[0] != STOPPED] for unit in units]
    scenario = gateway.scenario
    main = gateway.pools[0]
    events = [dict(zip(names("events"), row, strict=True)) for row in gateway.events]
    lives = Lives(
        replicas=replica_columns(gateway),
        spans=spans,
        arrival_s=gateway.sent_s(),
        events=_columns("events", events),
        calls=_calls(gateway),
    )
    logs = [unit.log for unit in units]
    return write_up(
        scenario, version, trace, gateway.log, logs, main.blocks, end_s, main.step_time, lives
    )


def _calls(gateway: Gateway) -> dict[str, Any]:
    way_out = gateway.way_out
    rows = [row for target in way_out.endpoints for row in target.rows] if way_out else []
    for row in rows:
        if row["outcome"] == "ok" and row["finish_s"] != row["finish_s"]:
            row["outcome"] = "abandoned"
    rows.sort(key=lambda row: (row["sent_s"], row["request"]))
    return _columns("calls", rows)


def _columns(table: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {name: [row.get(name, nan) for row in rows] for name in names(table)}
