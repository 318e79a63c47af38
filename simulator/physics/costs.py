"""StepCosts: seconds per unit of work, from model, GPU, layout and calibration."""

from collections.abc import Callable
from math import log2, pow, sqrt
from typing import NamedTuple

from hardware_profiles.calibration import Calibration
from hardware_profiles.gpu import GPU
from hardware_profiles.link import Link
from simulator.physics.communication import (
    all_reduce_s,
    direct_all_reduce_s,
    nodes_all_reduce_s,
    nodes_all_to_all_s,
    send_s,
)
from simulator.physics.layout import Layout
from simulator.physics.precision import PRECISIONS, peak_flops
from simulator.physics.sharding import (
    attention_flops_per_pair,
    attention_layers,
    kv_bytes_per_token,
    weight_bytes,
)
from workloads.llm import LLM

__all__ = ["StepCosts", "graph_sizes", "step_costs"]

US = 1e-6
HOST_STARTS = 3
"""Times that a large message over PCIe starts up as long as a small one."""
Collective = Callable[[float, int, Link, float], float]


class StepCosts(NamedTuple):
    """Seconds of one GPU per unit of work; see `simulator.physics.step_time.step_seconds`."""

    weights_s: float
    """Read the weights that every step needs."""
    experts_s: float
    """Read all routed experts."""
    num_experts: int
    experts_per_tok: int
    expert_ranks: int
    """Data-parallel ranks whose tokens meet at the experts."""
    unevenness: float
    """How many standard deviations of an expert's being chosen the busiest GPU lies above all."""
    token_diversity: float
    token_s: float
    """Matrix products of one token, its experts included."""
    expert_padding_s: float
    """Empty rows of all routed experts' matrix products."""
    sequence_compute_s: float
    """Output projection of one sequence."""
    context_s: float
    """Attention of one decoding sequence to one token of its context."""
    window_s: float
    """Attention of one decoding sequence in its short-window layers."""
    pair_s: float
    """Prefill attention of one query to one key."""
    prefill_context_s: float
    """Read one token of a prompt's context back."""
    mixed_context_s: float
    """More for each token of a decode's context in a step that computes prompt tokens too."""
    fixed_s: float
    """Every step: launches, layers, latencies of collectives."""
    direct: tuple[float, float]
    """All-reduces of a step, everybody reading from everybody: seconds per step and per token."""
    relayed: tuple[float, float]
    """The same in two rounds with less to move: seconds per step and per token."""
    exchange_token_s: float
    """Bytes that one token adds to the other collectives."""
    unoverlapped: float
    overhead_s: float
    """Every step, whatever it computes and however many layers the model has; part of the above."""
    sequence_s: float
    mixed_s: float
    cpu_step_s: float
    cpu_sequence_s: float
    pad: tuple[int, ...]
    """Number of tokens a batch of n ≤ len(pad)-1 tokens is padded to; empty without CUDA graphs."""
    stages: int
    """Pipeline stages."""


def graph_sizes(max_num_seqs: int) -> list[int]:
    """Batch sizes vLLM captures CUDA graphs for.

    >>> graph_sizes(128)[:6], graph_sizes(128)[-1]
    ([1, 2, 4, 8, 16, 24], 256)
    """
    largest = min(2 * max_num_seqs, 512)
    sizes = [1, 2, 4, *range(8, 256, 8), *range(256, 513, 16)]
    return [size for size in sizes if size <= largest]


def step_costs(llm: LLM, gpu: GPU, layout: Layout, calibration: Calibration) -> StepCosts:
    """Unit costs of a step on one GPU of one pipeline stage. [s]

    Parameters
    ----------
    llm, gpu, layout : what runs, on what, split how.
    calibration : efficiencies and overheads; `Calibration.ideal` leaves the roofline.
    """
    layout.check(llm)
    held = weight_bytes(llm, layout, unpacking=1 / calibration.four_bit_efficiency)
    bandwidth = gpu.bytes_per_s * calibration.bandwidth_efficiency
    full, short = attention_layers(llm, layout.max_model_len)
    kv_bandwidth = gpu.bytes_per_s * calibration.kv_bandwidth_efficiency
    attention_flops = gpu.flops("bf16") * calibration.attention_efficiency
    cut = layout.num_gpus
    kv_read_s = kv_bytes_per_token(llm, layout, full) / kv_bandwidth
    latent_s = attention_flops_per_pair(llm, full, latent=True) / cut / attention_flops
    token_s, head_s, padding_s = _matmul_s(llm, gpu, layout, calibration)
    latency_s, exchange_token_s = _exchanges(llm, gpu, layout, calibration)
    direct, relayed = _all_reduces(llm, gpu, layout, calibration)
    grouped = 0 if llm.is_mla else llm.num_attention_heads // llm.num_key_value_heads - 1
    sorted_bytes = calibration.sort_bytes * llm.vocab_size if llm.sorts_logits else 0.0
    sequence_s = calibration.sequence_overhead_us * US + sorted_bytes / gpu.bytes_per_s
    stages = layout.pipeline_parallel_size
    layer_us = calibration.layer_overhead_us
    narrow = PRECISIONS[layout.weights_precision]
    if narrow.quantizes_activations and narrow.compute[0] in gpu.peak_tflops:
        layer_us += calibration.quantized_layer_overhead_us
    layers_us = (
        llm.num_hidden_layers * layer_us + llm.num_moe_layers * calibration.moe_layer_overhead_us
    ) / stages
    return StepCosts(
        weights_s=(held.always + held.head / stages) / bandwidth,
        experts_s=held.experts / bandwidth,
        num_experts=llm.num_experts,
        experts_per_tok=llm.num_experts_per_tok,
        expert_ranks=layout.data_parallel_size_of_experts,
        unevenness=_unevenness(llm, layout),
        token_diversity=calibration.token_diversity,
        token_s=token_s,
        expert_padding_s=padding_s,
        sequence_compute_s=head_s,
        context_s=max(kv_read_s, latent_s if llm.is_mla else 0.0),
        window_s=_window_bytes(llm, layout, short) / kv_bandwidth,
        pair_s=attention_flops_per_pair(llm, full, latent=False) / cut / attention_flops,
        prefill_context_s=kv_read_s,
        mixed_context_s=kv_read_s * grouped * calibration.query_head_rereads,
        fixed_s=latency_s + (calibration.step_overhead_us / stages + layers_us) * US,
        direct=direct,
        relayed=relayed,
        exchange_token_s=exchange_token_s,
        unoverlapped=calibration.unoverlapped_share,
        overhead_s=calibration.step_overhead_us / stages * US,
        sequence_s=sequence_s / stages,
        mixed_s=calibration.mixed_step_overhead_us * US,
        cpu_step_s=calibration.cpu_step_us * US,
        cpu_sequence_s=calibration.cpu_sequence_us * US,
        pad=() if layout.enforce_eager else _padding(layout.max_num_seqs),
        stages=stages,
    )


def _unevenness(llm: LLM, layout: Layout) -> float:
    """With whole experts on GPUs, a step waits for the one that most tokens chose.

    Of g GPUs with m experts each, the busiest reads the largest of g binomial numbers: the mean and
    $c(g) / \\sqrt{m}$ standard deviations, c(2) = 0.56, c(4) = 1.03, c(8) = 1.42.
    """
    gpus = layout.expert_gpus
    if not (llm.num_experts and layout.enable_expert_parallel and gpus > 1):
        return 0.0
    return 0.56 * pow(log2(gpus), 0.85) / sqrt(max(1.0, llm.num_experts / gpus))


def _padding(max_num_seqs: int) -> tuple[int, ...]:
    """Padded size by number of tokens, 0 included."""
    pad = [0]
    for size in graph_sizes(max_num_seqs):
        pad += [size] * (size + 1 - len(pad))
    return tuple(pad)


def _matmul_s(
    llm: LLM, gpu: GPU, layout: Layout, calibration: Calibration
) -> tuple[float, float, float]:
    """Matrix products: seconds per token, of the head per sequence, of all experts' empty rows."""
    parts, cut = llm.parameters, layout.num_gpus
    reached = calibration.compute_efficiency
    peak_16 = gpu.flops("bf16") * reached
    peak = peak_flops(gpu, layout.weights_precision) * reached
    if peak > peak_16:
        peak *= calibration.narrow_compute_efficiency
    share = llm.num_experts_per_tok / llm.num_experts if llm.num_experts else 0.0
    share /= calibration.expert_compute_efficiency
    weights = {
        "attention": parts.attention,
        "mlp": parts.mlp,
        "experts": parts.experts * share,
        "shared_experts": parts.shared_experts,
    }
    seconds = sum(
        2.0 * count / (peak_16 if part in llm.unquantized else peak)
        for part, count in weights.items()
    )
    head = parts.head or parts.embedding
    reached_by_experts = peak * calibration.expert_compute_efficiency
    rows = calibration.expert_padding_tokens / layout.pipeline_parallel_size / layout.expert_gpus
    padding = 2.0 * parts.experts * rows / reached_by_experts
    return seconds / cut, 2.0 * head / cut / peak_16, padding


def _window_bytes(llm: LLM, layout: Layout, short_layers: int) -> float:
    """Bytes of KV that one sequence reads in the layers with a short window. [byte]"""
    if not short_layers or llm.sliding_window is None:
        return 0.0
    return llm.sliding_window * kv_bytes_per_token(llm, layout, short_layers)


def _all_reduces(
    llm: LLM, gpu: GPU, layout: Layout, calibration: Calibration
) -> tuple[tuple[float, float], tuple[float, float]]:
    """All-reduces of one stage, direct and relayed: seconds per step, and per token."""
    tensor = layout.tensor_parallel_size
    if tensor == 1:
        return (0.0, 0.0), (0.0, 0.0)
    # Attention and MLP of every layer end in one all-reduce each.
    count = 2 * llm.num_hidden_layers / layout.pipeline_parallel_size
    token_bytes = 2.0 * llm.hidden_size

    def line(collective: Collective, reached: float, overhead_us: float) -> tuple[float, float]:
        fixed_s = overhead_us * US + collective(0.0, tensor, gpu.link, reached)
        return count * fixed_s, count * token_bytes * _per_byte(
            collective, tensor, gpu.link, reached
        )

    network, through_host = layout.network or gpu.link, gpu.link.name.startswith("pcie")
    if tensor > layout.gpus_per_node and network != gpu.link:

        def hierarchical(size: float, gpus: int, link: Link, reached: float) -> float:
            return nodes_all_reduce_s(size, gpus, layout.gpus_per_node, link, network, reached)

        overhead_us = calibration.collective_overhead_us + calibration.relay_overhead_us
        own = "host_link_efficiency" if through_host else "link_efficiency"
        both = line(hierarchical, getattr(calibration, own), overhead_us)
        return both, both
    if through_host:
        # NCCL sends a flag with every word of a small message, and syncs before a large one.
        reached, start_us = calibration.host_link_efficiency, calibration.host_overhead_us
        return (
            line(all_reduce_s, reached / 2, start_us),
            line(all_reduce_s, reached, HOST_STARTS * start_us),
        )
    once_us = calibration.collective_overhead_us
    return (
        line(direct_all_reduce_s, calibration.direct_link_efficiency, once_us),
        line(all_reduce_s, calibration.link_efficiency, once_us + calibration.relay_overhead_us),
    )


def _exchanges(llm: LLM, gpu: GPU, layout: Layout, calibration: Calibration) -> tuple[float, float]:
    """Other collectives of one stage: seconds of latency per step, and per token."""
    tensor, token_bytes = layout.tensor_parallel_size, 2.0 * llm.hidden_size
    reached, stages = calibration.link_efficiency, layout.pipeline_parallel_size
    latency_s = token_s = 0.0
    network = layout.network or gpu.link
    if layout.data_parallel_size_of_experts > 1 and llm.num_experts:
        # Tokens travel to their experts and back.
        count, gpus = 2 * llm.num_moe_layers / stages, layout.expert_gpus
        bytes_out = token_bytes * llm.num_experts_per_tok / tensor

        def exchange(size: float, gpus: int, link: Link, reached: float) -> float:
            return nodes_all_to_all_s(size, gpus, layout.gpus_per_node, link, network, reached)

        latency_s += count * exchange(0.0, gpus, gpu.link, reached)
        token_s += count * _per_byte(exchange, gpus, gpu.link, reached) * bytes_out
    if stages > 1:
        leaves = layout.stages_across_nodes
        for wire, share in ((gpu.link, 1 - leaves), (network, leaves)):
            latency_s += share * send_s(0.0, wire, reached)
            token_s += share * token_bytes / (wire.bytes_per_s * reached)
    return latency_s, token_s


def _per_byte(collective: Collective, gpus: int, link: Link, reached: float) -> float:
    """Slope of a collective's time in its bytes. [s/byte]"""
    return (collective(1e6, gpus, link, reached) - collective(0.0, gpus, link, reached)) / 1e6
