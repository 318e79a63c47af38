"""Warm-up: once for each size, for models with experts, on a server that has just started."""

import pytest

from hardware_profiles.calibration import Calibration
from hardware_profiles.gpu import GPU
from simulator.physics.layout import Layout
from simulator.physics.work import StepWork
from simulator.step_time_model import Roofline
from workloads.llm import LLM

SLOW = Calibration.ideal().model_copy(update={"expert_compile_s": 1.0})
PROMPT, SIXTEENS, LONGER = (StepWork(n, 1, 0, n * (n + 1) / 2) for n in (590, 592, 2045))


def stalls(model: str, *works: StepWork, cold: bool = True) -> list[float]:
    engine = (LLM.named(model), GPU.named("h100-sxm"), Layout(tensor_parallel_size=2))
    bound = Roofline(calibration=SLOW, cold=cold).bind(*engine)
    warm = Roofline(calibration=SLOW).bind(*engine)
    return [round(bound.seconds(work) - warm.seconds(work), 9) for work in works]


def test_each_size_is_compiled_once() -> None:
    assert stalls("mixtral-8x7b", PROMPT, PROMPT, LONGER, PROMPT) == [1.0, 0.0, 1.0, 0.0]


def test_a_multiple_of_sixteen_pairs_of_token_and_expert_has_a_kernel_of_its_own() -> None:
    assert stalls("mixtral-8x7b", PROMPT, SIXTEENS, PROMPT, SIXTEENS) == [1.0, 1.0, 0.0, 0.0]


def test_small_batches_were_captured_before_the_server_opened() -> None:
    assert stalls("mixtral-8x7b", StepWork(16, 1, 590, 9576, 40, 20000)) == [0.0]


def test_dense_models_and_warm_servers_do_not_stall() -> None:
    assert stalls("llama-3.1-8b", PROMPT, LONGER) == [0.0, 0.0]
    assert stalls("mixtral-8x7b", PROMPT, cold=False) == [0.0]


@pytest.mark.parametrize("model", ["mixtral-8x7b", "llama-3.1-8b"])
def test_decoding_never_stalls(model: str) -> None:
    assert stalls(model, StepWork(decode_seqs=600, decode_context=6000)) == [0.0]
