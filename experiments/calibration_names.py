"""Names in measured files: many spellings of the same model, GPU and precision."""

import re
from datetime import date
from functools import cache
from pathlib import Path
from typing import NamedTuple

from hardware_profiles.errors import InputError, nearest
from hardware_profiles.gpu import GPU
from workloads.hf_config import checkpoint_of, read_hf_file
from workloads.llm import LLM

__all__ = ["find_gpu", "find_model", "find_precision"]

# What a checkpoint's name says beside the model: how its weights are kept, ...
_KEPT = re.compile(
    r"[-_.]?(fp8|fp4|nvfp4|mxfp4|bf16|fp16|awq|gptq|gguf|qat|int4|int8|[48]bit|bnb|marlin|quark|modelopt"
    r"|dynamic|block|static|pertensor|kv|w8a8|w4a16|w8a16|w4a4|quantized|quant|g128|q[2-8](_[0k01ms]+)*)"
    r"(?=$|[-_.])"
)
# ... and what it was tuned for, and when.
_TUNED = re.compile(
    r"[-_.]?(instruct|chat|hf|base|it|pt|thinking|reasoning|preview|latest|turbo|meta|v0\.[1-9]|v0"
    r"|16e|128e|17b|24(07|09|10|11|12)|25(01|02|03|05|06|07|08|09|10|11|12)|0[1-9](05|11|24|28)"
    r"|sft|dpo|rlhf|uncensored|abliterated)(?=$|[-_.])"
)
_PRECISIONS = ("nvfp4", "mxfp4", "fp8", "int8", "int4", "awq", "gptq", "fp4", "bf16", "fp16")

_NO_GPU_NAME = {
    "nvidia", "amd", "instinct", "tesla", "geforce", "quadro", "tensor", "core", "gpu", "oam",
    "rtx",
    "generation", "blackwell", "hopper", "ampere", "ada", "lovelace", "hgx", "dgx", "server",
    "workstation", "edition", "mega", "hbm3e", "hbm3", "hbm2e", "hbm2", "ac", "power", "capped",
}  # fmt: skip
_FORMS = ("sxm", "pcie", "nvl")
_SAME_MEMORY = 0.12
"""Vendors, drivers and clouds give one card's memory in figures that are so far apart."""


def find_model(name: str) -> LLM:
    """Model that a measured file means: by name, alias, spelling, or its ``config.json``.

    By name or alias, or else by what is left of a checkpoint's name without owner, precision,
    fine-tune and date. The path of a Hugging Face ``config.json``, or of its folder, is read.

    Raises
    ------
    InputError
        If there is none: the nearest ones, and how to add it.

    >>> find_model("RedHatAI/Meta-Llama-3.1-70B-Instruct-FP8-dynamic").name
    'llama-3.1-70b'
    """
    if (path := _config_path(name)) is not None:
        about = {"source": str(path), "checked": date.today(), "confidence": "C"}
        return LLM.parse({**read_hf_file(path), **about, "name": checkpoint_of(path)})
    exact, loose = _models()
    folded = name.strip().casefold()
    found = (
        exact.get(folded)
        or loose[0].get(_core(folded, _KEPT))
        or loose[1].get(_core(folded, _KEPT, _TUNED))
    )
    if found is not None:
        return LLM.named(found)
    raise InputError(
        f"no LLM is called {name!r}; {nearest(_core(folded, _KEPT), LLM.names(), 'on the shelf')}; "
        "`servecast catalogue add-model config.json` adds one"
    )


def find_gpu(name: str) -> GPU:
    """GPU on the shelf, however a driver, a cloud or a file spells it.

    By name or alias, or else by the chip and, where there are several cards with it, the form (SXM,
    PCIe, NVL) and the memory. A bare chip is the SXM card with the most memory.

    Raises
    ------
    InputError
        If there is none: the nearest ones, and how to add it.

    >>> [find_gpu(n).name for n in ("NVIDIA H100 80GB HBM3", "8x A100-SXM4-40GB")]
    ['h100-sxm', 'a100-40gb']
    """
    words = _gpu_words(name)
    for card in _cards():
        if words in card.spellings:
            return GPU.named(card.name)
    chips = [card for card in _cards() if card.chip and card.chip <= words]
    most = max((len(card.chip) for card in chips), default=0)
    chips = [card for card in chips if len(card.chip) == most]
    asked = next((form for form in _FORMS if form in words), None)
    memory_gb = next((float(w[:-2]) for w in words if re.fullmatch(r"\d+gb", w)), None)
    fitting = [
        card
        for card in chips
        if (asked is None or card.form == asked or len(chips) == 1)
        and (memory_gb is None or abs(card.memory_gb / memory_gb - 1) <= _SAME_MEMORY)
    ]
    if fitting:
        best = min(fitting, key=lambda card: (_FORMS.index(card.form), -card.memory_gb, card.name))
        return GPU.named(best.name)
    near = ", ".join(card.name for card in chips)
    said = f"there are: {near}" if near else nearest(name, GPU.names(), "on the shelf")
    raise InputError(f"no GPU is called {name!r}; {said}; `servecast catalogue add-gpu` adds one")


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


def _config_path(name: str) -> Path | None:
    """Path of a ``config.json`` that a name is, if it is one."""
    path = Path(name)
    if name.endswith(".json"):
        return path
    return path / "config.json" if (path / "config.json").is_file() else None


@cache
def _models() -> tuple[dict[str, str], tuple[dict[str, str], dict[str, str]]]:
    """Entry by name and alias; by core without precision; by core without tuning either."""
    exact: dict[str, str] = {}
    kept: dict[str, str] = {}
    bare: dict[str, str] = {}
    for entry in LLM.names():
        spellings = (entry, *LLM.named(entry).aliases)
        exact.update((known.casefold(), entry) for known in spellings)
        for known in spellings:
            kept.setdefault(_core(known, _KEPT), entry)
        for known in spellings:
            bare.setdefault(_core(known, _KEPT, _TUNED), entry)
    return exact, (kept, bare)


def _core(name: str, *beside: re.Pattern[str]) -> str:
    """What is left of a checkpoint's name without its owner and what matches `beside`."""
    core = name.lower().rsplit("/", 1)[-1].rsplit("--", 1)[-1].replace("meta-llama", "llama")
    while True:
        shorter = core
        for pattern in beside:
            shorter = pattern.sub("", shorter)
        if shorter == core:
            return re.sub(r"[^a-z0-9.]", "", core)
        core = shorter


class _Card(NamedTuple):
    name: str
    chip: frozenset[str]
    form: str
    memory_gb: float
    spellings: frozenset[frozenset[str]]


@cache
def _cards() -> tuple[_Card, ...]:
    cards = []
    for name in GPU.names():
        gpu, words = GPU.named(name), _gpu_words(name)
        chip = {w for w in words if w not in _FORMS and not re.fullmatch(r"\d+gb", w)}
        form = next((form for form in _FORMS if form in words), _FORMS[0])
        spellings = frozenset(_gpu_words(known) for known in (name, *gpu.aliases))
        memory = gpu.marketing_gb or gpu.memory_gib
        cards.append(_Card(name, frozenset(chip), form, memory, spellings))
    return tuple(cards)


def _gpu_words(name: str) -> frozenset[str]:
    """Words of a GPU's name that tell it from others, in one spelling."""
    text = re.sub(r"(?<![a-z0-9])\d+ ?x ?(?=[a-z])|[ -_]x ?\d+$", " ", name.lower())
    text = re.sub(r"(\d+) ?(gib|gb|g)(?![a-z0-9])", r"\1gb", text)
    text = re.sub(r"(sxm|pcie)\d", r"\1", text.replace("pci-e", "pcie"))
    text = re.sub(r"(?<![a-z])rtx(?=\d)", "rtx ", text)
    return frozenset(re.split(r"[^a-z0-9]+", text)) - _NO_GPU_NAME - {""} | (
        {"ada"} if re.search(r"6000[ -]ada", text) else set()
    )
