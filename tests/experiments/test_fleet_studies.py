"""The fleet's studies: their designs hold together, and comparisons are paired."""

import ast
import importlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from experiments.fleet_study import BASE, compare, differences
from simulator import Scenario
from simulator.economics.overflow import saving
from simulator.record.overflowed import overflow_by
from simulator.simulate import simulate
from workloads.trace import Trace

STUDIES = (
    "routing", "admission", "pools", "autoscaling", "overflow", "spot", "disaggregation",
)  # fmt: skip


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_says_what_it_asks_varies_holds_and_found(name: str) -> None:
    module = importlib.import_module(f"experiments.fleet_{name}")
    text = ast.get_docstring(ast.parse(Path(str(module.__file__)).read_text())) or ""
    for heading in ("Question. ", "What is varied. ", "What is held. ", "What was found ("):
        assert heading in text
    for changes in module.VARIANTS.values():
        Scenario.parse({**BASE, **changes})


def few(seed: int) -> Trace:
    rng = np.random.default_rng(seed)
    return Trace.from_columns(np.sort(rng.uniform(0, 2, 60)), np.full(60, 400), np.full(60, 30))


def test_variants_meet_the_same_traffic_and_differences_are_paired() -> None:
    variants = {"one": {"replicas": 1}, "two": {"replicas": 2}}
    runs = compare(variants, few, ["ttft_p50_s", "gpu_hours"], range(3))
    assert len(runs) == 6
    told = differences(runs, "one").set_index(["variant", "metric"])
    assert told.loc[("one", "gpu_hours"), "difference"] == 0
    assert not told.loc[("one", "gpu_hours"), "sure"]
    assert told.loc[("two", "gpu_hours"), "sure"]
    wide = pd.pivot(runs, index="seed", columns="variant", values="gpu_hours")
    expected = (wide["two"] - wide["one"]).mean()
    assert told.loc[("two", "gpu_hours"), "difference"] == pytest.approx(expected)


def test_what_the_way_out_costs_and_saves_is_told() -> None:
    slow = {"step_time": {"kind": "linear", "c0": 0.03}, "engine": {"max_num_seqs": 4}}
    overflow = {"when": [{"kind": "queue", "max_waiting": 1}],
                "endpoints": ["openrouter-llama-3.1-8b"]}  # fmt: skip
    trace = few(0)
    without = simulate(Scenario.parse({**BASE, **slow}), trace)
    helped = simulate(Scenario.parse({**BASE, **slow, "overflow": overflow}), trace)
    told = saving(helped, without)
    assert told.requests_outside > 0
    assert told.good_more > 0
    assert told.usd > 0  # the fleet is done sooner, and the endpoint is cheap
    table = overflow_by(helped, 1.0)
    assert table["calls"].sum() == len(helped.calls)
    assert table["usd"].sum() == pytest.approx(told.usd_spent_outside)
    with pytest.raises(ValueError, match="same requests"):
        saving(helped, simulate(Scenario.parse(BASE), few(1)))
