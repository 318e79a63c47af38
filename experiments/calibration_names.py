"""Names in measured files: many spellings of the same model, GPU and precision."""

import re

from hardware_profiles.errors import InputError
from hardware_profiles.gpu import GPU
from workloads.llm import LLM

__all__ = ["find_gpu", "find_model", "find_precision"]

# What a checkpoint's name says beside the model: fine-tune, release, precision.
_BESIDE = re.compile(
    r"[-_.]?(instruct|chat|hf|base|it|fp8|fp4|nvfp4|mxfp4|bf16|awq|gptq|int4|int8|dynamic|kv|16e|17b"
    r"|w8a8|w4a16|quantized|meta|v0|2407|2501|2507|0324|0528)(?=$|[-_.])"
)
_PRECISIONS = ("nvfp4", "mxfp4", "fp8", "int8", "int4", "awq", "gptq", "fp4", "bf16", "fp16")


def find_model(name: str) -> LLM:
    """Model on the shelf that a measured file means.

    By name or alias, or else by what is left of a checkpoint's name without owner, fine-tune and
    precision.

    >>> find_model("RedHatAI/Meta-Llama-3.1-70B-Instruct-FP8-dynamic").name
    'llama-3.1-70b'
    """
    try:
        return LLM.named(name)
    except InputError as unknown:
        wanted = _core(name)
        for entry in LLM.names():
            model = LLM.named(entry)
            if wanted in {_core(known) for known in (model.name, *model.aliases)}:
                return model
        raise unknown


def find_gpu(name: str) -> GPU:
    """GPU on the shelf, however it is spelt.

    >>> find_gpu("NVIDIA H100 80GB HBM3").name
    'h100-sxm'
    """
    try:
        return GPU.named(name)
    except InputError as unknown:
        words = set(re.split(r"[^a-z0-9]+", name.lower()))
        if "hbm3" in words and "h100" in words:
            words = words - {"hbm3"} | {"sxm"}
        best, most = None, 0
        for entry in GPU.names():
            spelt = set(entry.split("-"))
            if spelt <= words and len(spelt) > most:
                best, most = entry, len(spelt)
        if best is None:
            raise unknown
        return GPU.named(best)


def find_precision(text: str | None, model: LLM) -> str | None:
    """vLLM's ``quantization`` for what a file calls the weights' precision; None: the model's own.

    A checkpoint that comes in one 4-bit float format comes in no other, whatever the file calls it.

    >>> llama = LLM.named("llama-3.1-8b")
    >>> [find_precision(text, llama) for text in ("bf16/fp16", "FP8", None)]
    ['bf16', 'fp8', None]
    """
    found = next((p for p in _PRECISIONS if p in (text or "").lower()), None)
    if found in ("nvfp4", "mxfp4", "fp4") and model.weights_precision in ("nvfp4", "mxfp4"):
        return None
    return {"fp16": "bf16", "fp4": "nvfp4"}.get(found, found) if found else None


def _core(name: str) -> str:
    core = name.lower().rsplit("/", 1)[-1].replace("meta-llama", "llama")
    while (shorter := _BESIDE.sub("", core)) != core:
        core = shorter
    return re.sub(r"[^a-z0-9]", "", core)
