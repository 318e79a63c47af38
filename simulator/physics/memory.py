"""Memory: how many KV blocks an engine has after weights and what running needs."""

from math import ceil, floor
from typing import NamedTuple

from hardware_profiles.errors import InputError
from hardware_profiles.gpu import GPU
from simulator.physics.layout import Layout, can_split
from simulator.physics.sharding import attention_layers, kv_bytes_per_token, weight_bytes
from workloads.llm import LLM

__all__ = [
    "MemoryUse",
    "blocks_per_sequence",
    "bytes_per_block",
    "memory_use",
    "num_gpu_blocks",
    "scheduled_blocks",
]

GIB = 2**30
REFERENCE_CONTEXT = 2048
"""Length of a request where nothing is said of it; `servecast fit` has the same. [tokens]"""
CONTEXT_GIB = 0.28
"""CUDA context, libraries and workspaces outside the tensors. [GiB]"""
TENSOR_PARALLEL_GIB = 0.45
"""More of it for the buffers of collectives. [GiB]"""
SAMPLER_BYTES = 50
"""Per sequence and vocabulary entry while the sampler sorts float32 logits. [byte]"""
ACTIVATION_WIDTHS = 3
"""Copies of the hidden state alive at once beside the MLP's input."""
GRAPH_GIB_PER_LAYER = 0.01
"""CUDA graphs of all sizes, per layer of a GPU. [GiB]"""


class MemoryUse(NamedTuple):
    """Bytes on one GPU, as the server accounts for them. [byte]"""

    budget: float
    """Share of the GPU's memory the server may use."""
    weights: float
    activation: float
    """Peak of the profiling run: the widest layer or the sampler, whichever is more."""
    context: float
    """Outside the tensors: CUDA context, collectives' buffers, an encoder's reserve."""
    cuda_graphs: float
    """Captured after the cache was sized, so outside the budget in vLLM 0.15."""
    bytes_per_block: float

    @property
    def for_cache(self) -> float:
        """What is left for keys and values; negative if the model does not fit."""
        return self.budget - self.weights - self.activation - self.context

    @property
    def num_gpu_blocks(self) -> int:
        """Whole blocks, none if the model does not fit."""
        return max(0, floor(self.for_cache / self.bytes_per_block))


def bytes_per_block(llm: LLM, layout: Layout) -> float:
    """Bytes of one KV block on one GPU. [byte]

    Layers with a short window share their pages with the full ones and cost a fixed number of
    blocks per sequence, so they are left out.

    >>> bytes_per_block(LLM.named("llama-3.1-8b"), Layout())
    2097152.0
    """
    full, _ = attention_layers(llm, layout.max_model_len)
    return layout.block_size * kv_bytes_per_token(llm, layout, full)


def blocks_per_sequence(llm: LLM, layout: Layout, tokens: int) -> int:
    """Blocks that one sequence of so many tokens takes, those of its short windows included.

    vLLM puts the layers with a window into groups as large as that of the full layers; each group
    keeps the blocks of one window and the block that is being filled.
    Source: ``vllm/v1/core/kv_cache_utils.py``, ``SlidingWindowSpec.max_memory_usage_bytes``,
    without the chunk of a prompt that is computed at once.

    >>> blocks_per_sequence(LLM.named("gpt-oss-20b"), Layout(), 2048)
    137
    """
    full, short = attention_layers(llm, layout.max_model_len)
    whole = -(-tokens // layout.block_size)
    if not short:
        return whole
    window = min(whole, -(-(llm.sliding_window or 0) // layout.block_size) + 1)
    return whole + ceil(short / full) * window


def memory_use(llm: LLM, gpu: GPU, layout: Layout) -> MemoryUse:
    """What lies in the memory of the fullest GPU of an engine.

    Source: the accounting of vLLM's worker, `determine_available_memory`, with four sizes read off
    the measured KV blocks of eight servers (0.3 GiB or better).
    """
    tensor = layout.tensor_parallel_size
    context = CONTEXT_GIB + (TENSOR_PARALLEL_GIB if layout.num_gpus > 1 else 0.0)
    layers = llm.num_hidden_layers / layout.pipeline_parallel_size
    graphs = 0.0 if layout.enforce_eager else GRAPH_GIB_PER_LAYER * layers * GIB
    return MemoryUse(
        budget=layout.gpu_memory_utilization * gpu.memory_bytes,
        weights=weight_bytes(llm, layout).total,
        activation=max(_widest_layer(llm, layout), _sampler(llm, layout)),
        context=(context + llm.encoder_peak_gib * 2 / max(2, tensor)) * GIB,
        cuda_graphs=graphs,
        bytes_per_block=bytes_per_block(llm, layout),
    )


def num_gpu_blocks(llm: LLM, gpu: GPU, layout: Layout) -> int:
    """KV blocks of one engine, as vLLM would log them.

    Raises
    ------
    InputError
        If the model does not fit, or not one sequence of ``max_model_len``: by how much, and what
        would fit.

    >>> num_gpu_blocks(LLM.named("llama-2-7b"), GPU.named("h100-sxm"), Layout())
    7457
    """
    layout.check(llm)
    use = memory_use(llm, gpu, layout)
    shortest = 2 if layout.max_model_len is None else -(-layout.max_model_len // layout.block_size)
    missing = shortest * use.bytes_per_block - use.for_cache
    if missing > 0:
        raise InputError(_does_not_fit(llm, gpu, layout, use, missing))
    return use.num_gpu_blocks


def scheduled_blocks(llm: LLM, gpu: GPU, layout: Layout) -> int:
    """KV blocks that the simulated scheduler may give out.

    It gives a sequence the blocks of its whole context only. Where layers have a short window
    vLLM's takes those of the windows from the same pool, so the pool is smaller here by the share
    that they take of a sequence of `REFERENCE_CONTEXT` tokens: right there, too small for longer
    sequences and too large for shorter ones. Without such layers it is `num_gpu_blocks`.

    Raises
    ------
    InputError
        As `num_gpu_blocks` does.

    >>> gpt, h200 = LLM.named("gpt-oss-20b"), GPU.named("h200")
    >>> round(scheduled_blocks(gpt, h200, Layout()) / num_gpu_blocks(gpt, h200, Layout()), 3)
    0.934
    """
    blocks = num_gpu_blocks(llm, gpu, layout)
    context = min(REFERENCE_CONTEXT, layout.max_model_len or REFERENCE_CONTEXT)
    whole = -(-context // layout.block_size)
    return max(2, blocks * whole // blocks_per_sequence(llm, layout, context))


def _widest_layer(llm: LLM, layout: Layout) -> float:
    """Activations of one MLP, the widest moment of the profiling run. [byte]"""
    width = (2 if llm.gated_mlp else 1) * llm.intermediate_size / layout.tensor_parallel_size
    if llm.num_experts:
        routed = llm.num_experts_per_tok * (3 * llm.moe_intermediate_size + llm.hidden_size)
        width = max(width, routed / layout.tensor_parallel_size)
    return 2.0 * layout.max_num_batched_tokens * (ACTIVATION_WIDTHS * llm.hidden_size + width)


def _sampler(llm: LLM, layout: Layout) -> float:
    """Sorting the logits of as many sequences as may run. [byte]"""
    return float(
        SAMPLER_BYTES * min(layout.max_num_seqs, layout.max_num_batched_tokens) * llm.vocab_size
    )


def _does_not_fit(llm: LLM, gpu: GPU, layout: Layout, use: MemoryUse, missing: float) -> str:
    """One line: what is missing, and the smallest changes that would do."""
    split = f"tensor_parallel_size {layout.tensor_parallel_size}"
    if layout.pipeline_parallel_size > 1:
        split += f" × pipeline_parallel_size {layout.pipeline_parallel_size}"
    text = (
        f"{llm.name} in {layout.weights_precision} does not fit on {gpu.name} with {split}: "
        f"weights {use.weights / GIB:.1f} GiB, activations and context "
        f"{(use.activation + use.context) / GIB:.1f} GiB and the smallest useful cache need "
        f"{missing / GIB:.1f} GiB more than the {use.budget / GIB:.1f} GiB it may use per GPU"
    )
    would = _what_would_fit(llm, gpu, layout)
    return f"{text}; {', or '.join(would)} would fit" if would else f"{text}; no change tried fits"


def _what_would_fit(llm: LLM, gpu: GPU, layout: Layout) -> list[str]:
    """Smallest tensor split, lighter precision and other GPU that fit, each alone."""
    found = []
    for tensor in (2, 4, 8, 16):
        if tensor > layout.tensor_parallel_size and can_split(llm, tensor):
            more = layout.model_copy(update={"tensor_parallel_size": tensor})
            if _fits(llm, gpu, more):
                found.append(f"tensor_parallel_size {tensor}")
                break
    for precision in ("fp8", "int4"):
        lighter = layout.model_copy(update={"weights_precision": precision})
        if weight_bytes(llm, lighter).total < weight_bytes(llm, layout).total and _fits(
            llm, gpu, lighter
        ):
            found.append(f"{precision} weights")
            break
    larger = sorted(
        (other for other in map(GPU.named, GPU.names()) if _fits(llm, other, layout)),
        key=lambda other: other.memory_gib,
    )
    if larger:
        found.append(f"a {larger[0].name} ({larger[0].memory_gib:.0f} GiB)")
    return found


def _fits(llm: LLM, gpu: GPU, layout: Layout) -> bool:
    use = memory_use(llm, gpu, layout)
    blocks = 2 if layout.max_model_len is None else -(-layout.max_model_len // layout.block_size)
    return use.for_cache >= blocks * use.bytes_per_block
