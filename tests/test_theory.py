"""Where queueing theory knows the answer, the simulation gives it."""

from typing import Any

import numpy as np
import pytest

from simulator import Result, Scenario, bill, simulate
from simulator.record.usage import concurrency
from workloads.trace import Trace

STEP_S = 0.001
BASE: dict[str, Any] = {
    "traffic": "steady-chat",
    "model": "llama-3.1-8b",
    "gpu": "h100-sxm",
    "engine": {
        "max_num_seqs": 1,
        "async_scheduling": False,
        "num_gpu_blocks_override": 2000,
        "enable_prefix_caching": False,
    },
    "step_time": {"kind": "linear", "c0": STEP_S},
}


def queue(outputs: np.ndarray, rho: float, seed: int, **changes: Any) -> Result:
    """Batches of one: a request of n tokens is served for n steps of a millisecond."""
    rng = np.random.default_rng(seed)
    gap = float(np.mean(outputs)) * STEP_S / rho
    arrivals = np.cumsum(rng.exponential(gap, len(outputs)))
    trace = Trace.from_columns(arrivals, np.ones(len(outputs), dtype=int), outputs)
    return simulate(Scenario.parse({**BASE, **changes}), trace)


def waits_against_theory(draw: Any, rho: float, requests: int = 20_000) -> np.ndarray:
    """Mean wait of each of eight runs over what Pollaczek and Khinchine say of it.

    W = lambda E[S^2] / (2 (1 - rho)), with the moments of the run's own gaps and services.
    """
    ratios = []
    for seed in range(8):
        outputs = draw(np.random.default_rng(100 + seed), requests)
        result = queue(outputs, rho, seed)
        service_s, gap_s = outputs * STEP_S, np.diff(result.requests["arrival_s"]).mean()
        load = service_s.mean() / gap_s
        expected_s = (service_s**2).mean() / gap_s / (2 * (1 - load))
        ratios.append(float(result.requests["queue_s"].mean()) / expected_s)
    return np.array(ratios)


def assert_one(ratios: np.ndarray) -> None:
    """One within three standard errors, which are small enough to say something."""
    error = ratios.std(ddof=1) / np.sqrt(len(ratios))
    assert error < 0.03, f"{ratios} are too far apart to show anything"
    assert abs(ratios.mean() - 1) < 3 * error, f"{ratios.mean()} ± {error}"


@pytest.mark.parametrize("rho", [0.4, 0.7])
def test_with_batches_of_one_and_equal_service_the_wait_is_that_of_m_d_1(rho: float) -> None:
    assert_one(waits_against_theory(lambda rng, n: np.full(n, 50), rho))


@pytest.mark.parametrize("rho", [0.4, 0.7])
def test_with_batches_of_one_and_exponential_service_the_wait_is_that_of_m_m_1(rho: float) -> None:
    # A geometric number of steps, 50 in the mean, is exponential service in whole milliseconds.
    assert_one(waits_against_theory(lambda rng, n: rng.geometric(0.02, n), rho))


@pytest.mark.parametrize("arrivals", ["steady", "all at once", "late"])
def test_littles_law_holds_on_every_run(arrivals: str) -> None:
    rng = np.random.default_rng(3)
    at = {
        "steady": np.cumsum(rng.exponential(0.02, 400)),
        "all at once": np.zeros(400),
        "late": 100 + np.cumsum(rng.exponential(0.02, 400)),
    }[arrivals]
    trace = Trace.from_columns(at, rng.integers(1, 900, 400), rng.integers(1, 300, 400))
    engine = {"max_num_seqs": 32, "max_num_batched_tokens": 2048}
    result = simulate(Scenario.parse({**BASE, "replicas": 2, "engine": engine}), trace)
    inside_s = float((result.requests["finish_s"] - result.requests["arrival_s"]).sum())
    mean = concurrency(result).mean
    assert mean * result.horizon_s == pytest.approx(inside_s, rel=1e-9)


def test_no_replica_rests_while_somebody_waits() -> None:
    result = queue(np.full(2_000, 40), 0.9, 1)
    requests = result.requests.sort_values("arrival_s")
    # In order of arrival, each starts when it comes or when the one before has gone.
    free_s = np.concatenate([[0.0], requests["finish_s"].to_numpy()[:-1]])
    start_s = np.maximum(requests["arrival_s"].to_numpy(), free_s)
    assert requests["scheduled_s"].to_numpy() == pytest.approx(start_s, abs=1e-9)


def test_the_order_of_service_changes_waits_but_not_the_work() -> None:
    rng = np.random.default_rng(0)
    arrivals = np.cumsum(rng.exponential(0.05, 500))
    columns = arrivals, np.ones(500, dtype=int), rng.integers(1, 90, 500)
    trace = Trace.from_columns(*columns, priority=rng.integers(0, 5, 500))
    busy, waits = {}, {}
    for policy in ("fcfs", "priority"):
        engine = {**BASE["engine"], "scheduling_policy": policy}
        result = simulate(Scenario.parse({**BASE, "engine": engine}), trace)
        times = result.intervals[result.intervals["state"] == "busy"]
        busy[policy] = float((times["end_s"] - times["start_s"]).sum())
        waits[policy] = result.requests["queue_s"].to_list()
    assert busy["fcfs"] == pytest.approx(busy["priority"], rel=1e-9)
    assert waits["fcfs"] != waits["priority"]


def test_two_replicas_with_a_shared_least_loaded_door_wait_less_than_round_robin() -> None:
    # JSQ beats a blind split: means over common random numbers, far beyond their noise.
    waits = {}
    for kind in ("least_loaded", "round_robin"):
        means = [
            queue(
                np.random.default_rng(seed).geometric(0.02, 4000),
                1.6,
                seed,
                replicas=2,
                router={"kind": kind},
            )
            .requests["queue_s"]
            .mean()
            for seed in range(6)
        ]
        waits[kind] = np.array(means)
    better = waits["round_robin"] - waits["least_loaded"]
    assert better.mean() > 3 * better.std(ddof=1) / np.sqrt(len(better))


def test_the_bill_is_provisioned_gpu_hours_times_price_to_the_cent() -> None:
    result = queue(
        np.full(500, 50),
        0.5,
        0,
        replicas=3,
        offer={"like": "nebius-h100-sxm-on-demand", "billing_quantum_s": 1.0},
    )
    costs = bill(result)
    seconds = np.ceil(result.horizon_s - 1e-9)
    assert costs.usd_total == pytest.approx(3 * seconds / 3600 * 2.95, abs=0.005)
    assert float(costs.lines["usd"].sum()) == pytest.approx(costs.usd_total, abs=0.005)
