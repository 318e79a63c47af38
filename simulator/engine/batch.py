"""What one step computes; a batch may stand for a run of equal steps."""

from __future__ import annotations

from simulator.engine.request import Request


class Batch:
    """One composed step, or ``num_steps`` of them in which only the contexts grow.

    Numbers are per step; ``decode_context`` is that of the first step and grows by ``decode_seqs``
    a step.
    """

    __slots__ = (
        "admitted",
        "decode_context",
        "decode_seqs",
        "first_step",
        "first_tokens",
        "kv_blocks",
        "num_steps",
        "prefill_context",
        "prefill_pairs",
        "prefill_seqs",
        "prefill_tokens",
        "running",
        "waiting",
    )

    def __init__(self, first_step: int, decode_seqs: int, decode_context: int) -> None:
        self.first_step = first_step
        self.num_steps = 1
        self.decode_seqs = decode_seqs
        self.decode_context = decode_context
        self.prefill_tokens = 0
        self.prefill_seqs = 0
        self.prefill_context = 0
        self.prefill_pairs = 0
        """Query-key pairs of the prompt tokens: sum of n * context + n * (n + 1) / 2."""
        self.admitted: list[Request] = []
        """Requests admitted for the first time."""
        self.first_tokens: list[Request] = []
        """Requests whose first output token this step yields."""
        self.kv_blocks = 0
        self.running = 0
        self.waiting = 0

    def add_prefill(self, tokens: int, context: int) -> None:
        """One more sequence that computes prompt tokens."""
        self.prefill_tokens += tokens
        self.prefill_seqs += 1
        self.prefill_context += context
        self.prefill_pairs += tokens * context + tokens * (tokens + 1) // 2
