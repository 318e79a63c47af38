"""The engine with batches of one is the queue on which the intervals were tested."""

import math

import numpy as np

from experiments.statistics import mean_interval
from experiments.warm_up import mser5
from simulator import Scenario, simulate
from workloads.trace import Trace

STEP_S = 1e-3
MEAN_TOKENS = 200
RATE_PER_S = 3.5

ONE_AT_A_TIME = Scenario.parse(
    {
        "traffic": "steady-chat",
        "model": "llama-3.1-8b",
        "gpu": "h100-sxm",
        "engine": {"max_num_seqs": 1, "num_gpu_blocks_override": 5000, "async_scheduling": False},
        "step_time": {"kind": "linear", "c0": STEP_S},
        "client_overhead": False,
    }
)


def markovian(seed: int, requests: int = 1500) -> Trace:
    """Poisson arrivals; prompts of one token, answers of a geometric number, so each takes one."""
    rng = np.random.default_rng(seed)
    gaps = rng.exponential(1 / RATE_PER_S, requests)
    tokens = rng.geometric(1 / MEAN_TOKENS, requests)
    return Trace.from_columns(np.cumsum(gaps), np.ones(requests, int), tokens)


def time_in_engine(trace: Trace) -> np.ndarray:
    requests = simulate(ONE_AT_A_TIME, trace).requests
    return (requests["finish_s"] - requests["arrival_s"]).to_numpy()


def test_each_request_waits_as_lindley_says() -> None:
    trace = markovian(seed=1)
    service = trace.output_tokens * STEP_S
    walk = np.zeros(len(trace))
    walk[1:] = np.cumsum(service[:-1] - np.diff(trace.arrival_s))
    expected = walk - np.minimum.accumulate(walk) + service
    np.testing.assert_allclose(time_in_engine(trace), expected, atol=1e-9)


def test_ten_runs_hold_the_mean_that_pollaczek_and_khinchine_give() -> None:
    p = 1 / MEAN_TOKENS
    mean, second = STEP_S / p, STEP_S**2 * (2 - p) / p**2
    load = RATE_PER_S * mean
    truth = mean + RATE_PER_S * second / (2 * (1 - load))
    assert math.isclose(truth, mean / (1 - load), rel_tol=5e-3)  # nearly an M/M/1
    runs = np.array([time_in_engine(markovian(seed)) for seed in range(10)])
    settled = runs[:, mser5(runs).observations :]
    found = mean_interval(settled.mean(axis=1))
    assert found.holds(truth)
    assert found.half_width < 0.15 * truth
