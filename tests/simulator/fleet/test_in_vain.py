"""A policy that has nothing to go by is told of, and does what the sentence says."""

from typing import Any

import numpy as np
import pytest

from simulator import Scenario, simulate
from simulator.fleet.in_vain import policies_in_vain
from tests.support.fleets import Draw
from workloads.trace import Trace

BASE: dict[str, Any] = {
    "traffic": "steady-chat",
    "model": "llama-3.1-8b",
    "gpu": "h100-sxm",
    "replicas": 3,
    "step_time": {"kind": "linear", "c0": 0.006, "c_tok": 2e-5},
}
FAIR = {"kind": "fair_share", "max_per_replica": 2}
CLASSES = {"kind": "priority", "max_per_replica": 2}


@pytest.mark.parametrize(
    ("fleet", "instead", "says"),
    [
        (
            {"router": {"kind": "session_affinity"}},
            {"router": {"kind": "least_loaded"}},
            "router: session_affinity: no request has a session",
        ),
        (
            {"router": {"kind": "prefix_aware"}},
            {"router": {"kind": "least_loaded"}},
            "router: prefix_aware: no prompts share anything",
        ),
        (
            {"queue": FAIR},
            {"queue": {"kind": "fifo", "max_per_replica": 2}},
            "queue: fair_share: there is one tenant",
        ),
        (
            {"queue": CLASSES},
            {"queue": {"kind": "fifo", "max_per_replica": 2}},
            "queue: priority: all requests have one priority",
        ),
    ],
)
def test_it_acts_as_the_simpler_one_that_it_is_said_to_act_as(
    draw: Draw, fleet: dict[str, Any], instead: dict[str, Any], says: str
) -> None:
    trace = draw(150, rate=80)
    scenario = Scenario.parse({**BASE, **fleet})
    (sentence,) = policies_in_vain(scenario, trace)
    assert sentence.startswith(says)
    simpler = simulate(Scenario.parse({**BASE, **instead}), trace)
    assert simulate(scenario, trace).requests.equals(simpler.requests)


def test_a_queue_without_a_bound_is_told_and_orders_nothing(draw: Draw) -> None:
    rng = np.random.default_rng(0)
    trace = draw(150, rate=80, priority=rng.integers(0, 3, 150))
    scenario = Scenario.parse({**BASE, "queue": {"kind": "priority"}})
    (sentence,) = policies_in_vain(scenario, trace)
    assert "without max_per_replica" in sentence
    plain = simulate(Scenario.parse(BASE), trace)
    assert simulate(scenario, trace).requests["ttft_s"].equals(plain.requests["ttft_s"])


def test_where_there_is_something_to_go_by_nothing_is_told(draw: Draw) -> None:
    trace = Trace.from_requests(
        [
            {"arrival_s": 0.1 * i, "prompt": [["s", 64], [f"v{i}", 50]], "output_tokens": 5,
             "tenant": "ab"[i % 2], "priority": i % 2, "session": i % 3}
            for i in range(12)
        ]
    )  # fmt: skip
    for fleet in (
        {"router": {"kind": "session_affinity"}, "queue": FAIR},
        {"router": {"kind": "prefix_aware"}, "queue": CLASSES},
    ):
        assert policies_in_vain(Scenario.parse({**BASE, **fleet}), trace) == []
    assert policies_in_vain(Scenario.parse({**BASE, "queue": FAIR}), trace.take([])) == []


def test_each_pool_is_told_of_by_name(draw: Draw) -> None:
    pools = [{"name": "x", "router": {"kind": "session_affinity"}}, {"name": "y"}]
    choice = {"kind": "by_length", "up_to": [200]}
    scenario = Scenario.parse({**BASE, "pools": pools, "pool_choice": choice})
    (sentence,) = policies_in_vain(scenario, draw(20))
    assert sentence.startswith("pool x: router: session_affinity")
