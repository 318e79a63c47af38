"""What the fleet did with its time adds up, and agrees with Little's law."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.record import usage
from tests.support.toy_run import toy_run

seeds = st.integers(0, 10_000)
few = settings(max_examples=25)


@few
@given(seeds)
def test_the_four_states_tile_the_time_held(seed: int) -> None:
    shares = usage.state_shares(toy_run(seed, requests=20, horizon=4.0).result)
    assert sum(shares.values()) == pytest.approx(1.0)


@few
@given(seeds)
def test_littles_law(seed: int) -> None:
    # L = lambda W, W being the time in the system up to the end of the run.
    result = toy_run(seed, requests=40, horizon=5.0).result
    served = result.requests[result.requests["outcome"] != "rejected"]
    stay = served["finish_s"].fillna(result.horizon_s) - served["arrival_s"]
    rate = len(served) / result.horizon_s
    assert usage.concurrency(result).mean == pytest.approx(rate * stay.mean(), rel=1e-9)


@few
@given(seeds)
def test_peak_concurrency_is_the_most_seen_at_any_arrival(seed: int) -> None:
    result = toy_run(seed, requests=40, horizon=5.0).result
    served = result.requests[result.requests["outcome"] != "rejected"]
    came = served["arrival_s"].to_numpy()
    left = served["finish_s"].fillna(np.inf).to_numpy()
    seen = [int(((came <= t) & (left > t)).sum()) for t in came]
    found = usage.concurrency(result)
    assert found.peak == max(seen)
    assert found.mean <= found.p999 <= found.peak


def test_idle_gaps_add_up_to_the_idle_share() -> None:
    result = toy_run(1).result
    idle = usage.idle_time(result)
    assert idle.gaps.n > 1
    assert idle.gaps.mean * idle.gaps.n == pytest.approx(idle.total_s)
    assert idle.total_s / usage.provisioned_s(result) == pytest.approx(idle.share)
    assert idle.gaps.max <= idle.total_s


def test_the_busy_share_is_the_time_in_steps() -> None:
    toy = toy_run(2)
    expected = toy.busy_s / usage.provisioned_s(toy.result)
    assert usage.busy_share(toy.result) == pytest.approx(expected)


def test_the_mean_batch_counts_every_sequence_of_every_step() -> None:
    result = toy_run(3).result
    steps = result.steps
    sequences = (steps["prefill_seqs"] + steps["decode_seqs"]) * steps["num_steps"]
    found = usage.batch_size(result)
    assert found.mean == pytest.approx(sequences.sum() / steps["num_steps"].sum())
    assert found.mean <= found.peak


def test_kv_use_is_a_share() -> None:
    found = usage.kv_use(toy_run(4).result)
    assert 0 < found.mean < found.busy_mean <= found.peak < 1


def test_a_fleet_that_did_nothing_is_idle() -> None:
    result = toy_run(0, requests=0).result
    assert usage.busy_share(result) == 0
    assert usage.concurrency(result).peak == 0
    assert np.isnan(usage.batch_size(result).mean)
    assert usage.idle_time(result).gaps.n == len(result.replicas)
