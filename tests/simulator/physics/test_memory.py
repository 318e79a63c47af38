"""Memory: KV blocks as measured servers logged them, and models that do not fit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware_profiles.errors import InputError
from hardware_profiles.gpu import GPU
from simulator.physics.layout import Layout, can_split
from simulator.physics.memory import (
    blocks_per_sequence,
    memory_use,
    num_gpu_blocks,
    scheduled_blocks,
)
from simulator.physics.sharding import weight_bytes
from workloads.llm import LLM

H100 = GPU.named("h100-sxm")

# Logged by vLLM 0.15.1 on H100-SXM-80GB with gpu_memory_utilization 0.9 and max_num_seqs 128
# (inference-sim/sim-to-real): model, TP, max_num_batched_tokens, precision, blocks.
LOGGED = [
    ("llama-2-7b", 1, 2048, "bf16", 7462),
    ("llama-2-70b", 4, 2048, "bf16", 31356),
    ("llama-3.1-70b", 4, 8192, "bf16", 30251),
    ("codellama-34b", 2, 2048, "bf16", 26602),
    ("mistral-nemo-12b", 1, 2048, "bf16", 19251),
    ("qwen2.5-7b", 1, 1024, "bf16", 65368),
    ("mixtral-8x7b", 2, 2048, "bf16", 27510),
    ("llama-4-scout", 2, 2048, "fp8", 8253),
]


@pytest.mark.parametrize(("model", "tensor", "tokens", "precision", "blocks"), LOGGED)
def test_blocks_are_what_the_server_logged(
    model: str, tensor: int, tokens: int, precision: str, blocks: int
) -> None:
    layout = Layout.parse(
        {
            "tensor_parallel_size": tensor,
            "max_num_batched_tokens": tokens,
            "weights_precision": precision,
            "max_model_len": 4096,
        }
    )
    assert num_gpu_blocks(LLM.named(model), H100, layout) == pytest.approx(blocks, rel=0.01)


def test_a_model_that_does_not_fit_says_by_how_much_and_what_would() -> None:
    with pytest.raises(InputError) as refused:
        num_gpu_blocks(LLM.named("llama-3.1-70b"), H100, Layout())
    message = str(refused.value)
    assert "\n" not in message
    for part in ("GiB more than", "tensor_parallel_size 2", "fp8 weights", "b200"):
        assert part in message


def test_a_model_too_large_for_everything_says_so() -> None:
    with pytest.raises(InputError, match=r"would fit|no change tried fits"):
        num_gpu_blocks(LLM.named("deepseek-v3"), GPU.named("l4"), Layout(weights_precision="fp8"))


def test_a_cache_shorter_than_the_longest_sequence_does_not_fit() -> None:
    l4 = GPU.named("l4")
    llama = LLM.named("llama-3.1-8b")
    assert num_gpu_blocks(llama, l4, Layout(max_model_len=4096)) > 256
    with pytest.raises(InputError, match="does not fit"):
        num_gpu_blocks(llama, l4, Layout(max_model_len=131072))


def test_heads_that_cannot_be_divided_are_refused_with_sizes_that_can() -> None:
    with pytest.raises(InputError, match="tensor_parallel_size 3 does not divide the 32"):
        num_gpu_blocks(LLM.named("llama-3.1-8b"), H100, Layout(tensor_parallel_size=3))


def test_kv_heads_that_cannot_be_shared_out_are_refused_as_vllm_does() -> None:
    with pytest.raises(InputError, match="4 does not share out the 10 KV heads of phi-4"):
        num_gpu_blocks(LLM.named("phi-4"), H100, Layout(tensor_parallel_size=4))
    assert can_split(LLM.named("phi-4"), 2)
    assert can_split(LLM.named("qwen2.5-7b"), 4)
    assert can_split(LLM.named("llama-3.1-70b"), 16)  # KV heads are copied
    assert not can_split(LLM.named("qwen2.5-7b"), 8)


def test_short_windows_cost_a_sequence_their_own_blocks() -> None:
    gemma, llama = LLM.named("gemma-3-27b"), LLM.named("llama-3.1-8b")
    assert blocks_per_sequence(llama, Layout(), 2048) == 128
    # 52 of 62 layers look back 1,024 tokens: six groups of the size of the ten full ones.
    assert blocks_per_sequence(gemma, Layout(), 16) == 7
    assert blocks_per_sequence(gemma, Layout(), 8192) == 512 + 6 * 65


def test_the_scheduler_is_given_less_where_windows_take_blocks_from_its_pool() -> None:
    gemma, llama = LLM.named("gemma-3-27b"), LLM.named("llama-3.1-8b")
    layout = Layout(tensor_parallel_size=4)
    assert scheduled_blocks(llama, H100, layout) == num_gpu_blocks(llama, H100, layout)
    sequences = num_gpu_blocks(gemma, H100, layout) // blocks_per_sequence(gemma, layout, 2048)
    assert scheduled_blocks(gemma, H100, layout) // 128 == sequences
    # A window that is longer than any sequence takes nothing more than the sequence.
    short = layout.model_copy(update={"max_model_len": 1024})
    assert scheduled_blocks(gemma, H100, short) == num_gpu_blocks(gemma, H100, short)


def test_a_model_whose_layers_all_have_a_short_window_has_a_cache_all_the_same() -> None:
    model = LLM.parse(
        {"like": "llama-3.1-8b", "sliding_window": 512, "layer_types": ["sliding_attention"]}
    )
    assert num_gpu_blocks(model, H100, Layout()) == num_gpu_blocks(
        LLM.named("llama-3.1-8b"), H100, Layout()
    )


@pytest.mark.parametrize("name", LLM.names())
def test_every_model_of_the_shelf_fits_somewhere_or_says_what_it_lacks(name: str) -> None:
    model, b300 = LLM.named(name), GPU.named("b300")
    layout = Layout(tensor_parallel_size=1, weights_precision=model.weights_precision)
    use = memory_use(model, b300, layout)
    if use.for_cache < 2 * use.bytes_per_block:
        with pytest.raises(InputError, match=r"GiB more than .* would fit"):
            num_gpu_blocks(model, b300, layout)
    else:
        blocks = num_gpu_blocks(model, b300, layout)
        assert weight_bytes(model, layout).total + blocks * use.bytes_per_block < use.budget


def test_fp8_weights_halve_the_bytes_of_every_linear_layer() -> None:
    llama = LLM.named("llama-3.1-8b")
    wide, narrow = (weight_bytes(llama, Layout(weights_precision=p)) for p in ("bf16", "fp8"))
    norms = 2 * llama.parameters.norms
    assert narrow.always - norms == pytest.approx((wide.always - norms) / 2)
    assert (narrow.embedding, narrow.head) == (wide.embedding, wide.head)


def test_an_fp8_cache_holds_twice_the_tokens() -> None:
    llama = LLM.named("llama-3.1-8b")
    wide, narrow = (memory_use(llama, H100, Layout(kv_precision=p)) for p in ("bf16", "fp8"))
    assert narrow.bytes_per_block == wide.bytes_per_block / 2
    assert narrow.num_gpu_blocks == pytest.approx(2 * wide.num_gpu_blocks, abs=1)


def test_two_gpus_hold_half_the_weights_each() -> None:
    llama = LLM.named("llama-3.1-70b")
    one, two = (weight_bytes(llama, Layout(tensor_parallel_size=n)) for n in (1, 2))
    assert two.total == pytest.approx(one.total / 2, rel=1e-3)


def test_kv_heads_are_cut_until_each_gpu_has_one_and_a_latent_is_not_cut() -> None:
    def block(model: str, tensor: int) -> float:
        layout = Layout(tensor_parallel_size=tensor)
        return memory_use(LLM.named(model), H100, layout).bytes_per_block

    assert block("llama-3.1-70b", 8) == block("llama-3.1-70b", 16)
    assert block("deepseek-v3", 8) == block("deepseek-v3", 1)


@given(
    utilization=st.floats(0.75, 1.0),
    seqs=st.integers(1, 1024),
    tokens=st.integers(1, 16384),
)
def test_more_memory_or_less_to_run_never_leaves_fewer_blocks(
    utilization: float, seqs: int, tokens: int
) -> None:
    llama = LLM.named("llama-3.1-8b")
    layout = Layout(
        gpu_memory_utilization=utilization, max_num_seqs=seqs, max_num_batched_tokens=tokens
    )
    less = memory_use(llama, H100, layout)
    more = memory_use(llama, GPU.named("h200"), layout)
    lean = memory_use(llama, H100, layout.model_copy(update={"max_num_seqs": 1}))
    assert 0 <= less.num_gpu_blocks <= min(more.num_gpu_blocks, lean.num_gpu_blocks)
