"""Configs of real checkpoints: each is read to the published size, or refused with a reason."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from hardware_profiles.errors import InputError
from workloads.hf_config import load_hf_config
from workloads.llm import LLM

core = pytest.importorskip(
    "aiconfigurator_core", reason="needs the configs that come with the extra [silicon]"
)
CONFIGS = Path(core.__file__).parent / "model_configs"
ABOUT: dict[str, Any] = {
    "name": "mine", "source": "a test", "checked": date(2026, 11, 28), "confidence": "C",
}  # fmt: skip
NAMES = sorted(path.name for path in CONFIGS.glob("*_config.json") if "hf_quant" not in path.name)

# Published size by what a file's name contains. [1e9 parameters]
SIZES = {
    "DeepSeek-R1": 671, "DeepSeek-V3_": 671, "DeepSeek-V3.1": 671, "Kimi-K2": 1026,
    "Llama-4-Maverick": 401, "Llama-4-Scout": 108, "Llama-3.1-405B": 406, "Llama-3.1-70B": 70.6,
    "Llama-3.1-8B": 8.03, "MiniMax-M2": 229, "Mixtral-8x22B": 141, "Mixtral-8x7B": 46.7,
    "Qwen3-0.6B": 0.6, "Qwen3-1.7B": 1.72, "Qwen3-235B": 235, "Qwen3-30B": 30.5, "Qwen3-32B": 32.8,
    "Qwen3-8B": 8.19, "Qwen3-Coder-480B": 480, "Qwen3-VL-235B": 236, "Qwen3-VL-2B": 2.13,
    "Qwen3-VL-30B": 31.1, "Qwen3-VL-32B": 33.4, "Qwen3-VL-4B": 4.44, "Qwen3-VL-8B": 8.77,
    "MiMo-7B": 7.6, "gpt-oss-120b": 117, "gpt-oss-20b": 20.9, "Step-3.7-Flash": 196,
}  # fmt: skip
REASONS = {
    "DeepSeek-V3.2": "sparse attention", "DeepSeek-V4": "sparse attention",
    "GLM-5": "sparse attention", "MiniMax-M3": "sparse attention", "Gemma-4": "heads of their own",
    "gemma-4": "heads of their own", "Kimi-K3": "recurrent state", "MiMo-V2": "heads of their own",
    "Nemotron-3": "recurrent state", "Nemotron-H": "recurrent state",
    "Nemotron-Super-49B": "differ from each other", "Qwen3.5": "recurrent state",
    "Qwen3.6": "recurrent state",
}  # fmt: skip
# The first that fits.
PRECISIONS = {
    "NVFP4": "nvfp4", "FP8": "fp8", "gpt-oss": "mxfp4", "DeepSeek": "fp8", "Kimi-K2-": "fp8",
    "Kimi-K2.5_": "int4", "MiniMax-M2": "fp8",
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_real_config_is_read_right_or_refused(name: str) -> None:
    why = next((reason for part, reason in REASONS.items() if part in name), None)
    config = load_hf_config(CONFIGS / name)
    if why is not None:
        with pytest.raises(InputError, match=why):
            LLM.from_hf_config(config, **ABOUT)
        return
    size = next((size for part, size in SIZES.items() if part in name), None)
    assert size is not None, f"{name} is new: add its size or the reason why it is refused"
    model = LLM.from_hf_config(config, **ABOUT)
    assert model.parameters.total / 1e9 == pytest.approx(size, rel=0.015)
    precision = next((kind for part, kind in PRECISIONS.items() if part in name), "bf16")
    assert model.weights_precision == precision


def test_the_modules_left_in_16_bits_are_those_of_the_lists() -> None:
    left = {
        "moonshotai--Kimi-K2.5": ("attention", "mlp", "shared_experts"),
        "openai--gpt-oss-20b": ("attention",),
        "nvidia--MiniMax-M2.5-NVFP4": ("attention",),
        "nvidia--Llama-3.1-70B-Instruct-FP8": (),
    }
    for name, parts in left.items():
        model = LLM.from_hf_config(load_hf_config(CONFIGS / f"{name}_config.json"), **ABOUT)
        assert model.unquantized == parts, name
