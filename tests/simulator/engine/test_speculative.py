"""Speculative decoding gains what its drafts are accepted for, and loses nothing."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator import Result, Scenario, simulate
from workloads.trace import Trace

BASE: dict[str, Any] = {
    "traffic": "steady-chat",
    "model": "llama-3.1-8b",
    "gpu": "h100-sxm",
    "step_time": {"kind": "linear", "c0": 0.01},
}


def run(trace: Trace, draft: int | None, rate: float = 1.0, seed: int = 0, **engine: Any) -> Result:
    if draft is not None:
        engine["speculative_config"] = {
            "num_speculative_tokens": draft,
            "acceptance_rate": rate,
        }
    return simulate(Scenario.parse({**BASE, "seed": seed, "engine": engine}), trace)


def alone(output_tokens: int) -> Trace:
    return Trace.from_columns([0.0], [100], [output_tokens])


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize(("draft", "output"), [(1, 9), (3, 9), (3, 10), (7, 3), (4, 1)])
def test_when_all_is_accepted_a_step_yields_the_draft_and_one(
    draft: int, output: int, is_async: bool
) -> None:
    result = run(alone(output), draft, async_scheduling=is_async)
    steps = 1 + -(-(output - 1) // (draft + 1))
    assert result.requests["finish_s"][0] == pytest.approx(0.01 * steps)
    assert result.requests["generated_tokens"][0] == output


@pytest.mark.parametrize("is_async", [False, True])
def test_when_nothing_is_accepted_it_is_as_without(is_async: bool) -> None:
    trace = Trace.from_columns([0.0, 0.1, 0.15], [100, 30, 50], [9, 40, 3])
    plain = run(trace, None, async_scheduling=is_async).requests
    drafted = run(trace, 3, 0.0, async_scheduling=is_async).requests
    for column in ("first_token_s", "finish_s"):
        assert drafted[column].to_numpy() == pytest.approx(plain[column].to_numpy())


@pytest.mark.parametrize("rate", [0.3, 0.7, 0.9])
def test_tokens_per_step_are_a_truncated_geometric_sum(rate: float) -> None:
    # E[1 + accepted] = (1 - a^(k+1)) / (1 - a), Leviathan et al. 2023, eq. 1.
    draft, tokens = 4, 60_000
    result = run(alone(tokens), draft, rate, max_model_len=131072)
    expected = (1 - rate ** (draft + 1)) / (1 - rate)
    assert tokens / len(result.decodes) == pytest.approx(expected, rel=0.02)


def test_the_draws_come_from_the_seed() -> None:
    trace = Trace.from_columns(np.arange(20) * 0.01, np.full(20, 64), np.full(20, 50))
    first, again = run(trace, 3, 0.6).requests, run(trace, 3, 0.6).requests
    other = run(trace, 3, 0.6, seed=1).requests
    assert first.equals(again)
    assert not first.equals(other)


@given(
    sizes=st.lists(
        st.tuples(st.floats(0, 0.5), st.integers(1, 60), st.integers(1, 60)),
        min_size=1,
        max_size=15,
    ),
    draft=st.integers(1, 5),
    rate=st.floats(0, 1),
    engine=st.fixed_dictionaries(
        {
            "async_scheduling": st.booleans(),
            "block_size": st.sampled_from((1, 4, 16)),
            "num_gpu_blocks_override": st.integers(140, 200),
            "max_num_batched_tokens": st.sampled_from((7, 64)),
            "max_num_seqs": st.sampled_from((2, 5)),
            "scheduling_policy": st.sampled_from(("fcfs", "priority")),
            "profile": st.sampled_from(("vllm-0.15", "vllm-0.32")),
        }
    ),
)
@settings(max_examples=80)
def test_every_request_gets_its_tokens_and_gives_its_blocks_back(
    sizes: list[tuple[float, int, int]], draft: int, rate: float, engine: dict[str, Any]
) -> None:
    arrivals, prompts, outputs = (list(column) for column in zip(*sorted(sizes), strict=True))
    result = run(Trace.from_columns(arrivals, prompts, outputs), draft, rate, **engine)
    assert (result.requests["outcome"] == "completed").all()
    assert result.requests["generated_tokens"].to_list() == outputs
    assert (result.steps["kv_blocks"] < engine["num_gpu_blocks_override"]).all()
    assert (result.requests["first_token_s"] <= result.requests["finish_s"]).all()
