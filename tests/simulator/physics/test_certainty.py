"""How sure: the shelf says what was measured, and a result what to expect."""

import pytest

from hardware_profiles.calibration import Calibration
from hardware_profiles.gpu import GPU
from simulator.physics.certainty import certainty
from simulator.physics.layout import Layout
from simulator.step_time_model import Linear, Roofline
from workloads.llm import LLM


def test_a_measured_gpu_has_its_own_calibration() -> None:
    chosen = Calibration.choose("h100-sxm", "hopper")
    assert (chosen.calibration.gpu, chosen.nearness) == ("h100-sxm", "gpu")


def test_an_unlisted_gpu_inherits_its_familys_and_says_so() -> None:
    chosen = Calibration.choose("a40", "ampere")
    assert (chosen.calibration.gpu_family, chosen.nearness) == ("ampere", "family")
    assert "not measured on a40" in certainty(chosen, "a40").sentence


def test_a_stranger_is_not_calibrated() -> None:
    known = certainty(Calibration.choose("abacus", "wood"), "abacus")
    assert not known.is_calibrated
    assert known.sentence.startswith("not calibrated")


def test_the_interval_holds_the_prediction_and_widens_with_the_level() -> None:
    known = certainty(Calibration.choose("h100-sxm", "hopper"), "h100-sxm")
    half, most = (known.interval("ttft", "p50", 40.0, level) for level in (0.5, 0.95))
    assert half is not None
    assert most is not None
    assert most.low < half.low < 40.0 < half.high < most.high


def test_tails_are_less_certain_than_means() -> None:
    known = certainty(Calibration.choose("h100-sxm", "hopper"), "h100-sxm")
    mean, tail = known.interval("e2e", "mean", 1.0), known.interval("e2e", "p99", 1.0)
    assert mean is not None
    assert tail is not None
    assert tail.high > mean.high


def test_a_calibration_without_errors_gives_no_interval() -> None:
    known = certainty(Calibration.choose("h100-sxm", "hopper")._replace(
        calibration=Calibration.ideal()), "h100-sxm")  # fmt: skip
    assert known.interval("e2e", "mean", 1.0) is None
    assert not known.is_calibrated


def test_step_times_know_what_they_rest_on() -> None:
    bound = Roofline().bind(LLM.named("llama-3.1-8b"), GPU.named("l40s"), Layout())
    assert bound.certainty.is_calibrated
    assert "l40s" in bound.certainty.sentence
    assert not Linear(c0=0.01).certainty.is_calibrated


@pytest.mark.parametrize("gpu", ["h100-sxm", "a100-80gb", "l40s", "rtx-pro-6000"])
def test_what_is_shipped_is_as_right_as_it_must_be(gpu: str) -> None:
    errors = Calibration.named(f"vllm-{gpu}").errors
    assert errors["tpot_ms_mean"].mean_ape_pct < 4
    assert errors["e2e_ms_mean"].mean_ape_pct < 4
    assert errors["ttft_ms_mean"].mean_ape_pct < 7
    assert errors["e2e_ms_p99"].mean_ape_pct < 8.5
