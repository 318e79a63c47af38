"""Those who serve a long run: a plain fleet, or one with policies, fed ahead of the clock."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING, Any, Protocol

from simpy import Event

from hardware_profiles.errors import InputError
from simulator.clock import ARRIVAL, Clock
from simulator.engine.replica import Replica
from simulator.engine.request import Request
from simulator.fleet.ahead import Ahead, Block, Room, rows_of
from simulator.fleet.gateway import Gateway
from simulator.fleet.plain import Plain
from simulator.fleet.rows import Rows
from simulator.fleet.run import begin, close, gateway_of, replica_columns, room_of
from simulator.fleet.unit import STOPPED
from simulator.record.chapter import Fleet, Teller
from simulator.record.recorder import ReplicaLog, WindowLog
from workloads.trace import Trace

if TYPE_CHECKING:
    from simulator.scenario import Scenario

__all__ = ["Company", "company_of"]


class Company(Protocol):
    """What serves the requests of a long run."""

    clock: Clock
    ahead: Ahead
    teller: Teller
    due: bool
    """Set when so many requests have arrived that it is time for a chapter."""

    def over(self) -> bool:
        """Whether all has been said and done, though things may still be planned."""

    def finish(self) -> float:
        """Go on to the end of the run, where no request is left; when that is. [s]"""

    def fleet(self, now_s: float) -> Fleet:
        """The replicas so far."""

    def forget(self, rows: Iterable[int]) -> None:
        """These requests have been told; and so may be prompts that are nowhere any more."""


def company_of(scenario: Scenario, pieces: Iterable[Trace], version: str, requests: int) -> Company:
    """Who serves the scenario; a chapter is due after so many requests.

    Raises
    ------
    InputError
        For what needs the whole trace.
    """
    later = iter(pieces)
    first = next(later, None)
    if first is None:
        raise InputError("traffic: expected at least one request, found none")
    pieces = chain([first], later)
    if scenario.is_plain() and first.client is None:
        return _Plain(scenario, pieces, version, requests)
    if scenario.overflow is not None:
        raise InputError("overflow: endpoints keep a row for every call; run it whole")
    if getattr(scenario.router, "index", "exact") != "exact" and first.segments is not None:
        raise InputError(
            "router: an approximate index remembers names of prompts that a run read ahead of the "
            "clock forgets; use index: exact, or run it whole"
        )
    return _WithPolicies(scenario, first, pieces, version, requests)


class _Plain:
    """Equal replicas behind a router."""

    def __init__(
        self, scenario: Scenario, pieces: Iterable[Trace], version: str, requests: int
    ) -> None:
        self.clock = Clock()
        self.due = False
        self._scenario = scenario
        self._log = WindowLog()
        self._plain = plain = Plain.of(scenario, self.clock, self._log, None)
        config = plain.config
        room = Room(
            config.max_model_len,
            plain.num_gpu_blocks - 1,
            config.block_size,
            config.enable_prefix_caching,
        )
        client = plain.step_time.client_overhead if scenario.client_overhead else (0.0, 0.0)
        self.teller = Teller(scenario, version, self._log, plain.logs, client)
        self.ahead = Ahead(pieces, room, self._expect)
        self.clock.process(self._serve(requests))

    def _expect(self, block: Block) -> None:
        self.teller.expect(block)
        arrivals = block.column("arrival_s")
        for row, there, arrival_s in zip(block.rows, block.admitted, arrivals, strict=True):
            if not there:
                self._log.rejected(row, arrival_s)

    def _serve(self, every: int) -> Generator[Event, None, None]:
        """Each request at its time goes where the router says."""
        cluster, at = self._plain.cluster, self.clock.at
        loads, choose, rng = cluster.loads, cluster.router.choose, cluster.rng
        replicas = cluster.replicas
        number, told = 0, every
        for block in self.ahead.blocks():
            for row, arrival_s, prompt, output, priority, path in rows_of(block):
                yield at(arrival_s, ARRIVAL)
                chosen = choose(number, loads, rng)
                number += 1
                loads[chosen] += 1
                request = Request(row, arrival_s, prompt, output, priority, path)
                replicas[chosen].submit(request)
            if block.rows.stop >= told:
                told = block.rows.stop + every
                self.due = True

    def fleet(self, now_s: float) -> Fleet:
        number, gpus = self._scenario.replicas, self._scenario.gpus_per_replica
        columns: dict[str, Any] = {
            "replica": list(range(number)),
            "gpus": [gpus] * number,
            "requested_s": [0.0] * number,
            "ready_s": [0.0] * number,
            "stopped_s": [now_s] * number,
            "num_gpu_blocks": [self._plain.num_gpu_blocks] * number,
            "pool": [""] * number,
        }
        return Fleet(columns, [[("ready", 0.0)]] * number, [False] * number, set())

    def over(self) -> bool:
        return False

    def finish(self) -> float:
        return max(self.clock.now, self._scenario.horizon_s or 0.0)

    def forget(self, rows: Iterable[int]) -> None:
        needed: set[int] = set()
        if len(self.ahead.names):
            for replica in self._plain.cluster.replicas:
                needed |= _names_at(replica)
        self.ahead.forget(needed)


class _WithPolicies:
    """Pools, policies and faults behind a gateway."""

    def __init__(
        self,
        scenario: Scenario,
        first: Trace,
        pieces: Iterable[Trace],
        version: str,
        requests: int,
    ) -> None:
        self.clock = Clock()
        self.due = False
        self._scenario = scenario
        log = WindowLog()
        nobody = first.take([])  # rows come with their blocks
        self._gateway = gateway = gateway_of(scenario, nobody, self.clock, log, Rows(), None)
        gateway.left = 1  # the source, until it has run dry
        step_time = gateway.pools[0].step_time
        client = step_time.client_overhead if scenario.client_overhead else (0.0, 0.0)
        self.teller = Teller(scenario, version, log, _Logs(gateway), client)
        self.ahead = Ahead(pieces, room_of(gateway), self._expect)
        begin(gateway)
        gateway.done.callbacks.append(self._done)
        self.clock.process(self._arrivals(requests))

    def _done(self, event: Event) -> None:
        self.due = True

    def _expect(self, block: Block) -> None:
        self.teller.expect(block)
        gateway, rows = self._gateway, block.rows
        gateway.rows.come(block, lengths=len(gateway.pools) > 1)
        if gateway.clients is not None:
            gateway.clients.expect(rows, block.column("client"))
        gateway.left += len(rows)

    def _arrivals(self, every: int) -> Generator[Event, None, None]:
        """Each request at its time comes to the gateway."""
        at, arrive, told = self.clock.at, self._gateway.door(), every
        for block in self.ahead.blocks():
            for row, arrival_s in zip(block.rows, block.column("arrival_s"), strict=True):
                yield at(arrival_s, ARRIVAL)
                arrive(row)
            if block.rows.stop >= told:
                told = block.rows.stop + every
                self.due = True
        self._gateway.left -= 1
        if not self._gateway.left:
            self._gateway.done.succeed()

    def fleet(self, now_s: float) -> Fleet:
        units = self._gateway.units
        columns = replica_columns(self._gateway)
        columns["replica"] = list(range(len(units)))
        columns["stopped_s"] = [
            unit.stopped_s if unit.state == STOPPED else now_s for unit in units
        ]
        spans = [[span for span in unit.spans if span[0] != STOPPED] for unit in units]
        leaving = {
            request.index
            for unit in units
            if unit.engine is not None
            for request in unit.engine.leaving
        }
        return Fleet(columns, spans, [unit.state == STOPPED for unit in units], leaving)

    def over(self) -> bool:
        return bool(self._gateway.done.processed)

    def finish(self) -> float:
        horizon_s = self._scenario.horizon_s
        if horizon_s is not None and horizon_s > self.clock.now:
            self.clock.run(until=horizon_s)
        close(self._gateway)
        return float(self.clock.now)

    def forget(self, rows: Iterable[int]) -> None:
        gateway = self._gateway
        gateway.rows.go(rows)
        needed: set[int] = set()
        if len(self.ahead.names):
            paths = gateway.rows.paths.values()
            needed.update(node for path in paths for node, _ in path)
            for unit in gateway.units:
                if unit.engine is not None:
                    needed |= _names_at(unit.engine)
        self.ahead.forget(needed)


class _Logs:
    """The logs of a gateway's replicas, of which more may come."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def __iter__(self) -> Iterator[ReplicaLog]:
        return (unit.log for unit in self._gateway.units)


def _names_at(replica: Replica) -> set[int]:
    """Names of prompts that a replica has in its cache, or that its requests ask for."""
    scheduler = replica.scheduler
    needed = set(scheduler.pool.findable)
    for request in (*scheduler.running, *scheduler.waiting):
        needed.update(node for node, _ in request.path)
    return needed
