"""The engine does what the page-long reference does: same instants, same counts, same steps."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from experiments.scheduler_validation import OracleScenario, step_log
from simulator.record.result import Result
from simulator.simulate import simulate
from tests.support.random_oracle import STEP_TIME, oracle_scenarios
from tests.support.reference import run_reference


def serve(scenario: dict[str, Any], *, step_by_step: bool = False) -> Result:
    nothing: dict[str, Any] = {
        "first_token_s": [], "finish_s": [], "cached_tokens": [], "preemptions": [], "steps": 0
    }  # fmt: skip
    oracle = OracleScenario.parse({**scenario, "expected": nothing})
    return simulate(oracle.scenario(), oracle.trace(), step_by_step=step_by_step)


def assert_agrees(result: Result, expected: dict[str, Any]) -> None:
    got = result.requests
    assert got["first_token_s"].to_list() == pytest.approx(expected["first_token_s"], abs=1e-9)
    assert got["finish_s"].to_list() == pytest.approx(expected["finish_s"], abs=1e-9)
    assert got["cached_tokens"].to_list() == expected["cached_tokens"]
    assert got["preemptions"].to_list() == expected["preemptions"]
    log, expected_log = step_log(result), np.asarray(expected["step_log"])
    assert log.shape == expected_log.shape
    assert log[:, 1:].tolist() == expected_log[:, 1:].tolist()
    assert log[:, 0] == pytest.approx(expected_log[:, 0], abs=1e-9)


@given(scenario=oracle_scenarios())
@settings(max_examples=300)
def test_the_engine_agrees_with_the_reference(scenario: dict[str, Any]) -> None:
    assert_agrees(serve(scenario), run_reference(scenario))


@given(scenario=oracle_scenarios())
@settings(max_examples=150)
def test_run_together_and_stepped_singly_the_tables_are_the_same(scenario: dict[str, Any]) -> None:
    together, singly = serve(scenario), serve(scenario, step_by_step=True)
    assert together.requests.equals(singly.requests)
    assert together.chunks.equals(singly.chunks)
    assert together.decodes.equals(singly.decodes)
    assert together.intervals.equals(singly.intervals)
    assert (singly.steps["num_steps"] == 1).all()
    assert step_log(together)[:, 1:].tolist() == step_log(singly)[:, 1:].tolist()
    assert step_log(together)[:, 0] == pytest.approx(step_log(singly)[:, 0], abs=1e-9)


def scenario_of(requests: list[dict[str, Any]], version: str, **engine: Any) -> dict[str, Any]:
    arguments = {
        "max_num_seqs": 8,
        "max_num_batched_tokens": 64,
        "max_model_len": 4096,
        "num_gpu_blocks": 40,
        **engine,
    }
    return {
        "name": "found",
        "version": version,
        "engine": arguments,
        "step_time": STEP_TIME,
        "requests": requests,
    }


def row(arrival_s: float, prompt: list[list[Any]], output_tokens: int, **more: Any) -> Any:
    return {"arrival_s": arrival_s, "prompt": prompt, "output_tokens": output_tokens, **more}


CORNERS = {
    "two of one prompt in one step share it": scenario_of(
        [row(0, [["s", 50]], 4), row(0, [["s", 50]], 4)], "vllm-0.15.1"
    ),
    "a prompt cached whole computes its last block again": scenario_of(
        [row(0, [["s", 48]], 2), row(1, [["s", 48]], 2)], "vllm-0.15.1"
    ),
    "the next turn overtakes the answer it quotes": scenario_of(
        [row(0, [["a", 20]], 60), row(0.1, [["a", 20], ["out:0", 60], ["b", 9]], 5)],
        "vllm-0.15.1",
        block_size=4,
        async_scheduling=True,
    ),
    "a preempted request finds its own blocks": scenario_of(
        [row(0, [["a", 60]], 90), row(0, [["b", 60]], 90), row(0.01, [["c", 60]], 90)],
        "vllm-0.15.1",
        block_size=4,
        num_gpu_blocks=64,
    ),
    "preempted with its last token on the way": scenario_of(
        [row(0, [["a", 30]], 70), row(0, [["b", 30]], 34), row(0, [["c", 30]], 34)],
        "vllm-0.15.1",
        block_size=1,
        num_gpu_blocks=180,
        async_scheduling=True,
    ),
    "a step that only preempts is followed at once": scenario_of(
        [row(0, [["a", 30]], 9, priority=2), row(0.01, [["b", 100]], 9, priority=1)],
        "vllm-0.15.1",
        block_size=1,
        num_gpu_blocks=111,
        scheduling_policy="priority",
        max_num_seqs=3,
        max_num_batched_tokens=3,
    ),
    "who preempts itself ends the pass for those after it": scenario_of(
        [row(0, [["a", 30]], 60, priority=3), row(0.001, [["b", 31]], 60, priority=1)],
        "vllm-0.32.0",
        block_size=4,
        num_gpu_blocks=25,
        scheduling_policy="priority",
        async_scheduling=True,
    ),
}


@pytest.mark.parametrize("name", CORNERS)
def test_corners(name: str) -> None:
    assert_agrees(serve(CORNERS[name]), run_reference(CORNERS[name]))


def test_the_corners_are_reached() -> None:
    """The examples above show what their names say."""
    hits = serve(CORNERS["two of one prompt in one step share it"]).requests["cached_tokens"]
    assert hits.to_list() == [0, 48]
    whole = serve(CORNERS["a prompt cached whole computes its last block again"]).requests
    assert whole["cached_tokens"].to_list() == [0, 32]
    own = serve(CORNERS["a preempted request finds its own blocks"]).requests
    preempted = own[own["preemptions"] > 0]
    assert len(preempted)
    assert (preempted["cached_tokens_total"] > preempted["cached_tokens"]).all()
    for name in ("preempted with its last token on the way",):
        assert serve(CORNERS[name]).requests["preemptions"].sum() > 0
    passed_over = serve(CORNERS["who preempts itself ends the pass for those after it"])
    assert (passed_over.decodes["request"] == 1).sum() > 1, "one stay, so never passed over"
