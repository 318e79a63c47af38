"""What is read off the tables of the engine is what the engine did."""

from typing import Any

import numpy as np
import pytest

from simulator.economics.attribution import attribute
from simulator.economics.bill import bill
from simulator.record import metrics
from simulator.record.efficiency import middle_work
from simulator.record.result import Result
from simulator.record.runs import Runs
from simulator.record.tokens import work
from simulator.record.usage import concurrency, state_shares
from simulator.scenario import Scenario, step_time_of
from simulator.simulate import simulate

LINEAR = {"kind": "linear", "c0": 0.01, "c_tok": 1e-5, "c_ctx": 1e-8, "c_seq": 1e-4}
TIGHT = {"num_gpu_blocks_override": 600, "max_model_len": 8000}
CASES: dict[str, dict[str, Any]] = {
    "roomy": {},
    "tight": {"engine": TIGHT},
    "tight, synchronous": {"engine": {**TIGHT, "async_scheduling": False}},
    "tight, linear": {"engine": TIGHT, "step_time": LINEAR},
    "shared prefixes": {"traffic": "coding-assistant", "engine": TIGHT},
    "newer": {"engine": {**TIGHT, "profile": "vllm-0.32"}, "step_time": LINEAR},
}


@pytest.fixture(scope="module", params=CASES)
def served(request: pytest.FixtureRequest) -> Result:
    scenario = {
        "traffic": "steady-chat",
        "model": "llama-3.1-8b",
        "gpu": "a100-80gb",
        "replicas": 2,
        "horizon_s": 40,
        "slo": {"ttft_s": 0.2, "tpot_s": 0.01},
        **CASES[request.param],
    }
    return simulate(Scenario.parse(scenario))


def test_the_cases_are_hard_enough() -> None:
    scenario = {"traffic": "steady-chat", "model": "llama-3.1-8b", "gpu": "a100-80gb"}
    result = simulate(Scenario.parse({**scenario, "horizon_s": 40, "engine": TIGHT}))
    assert result.requests["preemptions"].sum() > 3
    assert len(metrics.gaps(result)) > 0


def test_every_token_given_is_found_in_a_chunk_or_a_stay(served: Result) -> None:
    done = work(served, Runs.of(served.steps))
    given = np.bincount(done.request, weights=done.tokens_given, minlength=len(served.requests))
    assert given.tolist() == served.requests["generated_tokens"].tolist()


def test_every_pair_of_tokens_has_its_gap(served: Result) -> None:
    found = metrics.itl(served)
    pairs = served.requests["generated_tokens"] - 1
    assert found.n == pairs.clip(lower=0).sum()
    tpot = served.requests["tpot_s"]
    assert found.mean == pytest.approx((tpot * pairs)[tpot.notna()].sum() / found.n, rel=1e-6)


def test_the_model_says_how_long_each_run_of_steps_took(served: Result) -> None:
    runs = Runs.of(served.steps)
    seconds = step_time_of(served.scenario).seconds(middle_work(runs.table)) * runs.num_steps
    assert runs.duration_s == pytest.approx(np.asarray(seconds), rel=1e-9)


def test_all_the_time_in_steps_is_attributed(served: Result) -> None:
    steps = served.steps
    busy = (steps["end_s"] - steps["start_s"]).sum()
    assert attribute(served).to_numpy().sum() == pytest.approx(busy, rel=1e-9)
    held = served.horizon_s * len(served.replicas)
    assert state_shares(served)["busy"] * held == pytest.approx(busy, rel=1e-9)


def test_the_bill_is_whole_quanta_of_the_time_held(served: Result) -> None:
    offer, found = served.scenario.offer, bill(served)
    quanta = np.ceil(served.horizon_s / offer.billing_quantum_s)
    usd = 2 * quanta * offer.billing_quantum_s / 3600 * offer.usd_per_gpu_hour
    assert found.usd_total == pytest.approx(usd)
    assert found.requests["usd"].sum() == pytest.approx(usd)


def test_littles_law(served: Result) -> None:
    served_requests = served.requests[served.requests["outcome"] == "completed"]
    stay = served_requests["finish_s"] - served_requests["arrival_s"]
    rate = len(served_requests) / served.horizon_s
    assert concurrency(served).mean == pytest.approx(rate * stay.mean())
