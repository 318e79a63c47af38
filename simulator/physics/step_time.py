"""Step time: seconds of one step of the engine, from the work in it and the costs of a unit."""

from typing import Any

import numpy as np

from simulator.physics.costs import StepCosts
from simulator.physics.number import larger, over, smaller
from simulator.physics.work import DecodeLine, StepShares, StepWork

__all__ = ["DecodeLine", "StepShares", "StepWork", "decode_line", "step_seconds", "step_shares"]


def step_seconds(work: StepWork, costs: StepCosts) -> Any:
    """Time of a step. [s]

    ``max(GPU, CPU)``, since the engine composes the next step while this one runs, with

    GPU = max(weights read, matrix products) + attention of decodes + attention of prompts
    + collectives + overheads per step, layer and sequence. A calibrated share of the smaller of the
    two in max(…) is not hidden behind the larger. A batch of few tokens is padded to the next
    CUDA-graph size. Of routed experts a step reads the expected number of distinct ones,
    $E (1 - (1 - k/E)^n)$ for n tokens that choose k of E independently; where GPUs hold whole
    experts, what the busiest of them reads. All-reduces go the cheaper
    of two ways. A pipeline of p stages cuts the batch in p pieces that follow each other, so that
    all of it advances in p times one piece's stage.

    Parameters
    ----------
    work : scalars, or arrays of equal shape.
    costs : from `simulator.physics.costs.step_costs`.

    Returns
    -------
    float, or an array of the shape of `work`.
    """
    return larger(costs.stages * _gpu_s(_piece(work, costs), costs), _cpu_s(work, costs))


def decode_line(decode_seqs: int, costs: StepCosts) -> DecodeLine:
    """Time of a decode-only step of so many sequences as a line in their total context."""
    work = StepWork(decode_seqs=decode_seqs)
    pieces = _pieces(decode_seqs, costs)
    return DecodeLine(
        constant_s=float(costs.stages * _gpu_s(_piece(work, costs), costs)),
        per_context_s=costs.stages * costs.context_s / pieces,
        floor_s=float(_cpu_s(work, costs)),
    )


def step_shares(work: StepWork, costs: StepCosts) -> StepShares:
    """How a step's seconds divide over its requests (Aumann-Shapley on the binding resource).

    Overheads and weights read are shared equally by the sequences; matrix products, where they
    bind, by tokens; attention by the context or the pairs it is spent on. Where the CPU binds all
    are stretched alike.

    Returns
    -------
    StepShares of floats or arrays; summed over the work they give back `step_seconds`.
    """
    part = _piece(work, costs)
    tokens, seqs = part.prefill_tokens + part.decode_seqs, part.prefill_seqs + part.decode_seqs
    computed, read = _compute_and_read_s(part, costs)
    binds = (computed > read) * 1.0
    heads = seqs * costs.sequence_compute_s
    weight = binds + (1 - binds) * costs.unoverlapped
    silent = _collective_s(0, costs)
    traffic = _collective_s(tokens, costs) - silent
    by_token = over(weight * (computed - heads) + traffic, tokens)
    equally = (
        weight * heads
        + (1 - binds + binds * costs.unoverlapped) * read
        + silent
        + _overhead_s(part, costs)
    )
    stretch = over(step_seconds(work, costs), _gpu_s(part, costs))
    prompts = stretch / _pieces(work.prefill_seqs + work.decode_seqs, costs)
    decodes = stretch / _pieces(work.decode_seqs, costs)
    return StepShares(
        per_seq_s=stretch * over(equally, work.prefill_seqs + work.decode_seqs),
        per_prefill_token_s=prompts * by_token,
        per_prefill_pair_s=prompts * over(_prompt_attention_s(part, costs), part.prefill_pairs),
        per_decode_token_s=decodes * (by_token + costs.window_s),
        per_context_s=decodes * _context_s(part, costs),
    )


def _gpu_s(work: StepWork, c: StepCosts) -> Any:
    tokens = work.prefill_tokens + work.decode_seqs
    computed, read = _compute_and_read_s(work, c)
    return (
        larger(computed, read)
        + c.unoverlapped * smaller(computed, read)
        + work.decode_context * _context_s(work, c)
        + work.decode_seqs * c.window_s
        + _prompt_attention_s(work, c)
        + _collective_s(tokens, c)
        + _overhead_s(work, c)
    )


def _context_s(work: StepWork, c: StepCosts) -> Any:
    return c.context_s + (work.prefill_seqs > 0) * c.mixed_context_s


def _collective_s(tokens: Any, c: StepCosts) -> Any:
    direct = c.direct[0] + tokens * c.direct[1]
    relayed = c.relayed[0] + tokens * c.relayed[1]
    return smaller(direct, relayed) + tokens * c.exchange_token_s


def _overhead_s(work: StepWork, c: StepCosts) -> Any:
    seqs = work.prefill_seqs + work.decode_seqs
    return c.fixed_s + seqs * c.sequence_s + (work.prefill_seqs > 0) * c.mixed_s


def _cpu_s(work: StepWork, c: StepCosts) -> Any:
    return c.cpu_step_s + (work.prefill_seqs + work.decode_seqs) * c.cpu_sequence_s


def _compute_and_read_s(work: StepWork, c: StepCosts) -> tuple[Any, Any]:
    """Matrix products, and reading the weights that they take."""
    tokens, seqs = work.prefill_tokens + work.decode_seqs, work.prefill_seqs + work.decode_seqs
    computed = _padded(tokens, c.pad) * c.token_s + seqs * c.sequence_compute_s
    if not c.num_experts:
        return computed, c.weights_s
    chosen = _chosen(tokens, c)
    return computed + chosen * c.expert_padding_s, c.weights_s + chosen * c.experts_s


def _chosen(tokens: Any, c: StepCosts) -> Any:
    """Share of the routed experts that some token has chosen, on the busiest GPU."""
    independent = 1 + c.token_diversity * larger(0, tokens * c.expert_ranks - 1)
    missed = (1.0 - c.experts_per_tok / c.num_experts) ** independent
    chosen = 1.0 - missed
    if c.unevenness:
        chosen = smaller(1.0, chosen + c.unevenness * (chosen * missed) ** 0.5)
    return chosen


def _prompt_attention_s(work: StepWork, c: StepCosts) -> Any:
    return larger(work.prefill_pairs * c.pair_s, work.prefill_context * c.prefill_context_s)


def _pieces(seqs: Any, c: StepCosts) -> Any:
    """Pieces that a pipeline cuts so many sequences into: one a stage, if there are enough."""
    return 1 if c.stages == 1 else larger(1, smaller(c.stages, seqs))


def _piece(work: StepWork, c: StepCosts) -> StepWork:
    """What one stage works on at a time: prompts and decodes are each spread over the pieces.

    A prompt is computed by one stage while the others decode, so it counts once as long as there
    are sequences enough to keep them all at work; alone, it passes them one after the other.
    """
    if c.stages == 1:
        return work
    seqs = work.prefill_seqs + work.decode_seqs
    prompts, decodes = _pieces(seqs, c), _pieces(work.decode_seqs, c)
    return StepWork(*(n / prompts for n in work[:4]), *(n / decodes for n in work[4:]))


def _padded(tokens: Any, pad: tuple[int, ...]) -> Any:
    """Tokens after padding to the next CUDA-graph size."""
    if not pad:
        return tokens
    if isinstance(tokens, np.ndarray):
        index = np.minimum(np.ceil(tokens), len(pad) - 1).astype(np.int64)
        return np.where(tokens < len(pad), np.asarray(pad)[index], tokens)
    return pad[-int(-tokens // 1)] if tokens <= len(pad) - 1 else tokens
