"""How many GPUs are held, on average and at once."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator import Scenario, simulate
from simulator.record.fleet_size import fleet_size, gpu_hours, most_gpus
from workloads.trace import Trace

BASE: dict[str, Any] = {
    "traffic": "steady-chat",
    "model": "llama-3.1-8b",
    "gpu": "h100-sxm",
    "step_time": {"kind": "linear", "c0": 0.006, "c_seq": 1e-4},
}


def visitors(seed: int, requests: int = 120) -> Trace:
    rng = np.random.default_rng(seed)
    return Trace.from_columns(
        np.sort(rng.uniform(0, 4, requests)), np.full(requests, 300), np.full(requests, 60)
    )


def test_a_fleet_of_a_fixed_size_holds_it_all_the_time() -> None:
    plan = Scenario.parse({**BASE, "replicas": 3, "engine": {"tensor_parallel_size": 2}})
    found = fleet_size(simulate(plan, visitors(0)))
    assert (found["replicas"], found["gpus"]) == (3, 6)
    assert found["gpus_mean"] == pytest.approx(6)


@given(
    seed=st.integers(0, 50),
    target=st.sampled_from((2, 5)),
    start_s=st.sampled_from((0.0, 0.3)),
    upgrade=st.booleans(),
)
@settings(max_examples=15)
def test_the_most_at_once_and_the_mean_are_those_of_a_count_at_many_instants(
    seed: int, target: int, start_s: float, upgrade: bool
) -> None:
    scaler = {"kind": "target_concurrency", "target": target, "max_replicas": 5,
              "min_replicas": 0, "interval_s": 0.2, "scale_down_window_s": 0.4}  # fmt: skip
    more = {"operations": [{"kind": "rolling_upgrade", "at_s": 1.5}]} if upgrade else {}
    plan = {**BASE, "autoscaler": scaler, "start_up": {"provision_s": start_s}, **more}
    result = simulate(Scenario.parse(plan), visitors(seed))
    came, went = (result.replicas[name].to_numpy() for name in ("requested_s", "stopped_s"))
    edges = np.unique([*came, *went])
    middle = (edges[1:] + edges[:-1]) / 2
    held = ((came[:, None] < middle) & (middle < went[:, None])).sum(axis=0)
    assert most_gpus(result) == held.max()
    found = fleet_size(result)
    assert found["gpus_mean"] == pytest.approx((held * np.diff(edges)).sum() / result.horizon_s)
    assert gpu_hours(result) == pytest.approx((held * np.diff(edges)).sum() / 3600)
    assert found["replicas"] == len(came) >= found["gpus"]
