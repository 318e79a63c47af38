"""Layout: how one engine lies over its GPUs, in vLLM's words."""

from typing import Annotated, Literal

from pydantic import Field

from hardware_profiles.errors import InputError, did_you_mean
from hardware_profiles.link import Link
from hardware_profiles.value import Value
from workloads.llm import LLM, WeightsPrecision

__all__ = [
    "QUANTIZATIONS",
    "KVPrecision",
    "Layout",
    "can_split",
    "kv_precision",
    "weights_precision",
]

Count = Annotated[int, Field(ge=1)]
KVPrecision = Literal["bf16", "fp8"]

# vLLM's own names for `quantization` beside the plain ones.
QUANTIZATIONS: dict[str, WeightsPrecision] = {
    "fp8": "fp8", "fbgemm_fp8": "fp8", "int8": "int8", "w8a8": "int8", "int4": "int4",
    "awq": "int4", "awq_marlin": "int4", "gptq": "int4", "gptq_marlin": "int4",
    "nvfp4": "nvfp4", "modelopt_fp4": "nvfp4", "mxfp4": "mxfp4",
    "bf16": "bf16", "bfloat16": "bf16", "float16": "bf16", "none": "bf16",
}  # fmt: skip


class Layout(Value):
    """Parallelism, precision and the sizes that set memory and graph padding.

    The GPUs of one engine are ``tensor_parallel_size × pipeline_parallel_size``; with
    ``data_parallel_size`` several such ranks share the experts of one model, and what is
    computed here is one rank.
    """

    tensor_parallel_size: Count = 1
    pipeline_parallel_size: Count = 1
    data_parallel_size: Count = 1
    enable_expert_parallel: bool = False
    weights_precision: WeightsPrecision = "bf16"
    kv_precision: KVPrecision = "bf16"
    block_size: Count = 16
    max_num_seqs: Count = 128
    max_num_batched_tokens: Count = 2048
    max_model_len: Count | None = None
    gpu_memory_utilization: Annotated[float, Field(gt=0, le=1)] = 0.9
    enforce_eager: bool = False
    gpus_per_node: Count = 8
    network: Link | None = None
    """Between GPUs of two nodes; None: as between two of one node."""

    @property
    def num_gpus(self) -> int:
        """GPUs of one data-parallel rank."""
        return self.tensor_parallel_size * self.pipeline_parallel_size

    @property
    def stages_across_nodes(self) -> float:
        """Of the hand-overs from one pipeline stage to the next, the share that leaves a node."""
        if self.pipeline_parallel_size == 1:
            return 0.0
        per_node = max(1, self.gpus_per_node // self.tensor_parallel_size)
        nodes = -(-self.pipeline_parallel_size // per_node)
        return (nodes - 1) / (self.pipeline_parallel_size - 1)

    @property
    def expert_gpus(self) -> int:
        """GPUs of one pipeline stage that the experts of a layer lie on."""
        return self.tensor_parallel_size * self.data_parallel_size_of_experts

    @property
    def data_parallel_size_of_experts(self) -> int:
        """Ranks that share experts: all with expert parallelism, else this one."""
        return self.data_parallel_size if self.enable_expert_parallel else 1

    def check(self, llm: LLM) -> None:
        """Refuse a tensor or pipeline split that vLLM would refuse.

        Raises
        ------
        InputError
            With the sizes that would have gone right.
        """
        tensor, pipeline = self.tensor_parallel_size, self.pipeline_parallel_size
        if not can_split(llm, tensor):
            fits = [n for n in (1, 2, 4, 8, 16, 32) if can_split(llm, n)]
            what = f"divide the {llm.num_attention_heads} attention heads of {llm.name}"
            if llm.num_attention_heads % tensor == 0:
                what = f"share out the {llm.num_key_value_heads} KV heads of {llm.name} evenly"
            raise InputError(
                f"tensor_parallel_size {tensor} does not {what}; {', '.join(map(str, fits))} would"
            )
        if pipeline > llm.num_hidden_layers:
            raise InputError(
                f"pipeline_parallel_size {pipeline} is more than the {llm.num_hidden_layers} "
                f"layers of {llm.name}"
            )


def can_split(llm: LLM, tensor_parallel_size: int) -> bool:
    """Whether vLLM would cut the model so: heads whole on a GPU, KV heads whole or copied."""
    heads, kv_heads = llm.num_attention_heads, llm.num_key_value_heads
    copied = tensor_parallel_size % kv_heads == 0
    whole = llm.is_mla or kv_heads % tensor_parallel_size == 0 or copied
    return heads % tensor_parallel_size == 0 and whole


def weights_precision(llm: LLM, quantization: str | None) -> WeightsPrecision:
    """Weights' precision for vLLM's ``quantization``; None keeps the checkpoint's own."""
    if quantization is None:
        return llm.weights_precision
    try:
        return QUANTIZATIONS[quantization.lower()]
    except KeyError:
        near = did_you_mean(quantization, QUANTIZATIONS)
        raise InputError(f"quantization {quantization!r} is not known; {near}") from None


def kv_precision(kv_cache_dtype: str) -> KVPrecision:
    """Precision for vLLM's ``kv_cache_dtype``: auto, bfloat16 and float16 are 16 bits."""
    names: dict[str, KVPrecision] = {
        "auto": "bf16", "bf16": "bf16", "bfloat16": "bf16", "float16": "bf16",
        "fp8": "fp8", "fp8_e4m3": "fp8", "fp8_e5m2": "fp8",
    }  # fmt: skip
    try:
        return names[kv_cache_dtype.lower()]
    except KeyError:
        near = did_you_mean(kv_cache_dtype, names)
        raise InputError(f"kv_cache_dtype {kv_cache_dtype!r} is not known; {near}") from None
