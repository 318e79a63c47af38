"""Silicon: the one place that knows ``aiconfigurator-core``, NVIDIA's measured operator times.

The package announces that another will replace it; nothing of it is seen beyond this file.
"""

import json
import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from hardware_profiles.errors import InputError
from hardware_profiles.gpu import GPU
from simulator.physics.layout import Layout
from workloads.llm import LLM

__all__ = ["SYSTEMS", "SiliconTables", "StepParts"]

SYSTEMS = {
    "a100-80gb": "a100_sxm",
    "l40s": "l40s",
    "h100-sxm": "h100_sxm",
    "h200": "h200_sxm",
    "b200": "b200_sxm",
    "b300": "b300_sxm",
    "gb200": "gb200",
    "gb300": "gb300",
    "rtx-pro-6000": "rtx_pro_6000_server",
}
"""GPUs with tables for vLLM, and what the package calls them."""

_GEMM = {"bf16": "bfloat16", "fp8": "fp8", "int8": "sq", "int4": "int4_wo", "nvfp4": "nvfp4"}
_MOE = {"bf16": "bfloat16", "fp8": "fp8", "int4": "int4_wo", "nvfp4": "nvfp4",
        "mxfp4": "w4a16_mxfp4"}  # fmt: skip
_KV = {"bf16": "bfloat16", "fp8": "fp8"}
MS = 1e-3


class StepParts(NamedTuple):
    """Kernel time of a step in parts. [s]"""

    rest: float
    """All but attention: products, norms, collectives."""
    prefill_attention: float
    decode_attention: float


class SiliconTables:
    """Measured operator times of one model on one GPU under one layout, compiled once (0.8 s).

    Raises
    ------
    InputError
        If the extra is not installed, or has no tables for the pair.
    """

    def __init__(self, llm: LLM, gpu: GPU, layout: Layout) -> None:
        if gpu.name not in SYSTEMS:
            known = ", ".join(sorted(SYSTEMS))
            raise InputError(f"step_time: no silicon tables for {gpu.name}; there are: {known}")
        package = _package()
        self._whose = f"{llm.name} in {layout.weights_precision} on {gpu.name}"
        with self._in_one_line(), _quiet():
            self._engine = _compile(package, llm, gpu, layout)
        self.parts(0, 1, 1, 0)  # a table that is missing is missed here, and not in mid-run
        self.parts(16, 1, 1, 0)

    @contextmanager
    def _in_one_line(self) -> Iterator[None]:
        """Tables that are missing are the user's to know of, in one line."""
        try:
            yield
        except Exception as error:  # a dozen kinds, some of the Rust half, all meaning the same
            reason = (str(error).splitlines() or [type(error).__name__])[0][:160]
            raise InputError(
                f"step_time: no silicon tables for {self._whose}: {reason}; "
                "use step_time: {kind: roofline}"
            ) from None

    def parts(self, prefill_tokens: int, decode_seqs: int, context: int, prompt: int) -> StepParts:
        """Kernel time of one step. [s]

        Parameters
        ----------
        prefill_tokens, decode_seqs : what the step computes; one of them may be 0.
        context : of each decoding sequence. [tokens]
        prompt : tokens of a prompt before the step, on average of those that compute some.
        """
        with self._in_one_line():
            return self._parts(prefill_tokens, decode_seqs, context, prompt)

    def _parts(self, prefill_tokens: int, decode_seqs: int, context: int, prompt: int) -> StepParts:
        if not prefill_tokens:
            total = MS * self._engine.decode_step_latency(decode_seqs, context, 2)
            floor = MS * self._engine.decode_step_latency(decode_seqs, 1, 2)
            return StepParts(floor, 0.0, max(0.0, total - floor))
        new = max(1, prefill_tokens)
        _, rest, prompts, decodes = self._engine.mixed_step_breakdown(
            new, decode_seqs, new + prompt, max(2, 2 * (context - new - prompt)), prompt
        )
        return StepParts(MS * rest, MS * prompts, MS * decodes)


def _package() -> Any:
    try:
        return import_module("aiconfigurator_core.sdk.engine")
    except ImportError:
        raise InputError(
            "step_time: kind silicon needs the measured operator tables; "
            "install them with: pip install 'servecast[silicon]'"
        ) from None


def _compile(package: Any, llm: LLM, gpu: GPU, layout: Layout) -> Any:
    precision, tensor = layout.weights_precision, layout.tensor_parallel_size
    options: dict[str, Any] = {
        "tp_size": tensor,
        "pp_size": layout.pipeline_parallel_size,
        "attention_dp_size": layout.data_parallel_size_of_experts,
        "kvcache_quant_mode": _KV[layout.kv_precision],
        "gemm_quant_mode": _GEMM["bf16" if "attention" in llm.unquantized else precision],
    }
    if llm.num_experts:
        experts = layout.expert_gpus
        whole = layout.enable_expert_parallel
        options |= {
            "moe_quant_mode": _MOE[precision],
            "moe_tp_size": 1 if whole else experts,
            "moe_ep_size": experts if whole else 1,
        }
    with tempfile.TemporaryDirectory() as folder:
        config = _known_config(package, llm) or json.dumps(_dense_config(llm))
        (Path(folder) / "config.json").write_text(config)
        return package.EngineHandle.compile(folder, SYSTEMS[gpu.name], "vllm", **options)


def _known_config(package: Any, llm: LLM) -> str | None:
    """Configuration of the model, if the package brings it along."""
    shelf = Path(package.__file__).parents[1] / "model_configs"
    for name in llm.aliases:
        path = shelf / f"{name.replace('/', '--')}_config.json"
        if path.exists():
            return path.read_text()
    return None


def _dense_config(llm: LLM) -> dict[str, Any]:
    """Configuration of a dense model, from its shape."""
    if llm.num_experts or llm.is_mla or llm.num_local_layers or not llm.gated_mlp:
        raise ValueError(f"{llm.name} is neither dense nor known to the tables by name")
    keys = (
        "num_hidden_layers", "hidden_size", "intermediate_size", "num_attention_heads",
        "num_key_value_heads", "head_dim", "vocab_size", "max_position_embeddings",
    )  # fmt: skip
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "torch_dtype": "bfloat16",
        **{key: getattr(llm, key) for key in keys},
    }


@contextmanager
def _quiet() -> Iterator[None]:
    """The package logs every table it falls back on."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)
