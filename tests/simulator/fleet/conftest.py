"""Small fleets that run in milliseconds."""

from typing import Any

import numpy as np
import pytest

from simulator import Result, Scenario, simulate
from tests.support.fleets import Draw, Play
from workloads.trace import Trace

BASE: dict[str, Any] = {
    "traffic": "steady-chat",
    "model": "llama-3.1-8b",
    "gpu": "h100-sxm",
    "step_time": {"kind": "linear", "c0": 0.006, "c_tok": 2.1e-5, "c_ctx": 4.3e-8, "c_seq": 7e-6},
    "engine": {"max_num_seqs": 16, "max_num_batched_tokens": 512, "num_gpu_blocks_override": 1500},
}


@pytest.fixture
def play() -> Play:
    def played(trace: Trace, step_by_step: bool = False, **fleet: Any) -> Result:
        engine = {**BASE["engine"], **fleet.pop("engine", {})}
        scenario = Scenario.parse({**BASE, **fleet, "engine": engine})
        return simulate(scenario, trace, step_by_step=step_by_step)

    return played


@pytest.fixture
def draw() -> Draw:
    def drawn(requests: int = 300, rate: float = 40.0, seed: int = 0, **columns: Any) -> Trace:
        rng = np.random.default_rng(seed)
        return Trace.from_columns(
            np.cumsum(rng.exponential(1 / rate, requests)),
            rng.integers(5, 400, requests),
            rng.integers(1, 80, requests),
            **columns,
        )

    return drawn
