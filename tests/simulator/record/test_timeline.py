"""Bins add up to exactly what was done, however they cut it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.record.binning import overlap, per_step
from simulator.record.runs import Runs
from simulator.record.timeline import timeline
from tests.support.toy_run import toy_run

bins = st.floats(0.05, 20.0)
seeds = st.integers(0, 1000)
few = settings(max_examples=25)


@few
@given(seeds, bins)
def test_rates_times_lengths_are_the_totals(seed: int, bin_s: float) -> None:
    toy = toy_run(seed, requests=30, horizon=5.0)
    steps, table = toy.result.steps, timeline(toy.result, bin_s)
    width = table["end_s"] - table["start_s"]
    assert width.sum() == pytest.approx(toy.result.horizon_s)
    prefill = (steps["prefill_tokens"] * steps["num_steps"]).sum()
    decode = (steps["decode_seqs"] * steps["num_steps"]).sum()
    assert (table["prefill_tokens_per_s"] * width).sum() == pytest.approx(prefill)
    assert (table["decode_tokens_per_s"] * width).sum() == pytest.approx(decode)
    held = len(toy.result.replicas) * toy.result.horizon_s
    assert (table["busy_share"] * width).sum() * held / toy.result.horizon_s == pytest.approx(
        toy.busy_s
    )


@few
@given(seeds, bins)
def test_running_and_waiting_obey_littles_law(seed: int, bin_s: float) -> None:
    result = toy_run(seed, requests=30, horizon=5.0).result
    table = timeline(result, bin_s)
    width = table["end_s"] - table["start_s"]
    served = result.requests[result.requests["outcome"] != "rejected"]
    end = result.horizon_s
    admitted = served["scheduled_s"].fillna(end)
    waits = (admitted - served["arrival_s"]).sum()
    stays = (served["finish_s"].fillna(end) - admitted).sum()
    assert (table["waiting"] * width).sum() == pytest.approx(waits)
    assert (table["running"] * width).sum() == pytest.approx(stays)


def test_the_fleet_is_the_sum_of_its_replicas() -> None:
    table = timeline(toy_run(7).result, 0.5, by_replica=True)
    fleet = table[table["replica"] == -1].reset_index(drop=True)
    parts = table[table["replica"] >= 0].groupby("start_s")
    for column in ("prefill_tokens_per_s", "decode_tokens_per_s", "running", "power_w"):
        assert parts[column].sum().to_numpy() == pytest.approx(fleet[column].to_numpy())


def test_shares_are_shares() -> None:
    table = timeline(toy_run(8).result, 0.3, by_replica=True)
    for column in ("kv_use", "busy_share"):
        assert table[column].between(0, 1 + 1e-12).all()


def test_a_step_counts_in_each_bin_for_its_part_of_the_time() -> None:
    result = toy_run(9, requests=80).result
    one = Runs.of(result.steps[result.steps["replica"] == 0])
    longest = int(np.argmax(one.num_steps))
    assert one.num_steps[longest] > 3
    serial = one.first_serial[longest] + np.arange(one.num_steps[longest])
    edges = np.array([one.start_of(serial)[1], one.end_of(serial)[2]])
    assert per_step(one, np.ones(len(one)), edges) == pytest.approx([2.0])


def test_spans_beyond_the_edges_are_cut_off() -> None:
    edges = np.array([1.0, 2.0, 4.0])
    assert overlap(edges, [[0.0, 9.0], [3.0, 3.5], [5.0, 6.0]]).tolist() == [1.0, 2.5]
    assert overlap(edges, np.empty((0, 2))).tolist() == [0.0, 0.0]


def test_an_empty_run_has_no_bins() -> None:
    toy = toy_run(0, requests=0)
    assert len(timeline(toy.lasting(0.0))) == 0


def test_bins_need_a_length() -> None:
    with pytest.raises(ValueError, match="bin_s must be positive"):
        timeline(toy_run().result, 0.0)
