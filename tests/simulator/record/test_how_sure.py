"""How sure a run is: its calibration by name, and intervals as wide as the least certain pool's."""

from typing import Any

import pytest

from simulator.record.summary import summarise
from simulator.scenario import Scenario
from simulator.simulate import simulate

BASE: dict[str, Any] = {"traffic": "steady-chat", "model": "llama-3.1-8b", "horizon_s": 30}
NO_PRICE = {
    "name": "none", "provider": "nobody", "mode": "on_demand", "usd_per_gpu_hour": 1.0,
    "source": "made up", "checked": "2026-11-22", "confidence": "C",
}  # fmt: skip


def told(**changes: Any) -> dict[str, Any]:
    return summarise(simulate(Scenario.parse({**BASE, **changes})))


def widths(summary: dict[str, Any]) -> dict[str, float]:
    """Upper over lower bound of each median."""
    found = summary["certainty"]["interval_s"]
    return {name: figures["p50"]["high"] / figures["p50"]["low"] for name, figures in found.items()}


def test_a_measured_gpu_names_its_calibration_and_an_interval_around_each_latency() -> None:
    summary = told(gpu="h100-sxm")
    certainty = summary["certainty"]
    assert certainty["is_calibrated"]
    assert certainty["pools"][""]["calibration"] == "vllm-h100-sxm"
    for name in ("ttft_s", "tpot_s", "e2e_s"):
        for figure in ("mean", "p50", "p99"):
            interval = certainty["interval_s"][name][figure]
            assert interval["low"] < summary["latency"][name][figure] < interval["high"]


def test_a_gpu_that_nobody_measured_is_not_calibrated_and_says_so() -> None:
    gpu = {"like": "mi300x", "name": "abacus", "family": "wood"}
    summary = told(gpu=gpu, offer=NO_PRICE | {"gpu": "abacus"})
    assert not summary["certainty"]["is_calibrated"]
    assert summary["certainty"]["sentence"].startswith("not calibrated: nothing near abacus")
    assert widths(summary)["ttft_s"] > widths(told(gpu="h100-sxm"))["ttft_s"]


def test_given_step_times_promise_nothing() -> None:
    certainty = told(gpu="h100-sxm", step_time={"kind": "linear", "c0": 0.01})["certainty"]
    assert certainty["interval_s"] == {}
    assert certainty["sentence"] == "step times are given by a linear model"


def test_a_fleet_is_as_sure_as_its_least_certain_pool() -> None:
    pools = [{"name": "new", "gpu": "h100-sxm"}, {"name": "old", "gpu": "l4"}]
    choice = {"kind": "by_length", "up_to": [500]}
    mixed = told(gpu="h100-sxm", pools=pools, pool_choice=choice)
    alone = told(gpu="l4")
    assert set(mixed["certainty"]["pools"]) == {"new", "old"}
    assert widths(mixed)["tpot_s"] == pytest.approx(widths(alone)["tpot_s"])
    assert "new: vllm-h100-sxm" in mixed["certainty"]["sentence"]
