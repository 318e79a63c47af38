"""Step time: the laws of the roofline, and what no step may do."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware_profiles.calibration import Calibration
from hardware_profiles.gpu import GPU
from hardware_profiles.link import Link
from simulator.physics.costs import StepCosts, graph_sizes, step_costs
from simulator.physics.layout import Layout
from simulator.physics.sharding import kv_bytes_per_token, weight_bytes
from simulator.physics.step_time import decode_line, step_seconds, step_shares
from simulator.physics.work import StepWork
from workloads.llm import LLM

H100, LLAMA, IDEAL = GPU.named("h100-sxm"), LLM.named("llama-3.1-8b"), Calibration.ideal()
INFINITE = Link.parse({"like": "nvlink4", "bandwidth_gb_s": 1e12, "latency_us": 0})
REAL = IDEAL.model_copy(
    update={
        "bandwidth_efficiency": 0.8, "kv_bandwidth_efficiency": 0.7, "compute_efficiency": 0.6,
        "attention_efficiency": 0.4, "link_efficiency": 0.5, "step_overhead_us": 300.0,
        "layer_overhead_us": 10.0, "moe_layer_overhead_us": 20.0, "sequence_overhead_us": 5.0,
        "sort_bytes": 600.0, "four_bit_efficiency": 0.7,
        "expert_compute_efficiency": 0.5, "direct_link_efficiency": 0.3,
        "quantized_layer_overhead_us": 8.0, "unoverlapped_share": 0.3, "query_head_rereads": 0.5,
        "token_diversity": 0.5, "collective_overhead_us": 3.0, "relay_overhead_us": 20.0,
        "host_overhead_us": 30.0,
        "host_link_efficiency": 0.3, "narrow_compute_efficiency": 0.8,
        "expert_padding_tokens": 20.0,
        "mixed_step_overhead_us": 100.0, "cpu_step_us": 2000.0, "cpu_sequence_us": 20.0,
    }
)  # fmt: skip


def costs(
    model: str = "llama-3.1-8b", gpu: GPU = H100, cal: Calibration = IDEAL, **layout: Any
) -> StepCosts:
    return step_costs(LLM.named(model), gpu, Layout(**layout), cal)


def read_bytes(layout: Layout) -> float:
    held = weight_bytes(LLAMA, layout)
    return held.always + held.head


def prompt(tokens: int, context: int = 0) -> StepWork:
    return StepWork(tokens, 1, context, tokens * context + tokens * (tokens + 1) / 2)


def test_a_memory_bound_decode_is_bytes_over_bandwidth() -> None:
    work = StepWork(decode_seqs=4, decode_context=4000)
    moved = read_bytes(Layout()) + 4000 * kv_bytes_per_token(LLAMA, Layout())
    assert step_seconds(work, costs()) == pytest.approx(moved / H100.bytes_per_s, rel=1e-12)


def test_a_compute_bound_prefill_is_flops_over_peak() -> None:
    work, parts = prompt(8192), LLAMA.parameters
    linear = 2 * 8192 * (parts.attention + parts.mlp) + 2 * parts.head
    attention = 4 * 32 * 32 * 128 * work.prefill_pairs
    expected = (linear + attention) / H100.flops("bf16")
    assert step_seconds(work, costs()) == pytest.approx(expected, rel=1e-12)


def test_fp8_weights_halve_what_a_step_reads_of_linear_layers() -> None:
    parts = LLAMA.parameters
    work = StepWork(decode_seqs=1)
    saved = step_seconds(work, costs()) - step_seconds(work, costs(weights_precision="fp8"))
    assert saved == pytest.approx((parts.attention + parts.mlp) / H100.bytes_per_s, rel=1e-9)


@pytest.mark.parametrize("work", [StepWork(decode_seqs=8, decode_context=8000), prompt(8192)])
def test_two_gpus_with_infinite_links_take_half_the_time(work: StepWork) -> None:
    gpu = H100.model_copy(update={"link": INFINITE})
    one, two = (step_seconds(work, costs(gpu=gpu, tensor_parallel_size=n)) for n in (1, 2))
    assert two == pytest.approx(one / 2, rel=1e-3)  # norms are on both


def test_a_real_link_costs_something() -> None:
    fast = H100.model_copy(update={"link": INFINITE})
    work = StepWork(decode_seqs=8)
    real, ideal = (step_seconds(work, costs(gpu=g, tensor_parallel_size=2)) for g in (H100, fast))
    assert real > ideal


NETWORK = Link.named("infiniband-ndr")


def test_an_engine_larger_than_its_node_waits_for_the_network() -> None:
    work, big = StepWork(decode_seqs=64, decode_context=64000), {"tensor_parallel_size": 16}
    inside = step_seconds(work, costs("llama-3.1-70b", gpus_per_node=16, network=NETWORK, **big))
    across = step_seconds(work, costs("llama-3.1-70b", gpus_per_node=8, network=NETWORK, **big))
    eight = costs("llama-3.1-70b", tensor_parallel_size=8)
    alone = costs("llama-3.1-70b", tensor_parallel_size=8, network=NETWORK)
    assert across > inside
    assert alone == eight  # one node needs no network


def test_of_four_stages_on_two_nodes_one_hand_over_in_three_leaves_the_node() -> None:
    layout = Layout(tensor_parallel_size=4, pipeline_parallel_size=4)
    assert layout.stages_across_nodes == pytest.approx(1 / 3)
    assert Layout(tensor_parallel_size=4, pipeline_parallel_size=2).stages_across_nodes == 0
    assert Layout(tensor_parallel_size=8, pipeline_parallel_size=2).stages_across_nodes == 1


def test_experts_spread_over_nodes_exchange_tokens_by_the_slower_way() -> None:
    ranks = {"data_parallel_size": 16, "enable_expert_parallel": True, "network": NETWORK}
    one, two = (costs("qwen3-30b-a3b", gpus_per_node=n, **ranks) for n in (16, 8))
    assert two.exchange_token_s > one.exchange_token_s


def test_a_pipeline_helps_a_batch_and_not_a_single_sequence() -> None:
    def ratio(seqs: int) -> float:
        work = StepWork(decode_seqs=seqs, decode_context=seqs * 8000)
        gpu = H100.model_copy(update={"link": INFINITE})
        one, two = (costs(gpu=gpu, pipeline_parallel_size=n) for n in (1, 2))
        return float(step_seconds(work, two) / step_seconds(work, one))

    assert ratio(1) == pytest.approx(1.0, rel=1e-3)
    assert ratio(256) < 0.7


def test_a_prompt_passes_a_full_pipeline_once_and_an_empty_one_stage_by_stage() -> None:
    gpu = H100.model_copy(update={"link": INFINITE})
    one, four = (costs(gpu=gpu, pipeline_parallel_size=n) for n in (1, 4))
    decodes = StepWork(decode_seqs=64, decode_context=64_000)

    def longer_by(c: StepCosts) -> float:
        mixed = StepWork(*prompt(8192)[:4], *decodes[4:])
        return float(step_seconds(mixed, c) - step_seconds(decodes, c))

    assert longer_by(four) < 0.4 * longer_by(one)
    alone = [step_seconds(prompt(8192), c) for c in (one, four)]
    assert alone[1] == pytest.approx(alone[0], rel=1e-3)


def test_a_gpu_without_the_format_does_not_quantise_activations() -> None:
    slow = IDEAL.model_copy(update={"quantized_layer_overhead_us": 10.0})
    fp8, a100 = {"weights_precision": "fp8"}, GPU.named("a100-80gb")
    assert costs(cal=slow, gpu=a100, **fp8).fixed_s == 0
    assert costs(cal=slow, **fp8).fixed_s == pytest.approx(32 * 10e-6)


def test_one_token_reads_its_own_experts_and_a_large_batch_all() -> None:
    mixtral = LLM.named("mixtral-8x7b")
    held = weight_bytes(mixtral, Layout())

    def read(seqs: int) -> float:
        return float(step_seconds(StepWork(decode_seqs=seqs), costs("mixtral-8x7b")))

    always = held.always + held.head
    assert read(1) * H100.bytes_per_s == pytest.approx(always + held.experts / 4)
    assert read(100) * H100.bytes_per_s == pytest.approx(always + held.experts, rel=1e-6)


def test_experts_compute_some_empty_rows_each() -> None:
    padded = IDEAL.model_copy(update={"expert_padding_tokens": 10.0, "bandwidth_efficiency": 1.0})
    work, experts = prompt(8192), LLM.named("mixtral-8x7b").parameters.experts
    more = step_seconds(work, costs("mixtral-8x7b", cal=padded)) - step_seconds(
        work, costs("mixtral-8x7b")
    )
    assert more == pytest.approx(2 * experts * 10 / H100.flops("bf16"), rel=1e-6)


def test_eight_bits_reach_less_of_their_peak_where_there_is_one() -> None:
    slow = IDEAL.model_copy(update={"narrow_compute_efficiency": 0.5})
    a100 = GPU.named("a100-80gb")
    for gpu, ratio in ((H100, 2.0), (a100, 1.0)):
        fp8 = {"gpu": gpu, "weights_precision": "fp8"}
        assert costs(cal=slow, **fp8).token_s == pytest.approx(ratio * costs(**fp8).token_s)


def test_expert_parallel_ranks_share_experts_and_bring_their_tokens() -> None:
    alone = costs("qwen3-30b-a3b")
    shared = costs("qwen3-30b-a3b", data_parallel_size=4, enable_expert_parallel=True)
    assert shared.experts_s == alone.experts_s / 4
    assert shared.expert_ranks == 4


def test_mla_reads_one_latent_per_token() -> None:
    deepseek = costs("deepseek-v3", weights_precision="fp8", tensor_parallel_size=8)
    assert deepseek.prefill_context_s == 61 * 576 * 2 / H100.bytes_per_s


def test_a_short_window_costs_the_same_at_any_context() -> None:
    c = costs("gpt-oss-20b", weights_precision="mxfp4")
    assert c.window_s == 128 * 12 * 2 * 8 * 64 * 2 / H100.bytes_per_s
    assert c.context_s == 12 * 2 * 8 * 64 * 2 / H100.bytes_per_s


def test_decode_batches_are_padded_to_the_next_cuda_graph() -> None:
    slow = IDEAL.model_copy(update={"compute_efficiency": 1e-3})
    c = costs(cal=slow)._replace(sequence_compute_s=0.0)
    assert step_seconds(StepWork(decode_seqs=9), c) == step_seconds(StepWork(decode_seqs=16), c)
    assert step_seconds(StepWork(decode_seqs=17), c) > step_seconds(StepWork(decode_seqs=16), c)


def test_graph_sizes_are_vllms() -> None:
    assert graph_sizes(1) == [1, 2]
    assert graph_sizes(128)[:5] == [1, 2, 4, 8, 16]
    assert graph_sizes(1024)[-2:] == [496, 512]


def test_the_cpu_sets_the_pace_where_it_is_slower() -> None:
    slow = REAL.model_copy(update={"cpu_step_us": 1e6})
    assert step_seconds(StepWork(decode_seqs=1), costs(cal=slow)) == pytest.approx(1.00002)


COUNT = st.integers(0, 300)
MODELS = st.sampled_from(["llama-3.1-8b", "mixtral-8x7b", "deepseek-v3", "gpt-oss-20b"])
LAYOUTS = st.sampled_from(
    [
        Layout(),
        Layout(tensor_parallel_size=4, weights_precision="fp8"),
        Layout(pipeline_parallel_size=3, kv_precision="fp8"),
        Layout(enforce_eager=True, tensor_parallel_size=2, data_parallel_size=2,
               enable_expert_parallel=True),
    ]
)  # fmt: skip
CALIBRATIONS = st.sampled_from([IDEAL, REAL])


@st.composite
def works(draw: st.DrawFn) -> StepWork:
    chunks = draw(st.lists(st.tuples(st.integers(1, 4000), st.integers(0, 9000)), max_size=4))
    decodes = draw(st.integers(0 if chunks else 1, 300))
    return StepWork(
        prefill_tokens=sum(n for n, _ in chunks),
        prefill_seqs=len(chunks),
        prefill_context=sum(context for _, context in chunks),
        prefill_pairs=sum(n * context + n * (n + 1) / 2 for n, context in chunks),
        decode_seqs=decodes,
        decode_context=decodes * draw(st.integers(1, 9000)),
    )


@given(work=works(), model=MODELS, layout=LAYOUTS, cal=CALIBRATIONS)
def test_a_step_takes_time_and_more_work_never_less(
    work: StepWork, model: str, layout: Layout, cal: Calibration
) -> None:
    c = step_costs(LLM.named(model), H100, layout, cal)
    seconds = step_seconds(work, c)
    assert seconds > 0
    decodes, prompts = max(1, work.decode_seqs), max(1, work.prefill_seqs)
    one_more = StepWork(  # one more like the others: a pipeline spreads what there is
        *(count * (1 + 1 / prompts) for count in work[:4]), *work[4:]
    )
    longer = work._replace(decode_context=work.decode_context + 100)
    another = work._replace(
        decode_seqs=work.decode_seqs + 1,
        decode_context=work.decode_context * (1 + 1 / decodes),
    )
    for more in (one_more, longer, another):
        assert step_seconds(more, c) >= seconds * (1 - 1e-12)


@given(work=works(), model=MODELS, layout=LAYOUTS, cal=CALIBRATIONS)
def test_the_shares_add_up_to_the_step(
    work: StepWork, model: str, layout: Layout, cal: Calibration
) -> None:
    c = step_costs(LLM.named(model), H100, layout, cal)
    shares = step_shares(work, c)
    assert all(share >= 0 for share in shares)
    total = (
        shares.per_seq_s * (work.prefill_seqs + work.decode_seqs)
        + shares.per_prefill_token_s * work.prefill_tokens
        + shares.per_prefill_pair_s * work.prefill_pairs
        + shares.per_decode_token_s * work.decode_seqs
        + shares.per_context_s * work.decode_context
    )
    assert total == pytest.approx(step_seconds(work, c), rel=1e-9)


@given(
    many=st.lists(works(), min_size=1, max_size=5), model=MODELS, layout=LAYOUTS, cal=CALIBRATIONS
)
def test_arrays_and_scalars_give_the_same(
    many: list[StepWork], model: str, layout: Layout, cal: Calibration
) -> None:
    c = step_costs(LLM.named(model), H100, layout, cal)
    columns = StepWork(*(np.array(column, dtype=float) for column in zip(*many, strict=True)))
    one_by_one = [step_seconds(work, c) for work in many]
    np.testing.assert_allclose(step_seconds(columns, c), one_by_one, rtol=1e-12)
    for column, *single in zip(
        step_shares(columns, c), *(step_shares(work, c) for work in many), strict=True
    ):
        np.testing.assert_allclose(
            np.broadcast_to(column, len(many)), single, rtol=1e-9, atol=1e-18
        )


@given(seqs=st.integers(1, 600), context=st.integers(1, 10**6), model=MODELS, layout=LAYOUTS,
       cal=CALIBRATIONS)  # fmt: skip
def test_a_decode_step_is_a_line_in_its_context_over_one_floor(
    seqs: int, context: int, model: str, layout: Layout, cal: Calibration
) -> None:
    c = step_costs(LLM.named(model), H100, layout, cal)
    line = decode_line(seqs, c)
    on_line = max(line.floor_s, line.constant_s + line.per_context_s * context)
    assert step_seconds(StepWork(decode_seqs=seqs, decode_context=context), c) == pytest.approx(
        on_line, rel=1e-12
    )


@given(work=works(), factor=st.floats(1.0, 10.0))
def test_more_bandwidth_or_compute_is_never_slower(work: StepWork, factor: float) -> None:
    wide = H100.model_copy(update={"bandwidth_gb_s": H100.bandwidth_gb_s * factor})
    quick = H100.model_copy(update={"peak_tflops": {"bf16": 989.0 * factor}})
    base = step_seconds(work, costs(cal=REAL))
    for gpu in (wide, quick):
        assert step_seconds(work, costs(gpu=gpu, cal=REAL)) <= base * (1 + 1e-12)
