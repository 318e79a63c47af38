"""Inside a long run of equal steps the KV cache fills up; the tables know how far."""

from typing import Any

import numpy as np
import pytest

from simulator import Result, Scenario, simulate
from simulator.record.timeline import timeline
from simulator.record.usage import kv_use
from workloads.trace import Trace


def one_long_answer(*, step_by_step: bool) -> Result:
    scenario: dict[str, Any] = {
        "traffic": "steady-chat",
        "model": "llama-3.1-8b",
        "gpu": "h100-sxm",
        "engine": {"num_gpu_blocks_override": 1001, "max_model_len": 20_000},
        "step_time": {"kind": "linear", "c0": 0.01},
    }
    trace = Trace.from_columns([0.0], [16], [10_000])
    return simulate(Scenario.parse(scenario), trace, step_by_step=step_by_step)


def test_peak_and_mean_are_those_of_single_steps() -> None:
    together, singly = one_long_answer(step_by_step=False), one_long_answer(step_by_step=True)
    assert len(together.steps) < 100 < len(singly.steps)
    assert kv_use(together).peak == pytest.approx(kv_use(singly).peak, abs=2 / 1001)
    assert kv_use(together).mean == pytest.approx(kv_use(singly).mean, abs=2 / 1001)


def test_the_timeline_is_that_of_single_steps() -> None:
    bins = [
        timeline(one_long_answer(step_by_step=single), bin_s=5.0)["kv_use"].to_numpy()
        for single in (False, True)
    ]
    assert bins[0] == pytest.approx(bins[1], abs=2 / 1001)
    assert (np.diff(bins[0]) > 0).all()
