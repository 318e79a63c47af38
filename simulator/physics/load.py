"""Load: FLOPs a step computes and bytes it moves on each GPU, whatever time that takes."""

from typing import Any, NamedTuple

from simulator.physics.layout import Layout
from simulator.physics.sharding import (
    attention_flops_per_pair,
    attention_layers,
    kv_bytes_per_token,
    weight_bytes,
)
from simulator.physics.work import StepWork
from workloads.llm import LLM

__all__ = ["StepLoad", "step_load"]


class StepLoad(NamedTuple):
    """Useful work on each GPU; over seconds and peak it is MFU and MBU."""

    flops: Any
    bytes: Any


def step_load(work: StepWork, llm: LLM, layout: Layout) -> StepLoad:
    """FLOPs and bytes of a step on each GPU of an engine, padding left out.

    Parameters
    ----------
    work : scalars, or arrays of equal shape.

    Returns
    -------
    StepLoad of floats or arrays. [FLOP], [byte]

    >>> llama = LLM.named("llama-3.1-8b")
    >>> round(step_load(StepWork(decode_seqs=1), llama, Layout()).flops / 1e9, 1)  # 2 per weight
    15.0
    """
    tokens, seqs = work.prefill_tokens + work.decode_seqs, work.prefill_seqs + work.decode_seqs
    parts, held = llm.parameters, weight_bytes(llm, layout)
    head = parts.head or parts.embedding
    passed = llm.active_parameters - parts.embedding - parts.head - parts.norms
    full, short = attention_layers(llm, layout.max_model_len)
    prompt, decode = (attention_flops_per_pair(llm, full, latent) for latent in (False, True))
    window = llm.sliding_window or 0
    flops = (
        2.0 * passed * tokens
        + 2.0 * head * seqs
        + prompt * work.prefill_pairs
        + decode * work.decode_context
        + attention_flops_per_pair(llm, short, latent=False) * window * tokens
    ) / layout.num_gpus
    missed = 1.0
    if llm.num_experts:
        share = 1.0 - llm.num_experts_per_tok / llm.num_experts
        missed = share ** (tokens * layout.data_parallel_size_of_experts)
    context = work.prefill_context + work.decode_context
    read = (
        (held.always + held.head / layout.pipeline_parallel_size) * (seqs > 0)
        + held.experts * (1.0 - missed)
        + context * kv_bytes_per_token(llm, layout, full)
        + work.decode_seqs * window * kv_bytes_per_token(llm, layout, short)
        + tokens * kv_bytes_per_token(llm, layout)
    )
    return StepLoad(flops, read)
