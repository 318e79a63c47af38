"""What is read off the tables is what happened, token by token."""

import numpy as np
import pytest

from simulator.record import metrics
from simulator.record.runs import Runs
from simulator.record.tokens import work
from tests.support.toy_run import Toy, scenario, toy_run

SEEDS = range(12)


@pytest.fixture(params=SEEDS)
def toy(request: pytest.FixtureRequest) -> Toy:
    return toy_run(request.param, requests=40 + 10 * request.param)


def test_tokens_found_in_chunks_and_stays_are_those_given(toy: Toy) -> None:
    done = work(toy.result, Runs.of(toy.result.steps))
    given = np.bincount(done.request, weights=done.tokens_given, minlength=len(toy.jobs))
    assert given.tolist() == [job.given for job in toy.jobs]


def test_recomputed_tokens_are_those_computed_before(toy: Toy) -> None:
    done = work(toy.result, Runs.of(toy.result.steps))
    again = np.bincount(done.request, weights=done.recomputed, minlength=len(toy.jobs))
    assert again.tolist() == [job.recomputed for job in toy.jobs]


def test_itl_is_the_time_between_any_two_tokens_of_a_request(toy: Toy) -> None:
    between = np.concatenate([np.diff(job.tokens_at) for job in toy.jobs])
    found = metrics.itl(toy.result)
    assert found.n == len(between)
    expected = [between.mean(), *np.quantile(between, [0.5, 0.9, 0.95, 0.99]), between.max()]
    assert found[1:] == pytest.approx(expected, rel=1e-9)


def test_gaps_are_the_waits_of_those_preempted_or_passed_over(toy: Toy) -> None:
    gaps = metrics.gaps(toy.result)
    assert (gaps["gap_s"] > 0).all()
    for gap in gaps.itertuples():
        times = toy.jobs[gap.request].tokens_at
        at = int(np.argmin(np.abs(np.array(times) - gap.start_s)))
        assert times[at] == pytest.approx(gap.start_s, abs=1e-9)
        assert times[at + 1] == pytest.approx(gap.end_s, abs=1e-9)


def test_mean_tpot_weighted_by_gaps_is_mean_itl() -> None:
    # Only where all requests are complete does the one follow from the other.
    result = toy_run(1, horizon=60.0).result
    done = result.requests[result.requests["tpot_s"].notna()]
    gaps = done["generated_tokens"] - 1
    mean = float((done["tpot_s"] * gaps).sum() / gaps.sum())
    assert metrics.itl(result).mean == pytest.approx(mean, rel=1e-9)


def test_rejected_and_unfinished_requests_are_misses() -> None:
    toy = toy_run(2, requests=300, horizon=1.5)
    outcome = toy.result.requests["outcome"]
    assert {"rejected", "unfinished"} <= set(outcome)
    result = toy.with_scenario(scenario(slo={"ttft_s": 1e9, "tpot_s": 1e9}))
    assert metrics.goodput(result).good_requests == (outcome == "completed").sum()
    assert metrics.goodput(result).share < 1


def test_a_tighter_slo_is_met_less_often() -> None:
    toy = toy_run(3)
    shares = [
        metrics.goodput(toy.with_scenario(scenario(slo={"ttft_s": bound}))).share
        for bound in (0.001, 0.02, 0.05, 10.0)
    ]
    assert shares == sorted(shares)
    assert shares[0] == 0


def test_throughput_times_the_time_is_what_was_done() -> None:
    toy = toy_run(4)
    served = metrics.throughput(toy.result)
    horizon = toy.result.horizon_s
    assert served.output_tokens_per_s * horizon == pytest.approx(sum(j.given for j in toy.jobs))
    completed = sum(j.outcome == "completed" for j in toy.jobs)
    assert served.requests_per_s * horizon == pytest.approx(completed)


def test_the_hit_rate_is_of_the_first_admission() -> None:
    toy = toy_run(5)
    admitted = [job for job in toy.jobs if job.cached >= 0]
    expected = sum(j.cached for j in admitted) / sum(j.prompt for j in admitted)
    assert metrics.prefix_hit_rate(toy.result) == pytest.approx(expected)


def test_a_run_without_requests_has_metrics_all_the_same() -> None:
    result = toy_run(0, requests=0).result
    assert metrics.itl(result).n == 0
    assert metrics.goodput(result).good_requests == 0
    assert np.isnan(metrics.goodput(result).share)
    assert len(metrics.gaps(result)) == 0
