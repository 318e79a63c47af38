"""Silicon tables: a clear message without them, and with them the engine's own rules."""

from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

from hardware_profiles.errors import InputError
from hardware_profiles.gpu import GPU
from simulator.physics.layout import Layout
from simulator.physics.work import StepWork
from simulator.step_time_model import Roofline, Silicon, StepTime
from workloads.llm import LLM

installed = pytest.mark.skipif(
    find_spec("aiconfigurator_core") is None, reason="needs the extra [silicon]"
)
WORKS = [
    StepWork(decode_seqs=1, decode_context=700),
    StepWork(decode_seqs=64, decode_context=64 * 700),
    StepWork(600, 1, 0, 180300, 0, 0),
    StepWork(2000, 3, 900, 1_200_000, 40, 30000),
]


def bound(model: str = "llama-3.1-8b", gpu: str = "h100-sxm", **layout: Any) -> StepTime:
    return Silicon().bind(LLM.named(model), GPU.named(gpu), Layout(**layout))


@pytest.mark.skipif(find_spec("aiconfigurator_core") is not None, reason="the extra is installed")
def test_without_the_extra_the_message_says_how_to_get_it() -> None:
    with pytest.raises(InputError, match=r"pip install 'servecast\[silicon\]'"):
        bound()


def test_a_gpu_without_tables_is_named_with_those_that_have_some() -> None:
    with pytest.raises(InputError, match="no silicon tables for l4; there are: a100-80gb, b200"):
        bound(gpu="l4")


@installed
@pytest.mark.parametrize("work", WORKS)
def test_shares_add_up_to_the_step(work: StepWork) -> None:
    model = bound()
    shares = model.shares(work)
    total = (
        shares.per_seq_s * (work.prefill_seqs + work.decode_seqs)
        + shares.per_prefill_token_s * work.prefill_tokens
        + shares.per_prefill_pair_s * work.prefill_pairs
        + shares.per_decode_token_s * work.decode_seqs
        + shares.per_context_s * work.decode_context
    )
    assert total == pytest.approx(model.seconds(work), rel=1e-9)
    assert min(shares) >= 0


@installed
def test_arrays_and_scalars_give_the_same() -> None:
    model = bound()
    columns = StepWork(*(np.array(column) for column in zip(*WORKS, strict=True)))
    np.testing.assert_allclose(model.seconds(columns), [model.seconds(work) for work in WORKS])


@installed
def test_a_decode_step_is_a_line_in_its_context() -> None:
    model = bound()
    line = model.decode_line(32)
    for context in (1000, 50_000, 120_000):
        work = StepWork(decode_seqs=32, decode_context=context)
        assert model.seconds(work) == pytest.approx(line.constant_s + line.per_context_s * context)


@installed
@pytest.mark.parametrize("gpu", ["h100-sxm", "a100-80gb", "l40s", "rtx-pro-6000"])
def test_kernels_and_the_calibrated_roofline_agree_on_decoding(gpu: str) -> None:
    roofline = Roofline().bind(LLM.named("llama-3.1-8b"), GPU.named(gpu), Layout())
    for seqs in (1, 16, 64):
        work = StepWork(decode_seqs=seqs, decode_context=seqs * 800)
        assert bound(gpu=gpu).seconds(work) == pytest.approx(roofline.seconds(work), rel=0.15)


@installed
def test_a_model_without_tables_says_so() -> None:
    stranger = LLM.parse({"like": "mixtral-8x7b", "aliases": []})
    with pytest.raises(InputError, match="no silicon tables for mixtral-8x7b in bf16 on l40s"):
        Silicon().bind(stranger, GPU.named("l40s"), Layout(tensor_parallel_size=4))
