"""Power: never below idle, never above the limit, more work never fewer watts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware_profiles.gpu import GPU
from simulator.physics.layout import Layout
from simulator.physics.load import step_load
from simulator.physics.power import Activity, step_joules, watts
from simulator.physics.work import StepWork
from workloads.llm import LLM

H100 = GPU.named("h100-sxm")
SHARE = st.floats(0, 1)


def test_a_gpu_without_a_process_draws_its_bare_idle() -> None:
    assert watts(H100, None) == H100.idle_w


def test_a_loaded_gpu_with_nothing_to_do_draws_more() -> None:
    assert watts(H100, Activity(0.0, 0.0)) == H100.loaded_idle_w > H100.idle_w


def test_inference_draws_what_was_measured() -> None:
    decode, prefill = Activity(0.1, 0.75), Activity(0.7, 0.2)
    assert 400 < watts(H100, decode) < 550
    assert watts(H100, prefill) == pytest.approx(H100.tdp_w, rel=0.15)


@given(compute=SHARE, memory=SHARE, more=SHARE)
def test_watts_lie_between_idle_and_limit_and_grow(
    compute: float, memory: float, more: float
) -> None:
    less = watts(H100, Activity(compute, memory))
    assert H100.loaded_idle_w <= less <= H100.tdp_w
    assert watts(H100, Activity(compute + more, memory)) >= less
    assert watts(H100, Activity(compute, memory + more)) >= less


def test_joules_are_watts_times_seconds_times_gpus() -> None:
    idle = Activity(np.zeros(2), np.zeros(2))
    joules = step_joules(H100, 4, np.array([1.0, 2.0]), idle)
    np.testing.assert_allclose(joules, [4 * H100.loaded_idle_w, 8 * H100.loaded_idle_w])


def test_mla_decodes_in_its_latent_which_is_more_work_a_pair_than_its_prompts() -> None:
    deepseek, layout = LLM.named("deepseek-v3"), Layout(tensor_parallel_size=8)
    with_context, without = (
        step_load(StepWork(decode_seqs=64, decode_context=n), deepseek, layout).flops
        for n in (64 * 4096, 0)
    )
    per_pair = 2 * 61 * 128 * (2 * 512 + 64) / 8
    assert with_context - without == pytest.approx(per_pair * 64 * 4096)
