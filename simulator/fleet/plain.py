"""A fleet of nothing but equal replicas behind a router, put together."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from simulator.clock import Clock
from simulator.engine.config import SchedulerConfig
from simulator.engine.replica import Replica
from simulator.engine.speculative import make_scheduler
from simulator.engine.stopwatch import Stopwatch
from simulator.fleet.cluster import Cluster
from simulator.fleet.router import LoadRouter
from simulator.record.recorder import ReplicaLog, RequestLog
from simulator.rng import stream
from simulator.scenario import step_time_of

if TYPE_CHECKING:
    from simulator.scenario import Scenario
    from simulator.step_time_model import StepTime

__all__ = ["Plain"]


class Plain(NamedTuple):
    """Replicas, the way to them, and what is kept of them."""

    cluster: Cluster
    logs: list[ReplicaLog]
    config: SchedulerConfig
    num_gpu_blocks: int
    step_time: StepTime

    @classmethod
    def of(
        cls, scenario: Scenario, clock: Clock, requests: RequestLog, longest_run: int | None
    ) -> Plain:
        """The replicas of a plain scenario, with nothing to do yet."""
        num_gpu_blocks = scenario.num_gpu_blocks()
        config = scenario.engine.scheduler_config(num_gpu_blocks)
        step_time = step_time_of(scenario)
        loads = [0] * scenario.replicas
        logs = [ReplicaLog(number, requests) for number in range(scenario.replicas)]
        replicas = [
            Replica(
                clock,
                make_scheduler(config, log.journal, stream(scenario.seed, f"drafts {log.number}")),
                Stopwatch(step_time, longest_run),
                log,
                loads,
            )
            for log in logs
        ]
        assert isinstance(scenario.router, LoadRouter)
        cluster = Cluster(clock, replicas, loads, scenario.router, stream(scenario.seed, "router"))
        return cls(cluster, logs, config, num_gpu_blocks, step_time)
