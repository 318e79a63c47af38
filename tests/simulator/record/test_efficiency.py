"""Utilization against the peaks, and the energy of it."""

import math

import pytest

from simulator.record.efficiency import efficiency, energy
from simulator.record.result import Result
from simulator.record.timeline import timeline
from simulator.record.usage import busy_share
from simulator.scenario import Scenario
from simulator.simulate import simulate
from tests.support.toy_run import toy_run


@pytest.fixture(scope="module")
def served() -> Result:
    scenario = {"traffic": "steady-chat", "model": "llama-3.1-8b", "gpu": "l4", "horizon_s": 60}
    return simulate(Scenario.parse(scenario))


def test_no_gpu_does_more_than_its_peak(served: Result) -> None:
    found = efficiency(served)
    assert 0 < found.mfu <= found.mfu_busy <= 1
    assert 0 < found.mbu <= found.mbu_busy <= 1


def test_over_all_time_is_over_busy_time_times_the_busy_share(served: Result) -> None:
    found = efficiency(served)
    assert found.mfu == pytest.approx(found.mfu_busy * busy_share(served))


def test_decoding_small_batches_is_bound_by_memory(served: Result) -> None:
    found = efficiency(served)
    assert found.mbu > found.mfu


def test_power_lies_between_loaded_idle_and_the_limit(served: Result) -> None:
    gpu = served.scenario.gpu
    assert gpu.loaded_idle_w <= energy(served).mean_w <= gpu.tdp_w


def test_the_timeline_draws_the_same_energy(served: Result) -> None:
    table = timeline(served)
    joules = (table["power_w"] * (table["end_s"] - table["start_s"])).sum()
    assert joules / 3.6e6 == pytest.approx(energy(served).kwh)


def test_a_fleet_that_does_nothing_draws_its_loaded_idle() -> None:
    result = toy_run(0, requests=0).result
    gpus = result.replicas["gpus"].sum()
    assert energy(result).mean_w == pytest.approx(gpus * result.scenario.gpu.loaded_idle_w)


def test_a_step_time_that_knows_no_load_has_no_utilization() -> None:
    found = efficiency(toy_run(1).result)
    assert math.isnan(found.mfu)
    assert math.isnan(found.mbu_busy)
