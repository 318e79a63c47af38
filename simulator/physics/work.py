"""StepWork: what a step computes, in the numbers that its time depends on."""

from typing import Any, NamedTuple

__all__ = ["DecodeLine", "StepShares", "StepWork"]


class StepWork(NamedTuple):
    """Work of one step: scalars, or arrays of equal shape for many steps."""

    prefill_tokens: Any = 0
    """New prompt tokens, those recomputed after a preemption too."""
    prefill_seqs: Any = 0
    """Sequences that compute prompt tokens."""
    prefill_context: Any = 0
    """Sum over those of the tokens already computed before the step."""
    prefill_pairs: Any = 0
    """Sum over those of ``n·context + n(n+1)/2``: pairs of query and key."""
    decode_seqs: Any = 0
    """Sequences that compute one token each."""
    decode_context: Any = 0
    """Sum over those of the tokens already computed before the step."""


class DecodeLine(NamedTuple):
    """Time of a decode-only step: ``max(floor_s, constant_s + per_context_s · context)``."""

    constant_s: float
    per_context_s: float
    floor_s: float


class StepShares(NamedTuple):
    """How a step's seconds divide over what its requests did; each per unit of work. [s]

    ``per_seq_s · sequences + per_prefill_token_s · prefill_tokens
    + per_prefill_pair_s · prefill_pairs + per_decode_token_s · decode_seqs
    + per_context_s · decode_context`` is the step's time.
    """

    per_seq_s: Any
    per_prefill_token_s: Any
    per_prefill_pair_s: Any
    per_decode_token_s: Any
    per_context_s: Any
