"""What the scheduler needs to know, with everything decided: vLLM's names, plain numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class SchedulerConfig:
    """Resolved engine arguments of one replica; `EngineArgs` has their meaning and defaults."""

    num_gpu_blocks: int
    block_size: int = 16
    max_num_seqs: int = 128
    max_num_batched_tokens: int = 2048
    max_model_len: int = 1 << 60
    enable_chunked_prefill: bool = True
    enable_prefix_caching: bool = True
    long_prefill_token_threshold: int = 0
    scheduling_policy: Literal["fcfs", "priority"] = "fcfs"
    async_scheduling: bool = False
    unhashed_blocks_first: bool = False
    """0.32: freed blocks without a hash are taken first."""
    scheduler_reserve_full_isl: bool = False
    """0.32: admit only if blocks for all known tokens could be given now."""
    watermark: float = 0.0
    """0.32: share of the blocks that stays free when admitting beside others."""
    lone_request_unbound: bool = False
    """0.32: the long-prefill threshold does not bind a request that is alone."""
    adaptive_long_prefill_threshold: bool = False
    """0.32: the long-prefill threshold is lifted to the budget divided by the requests."""

    num_speculative_tokens: int = 0
    """Draft tokens of a request that are verified in one step; 0 is no speculation."""
    acceptance_rate: float = 0.0
    """Chance that a draft token is accepted, given that those before it were."""

    @property
    def watermark_blocks(self) -> int:
        """Blocks that stay free when a request is admitted beside others."""
        return int(self.watermark * self.num_gpu_blocks)
