"""Engine arguments in vLLM's names, and what a version and a GPU make of those not given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from hardware_profiles.errors import InputError, did_you_mean
from hardware_profiles.gpu import GPU
from hardware_profiles.value import Value
from simulator.engine.config import SchedulerConfig
from simulator.engine.vllm_keys import plain
from simulator.physics.layout import Layout, kv_precision, weights_precision
from workloads.llm import LLM

__all__ = ["PROFILES", "EngineArgs", "SpeculativeConfig"]

Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(gt=0, le=1)]
GIB = 2**30

PROFILES: dict[str, dict[str, Any]] = {
    "vllm-0.15": {
        "gpu_memory_utilization": 0.90,
        "unhashed_blocks_first": False,
        "scheduler_reserve_full_isl": False,
        "lone_request_unbound": False,
    },
    "vllm-0.32": {
        "gpu_memory_utilization": 0.92,
        "unhashed_blocks_first": True,
        "scheduler_reserve_full_isl": True,
        "lone_request_unbound": True,
    },
}
"""What differs between versions; everything else is the same in both."""


class SpeculativeConfig(Value):
    """Draft tokens that are verified in one step (vLLM's ``speculative_config``)."""

    num_speculative_tokens: Count
    """Length of the draft. [tokens]"""
    acceptance_rate: Annotated[float, Field(ge=0, le=1)] = 0.7
    """Chance that a draft token is accepted, given that those before it were. The default is the
    middle of the 0.5-0.9 of Leviathan et al. 2023, table 3; measure your own."""
    method: str | None = None
    """Whose drafts they are; noted, without effect."""
    model: str | None = None
    """The draft model; noted: its own time is part of the calibration, not simulated."""


class EngineArgs(Value):
    """How one replica is started. Keys may be written with hyphens, as in vLLM's ``config.yaml``.

    None means: what this version of vLLM chooses on this GPU (`resolved`).
    """

    profile: Literal["vllm-0.15", "vllm-0.32"] = "vllm-0.15"
    """Version whose scheduler and defaults are followed."""
    tensor_parallel_size: Count = 1
    pipeline_parallel_size: Count = 1
    data_parallel_size: Count = 1
    """Ranks of one server. Each has a scheduler and a cache of its own and is a replica here, so
    ``replicas`` counts ranks; with expert parallelism they share the experts."""
    enable_expert_parallel: bool = False
    quantization: str | None = None
    """Weights, in vLLM's words (fp8, awq, gptq, …); None keeps the checkpoint's own."""
    kv_cache_dtype: str = "auto"
    block_size: Count = 16
    """Tokens in a KV block."""
    gpu_memory_utilization: Share | None = None
    num_gpu_blocks_override: Annotated[int, Field(ge=2)] | None = None
    """KV blocks, one of which is the null block, instead of what the memory would hold."""
    max_model_len: Count | None = None
    """Longest prompt with its output [tokens]; a longer request is refused. None: the model's."""
    max_num_seqs: Count | None = None
    max_num_batched_tokens: Count | None = None
    enable_chunked_prefill: bool = True
    enable_prefix_caching: bool = True
    long_prefill_token_threshold: Annotated[int, Field(ge=0)] = 0
    """A chunk of a prompt is at most so long [tokens]; 0 means no such bound."""
    scheduling_policy: Literal["fcfs", "priority"] = "fcfs"
    async_scheduling: bool = True
    enforce_eager: bool = False
    """No CUDA graphs: decode batches are not padded."""
    speculative_config: SpeculativeConfig | None = None
    unhashed_blocks_first: bool | None = None
    """Freed blocks without a hash are taken first (0.32)."""
    scheduler_reserve_full_isl: bool | None = None
    """Admit only if blocks for all known tokens could be given now (0.32)."""
    watermark: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of the blocks that stays free when a request is admitted beside others (0.32)."""
    lone_request_unbound: bool | None = None
    """The long-prefill threshold does not bind a request that is alone (0.32)."""
    adaptive_long_prefill_threshold: bool = False
    """The long-prefill threshold is lifted to the budget divided by the requests (0.32)."""

    @model_validator(mode="before")
    @classmethod
    def _read_vllm(cls, data: Any) -> Any:
        if data is None:  # `engine:` with nothing under it
            return {}
        if isinstance(data, str):
            if data not in PROFILES:
                raise InputError(f"no engine is called {data!r}; {did_you_mean(data, PROFILES)}")
            return {"profile": data}
        return plain(data) if isinstance(data, Mapping) else data

    @model_validator(mode="after")
    def _check(self) -> EngineArgs:
        self.check_budget()
        return self

    def check_budget(self, where: str = "") -> None:
        """Refuse what vLLM's ``SchedulerConfig`` refuses of the budget of a step.

        A long prompt that may not be cut would wait for ever; and of more sequences than tokens
        some would get none.
        """
        budget, length = self.max_num_batched_tokens, self.max_model_len
        if budget and self.max_num_seqs and budget < self.max_num_seqs:
            raise InputError(
                f"{where}max_num_batched_tokens ({budget}) must be at least max_num_seqs "
                f"({self.max_num_seqs}), or some sequences would get no token in a step"
            )
        if not self.enable_chunked_prefill and budget and length and budget < length:
            raise InputError(
                f"{where}without chunked prefill max_num_batched_tokens ({budget}) must be at "
                f"least max_model_len ({length}), or long prompts would wait for ever"
            )

    def resolved(self, gpu: GPU, llm: LLM) -> EngineArgs:
        """The same with every choice made, as the API server of that version makes it.

        Batch sizes by GPU memory: from 160 GiB on 16384 tokens and 1024 sequences; from 70 GiB on,
        and not an A100, 8192 and 1024; else 2048 and 256. Source: vLLM ``EngineArgs`` (2026-11).
        """
        memory_gib = gpu.memory_bytes / GIB
        tokens, seqs = 2048, 256
        if memory_gib >= 160:
            tokens, seqs = 16384, 1024
        elif memory_gib >= 70 and not gpu.name.startswith("a100"):
            tokens, seqs = 8192, 1024
        longest = self.max_model_len or llm.max_position_embeddings
        if not self.enable_chunked_prefill:
            tokens = max(tokens, longest)
        chosen: dict[str, Any] = {
            **PROFILES[self.profile],
            "max_num_batched_tokens": tokens,
            "max_num_seqs": min(seqs, self.max_num_batched_tokens or tokens),
            "max_model_len": longest,
        }
        missing = {key: value for key, value in chosen.items() if getattr(self, key) is None}
        made = self.model_copy(update=missing)
        made.check_budget("engine: ")
        return made

    def layout(self, llm: LLM) -> Layout:
        """How the engine lies over its GPUs; the arguments must be resolved.

        A ``max_model_len`` below the model's own is a promise: one sequence of it must fit, and a
        window beyond it is no window. The model's own is none: a small cache then serves what it
        can hold, as with vLLM's ``max_model_len: auto``.
        """
        longest = self.max_model_len
        return Layout.parse(
            {
                "tensor_parallel_size": self.tensor_parallel_size,
                "pipeline_parallel_size": self.pipeline_parallel_size,
                "data_parallel_size": self.data_parallel_size,
                "enable_expert_parallel": self.enable_expert_parallel,
                "weights_precision": weights_precision(llm, self.quantization),
                "kv_precision": kv_precision(self.kv_cache_dtype),
                "block_size": self.block_size,
                "max_num_seqs": self.max_num_seqs,
                "max_num_batched_tokens": self.max_num_batched_tokens,
                "max_model_len": (
                    longest if longest and longest < llm.max_position_embeddings else None
                ),
                "gpu_memory_utilization": self.gpu_memory_utilization,
                "enforce_eager": self.enforce_eager,
            }
        )

    def scheduler_config(self, num_gpu_blocks: int) -> SchedulerConfig:
        """What the scheduler goes by; the arguments must be resolved."""
        names = SchedulerConfig.__dataclass_fields__.keys() & type(self).model_fields.keys()
        arguments = {name: getattr(self, name) for name in names}
        if self.speculative_config is not None:
            arguments["num_speculative_tokens"] = self.speculative_config.num_speculative_tokens
            arguments["acceptance_rate"] = self.speculative_config.acceptance_rate
        return SchedulerConfig(num_gpu_blocks, **arguments)
