"""The parts of a request's time, and of a GPU's, add up to the whole."""

import numpy as np
import pytest

from experiments.figures_where import request_phases, step_cloud
from experiments.where_time_goes import PHASES, STEP_KINDS, gpu_time, request_time, step_durations
from simulator import Scenario, simulate
from simulator.record.result import Result
from simulator.record.usage import busy_share, provisioned_s


@pytest.fixture(scope="module")
def result() -> Result:
    scenario = Scenario.parse(
        {
            "traffic": {"like": "steady-chat", "arrivals": {"kind": "poisson", "rate_per_s": 16}},
            "model": "llama-3.1-8b",
            "gpu": "l40s",
            "replicas": 2,
            "offer": "nebius-l40s-on-demand",
            "horizon_s": 60,
        }
    )
    return simulate(scenario)


def test_phases_add_up_to_the_end_to_end_time(result: Result) -> None:
    table = request_time(result)
    assert np.allclose(table[list(PHASES)].sum(axis=1), table["e2e_s"])
    assert (table[list(PHASES)] >= -1e-9).all(axis=None)


def test_groups_are_of_equal_size_and_in_order(result: Result) -> None:
    table = request_time(result, groups=7)
    completed = (result.requests["outcome"] == "completed").sum()
    assert table["requests"].sum() == completed
    assert table["requests"].max() - table["requests"].min() <= 1
    assert table["e2e_s"].is_monotonic_increasing


def test_the_time_of_the_gpus_adds_up_to_what_was_held(result: Result) -> None:
    table = gpu_time(result)
    assert table["share"].sum() == pytest.approx(1)
    assert table["seconds"].sum() == pytest.approx(provisioned_s(result))
    assert 1 - table.loc["no step", "share"] == pytest.approx(busy_share(result), rel=1e-3)
    assert table.loc["no step", "seconds"] >= 0


def test_every_token_is_computed_in_a_step_of_some_kind(result: Result) -> None:
    table = gpu_time(result)
    steps = result.steps
    tokens = (steps["num_steps"] * (steps["prefill_tokens"] + steps["decode_seqs"])).sum()
    assert table["tokens"].sum() == tokens
    assert set(table.index) == {*STEP_KINDS, "no step"}


def test_a_step_with_a_prompt_in_it_takes_longer(result: Result) -> None:
    by_kind = step_durations(result).groupby("kind", observed=True)["step_s"].median()
    assert by_kind["decode and prefill"] > by_kind["decode only"]


@pytest.mark.parametrize("groups", [0, -1, 10**9])
def test_a_number_of_groups_that_makes_no_sense_is_refused(result: Result, groups: int) -> None:
    with pytest.raises(ValueError, match="expected 1 to"):
        request_time(result, groups)


def test_pictures_have_units_and_say_that_it_is_one_run(result: Result) -> None:
    phases, steps = request_phases(result), step_cloud(result)
    assert phases.axes[0].get_ylabel() == "s, mean of the group"
    assert steps.axes[0].get_ylabel() == "ms"
    for figure in (phases, steps):
        assert "One run" in figure.texts[-1].get_text()
