"""Precision of a checkpoint, and the parts it leaves in 16 bits, from its ``config.json``."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from hardware_profiles.errors import InputError
from workloads.hf_keys import mapping, words

__all__ = ["Quantization", "read_quantization"]

_BITS_16 = ("bfloat16", "float16", "bf16", "fp16", "half")
_BY_METHOD = {
    "fp8": "fp8", "fbgemm_fp8": "fp8", "mxfp4": "mxfp4", "nvfp4": "nvfp4", "modelopt_fp4": "nvfp4",
    "awq": "int4", "awq_marlin": "int4", "gptq": "int4", "gptq_marlin": "int4",
}  # fmt: skip
_BY_ALGORITHM = {
    "fp8": "fp8", "fp8_pb_wo": "fp8", "fp8_per_channel_per_token": "fp8", "nvfp4": "nvfp4",
    "w4a16_awq": "int4", "int4_awq": "int4", "w8a8_sq_per_channel": "int8", "int8_sq": "int8",
}  # fmt: skip
_BY_FORMAT = {"nvfp4-pack-quantized": "nvfp4", "mxfp4-pack-quantized": "mxfp4"}
_BY_QUARK = {"fp8_e4m3": "fp8", "int8": "int8", "int4": "int4", "uint4": "int4", "fp4": "mxfp4"}

_MODULES: dict[str, tuple[str, ...]] = {
    "attention": (
        "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj",
    ),
    "mlp": ("mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"),
    "experts": ("mlp.experts.0.gate_proj", "mlp.experts.0.up_proj", "mlp.experts.0.down_proj"),
    "shared_experts": (
        "mlp.shared_experts.gate_proj", "mlp.shared_experts.up_proj",
        "mlp.shared_experts.down_proj",
    ),
}  # fmt: skip
_LATENT = (
    "self_attn.q_a_proj", "self_attn.q_b_proj", "self_attn.kv_a_proj_with_mqa",
    "self_attn.kv_b_proj", "self_attn.o_proj",
)  # fmt: skip
_OTHER_NAMES = {
    "mlp.experts": ("block_sparse_moe.experts", "feed_forward.experts"),
    "mlp.shared_experts": ("mlp.shared_expert", "feed_forward.shared_expert"),
    "mlp.": ("feed_forward.",),
}


class Quantization(NamedTuple):
    """What ``quantization_config`` says."""

    weights_precision: str
    unquantized: tuple[str, ...]
    """Parts of the model that stay in 16 bits, in the words of `workloads.llm.LLM`."""


def read_quantization(
    text: Mapping[str, Any], layers: int, dense_layers: int, experts: int
) -> Quantization:
    """Precision from ``quantization_config``, from ModelOpt's own file, or else the dtype.

    Parameters
    ----------
    text : the parsed ``config.json``, a nested text model's keys laid over it.
    layers, dense_layers, experts : of the model; which parts there are to leave out.

    Raises
    ------
    InputError
        If the format is none that is modelled, or differs from layer to layer.
    """
    config = mapping(text, "quantization_config") or mapping(
        mapping(text, "hf_quant_config"), "quantization"
    )
    if not config:
        dtype = str(text.get("dtype") or text.get("torch_dtype") or "bfloat16")
        if dtype.removeprefix("torch.") in (*_BITS_16, "float32", "auto"):
            return Quantization("bf16", ())  # a server serves float32 checkpoints in 16 bits
        raise InputError(
            f"config.json: torch_dtype: {dtype[:40]!r} is not known here; say bfloat16"
        )
    parts = [part for part in _MODULES if _has(part, layers, dense_layers, experts)]
    ignored = words(config, "ignore", "modules_to_not_convert", "exclude_modules", "exclude")
    left = _left_in_16_bits(ignored, layers, bool(text.get("kv_lora_rank")), parts)
    return Quantization(_precision(config), left)


def _has(part: str, layers: int, dense_layers: int, experts: int) -> bool:
    if part == "mlp":
        return dense_layers > 0
    if part in ("experts", "shared_experts"):
        return experts > 0 and layers > dense_layers
    return True


def _precision(config: Mapping[str, Any]) -> str:
    method = str(config.get("quant_method") or "").lower()
    if method in ("awq", "gptq", "awq_marlin", "gptq_marlin"):
        bits = config.get("bits", config.get("w_bit", 4))
        if bits not in (4, 8):
            raise InputError(
                f"config.json: quantization_config.bits: expected 4 or 8, found {bits}"
            )
        return "int8" if bits == 8 else "int4"
    if method in _BY_METHOD:
        return _BY_METHOD[method]
    if method == "quark":
        weight = mapping(mapping(config, "global_quant_config"), "weight")
        dtype = str(weight.get("dtype"))
        if dtype in _BY_QUARK:
            return _BY_QUARK[dtype]
        raise InputError(f"config.json: quantization_config: quark's {dtype[:40]!r} is not known")
    if method in ("compressed-tensors", "modelopt", ""):
        return _grouped(config)
    known = sorted([*_BY_METHOD, "compressed-tensors", "modelopt", "quark"])
    raise InputError(
        f"config.json: quantization_config.quant_method: {method[:40]!r} is not known here; "
        f"there are: {', '.join(known)}"
    )


def _grouped(config: Mapping[str, Any]) -> str:
    """Precision of a ``compressed-tensors`` or ``modelopt`` checkpoint; all groups must agree."""
    algorithm = str(config.get("quant_algo") or "").lower()
    if algorithm in _BY_ALGORITHM:
        return _BY_ALGORITHM[algorithm]
    groups = mapping(config, "config_groups")
    found = {_of_group(groups, name, str(config.get("format"))) for name in groups}
    if algorithm == "mixed_precision" or len(found) > 1:
        raise InputError(
            "config.json: quantization_config: precisions that differ from layer to layer are not "
            "modelled"
        )
    if not found:
        raise InputError(
            f"config.json: quantization_config: neither a known quant_algo nor config_groups, "
            f"found quant_algo {algorithm[:40]!r}"
        )
    return found.pop()


def _of_group(groups: Mapping[str, Any], name: str, fallback: str) -> str:
    group = mapping(groups, name)
    stored = str(group.get("format") or fallback)
    if stored in _BY_FORMAT:
        return _BY_FORMAT[stored]
    weights = mapping(group, "weights")
    kind, bits = weights.get("type"), weights.get("num_bits")
    known: dict[tuple[object, object], str] = {
        ("float", 8): "fp8",
        ("int", 8): "int8",
        ("int", 4): "int4",
        ("float", 4): "mxfp4" if weights.get("group_size") == 32 else "nvfp4",
    }
    if isinstance(kind, str) and isinstance(bits, int) and (kind, bits) in known:
        return known[kind, bits]
    raise InputError(
        "config.json: quantization_config.config_groups: expected weights of type int or "
        f"float with 4 or 8 bits, found {str(kind)[:40]!r} with {str(bits)[:40]!r}"
    )


def _left_in_16_bits(
    ignored: list[str], layers: int, latent: bool, parts: list[str]
) -> tuple[str, ...]:
    """Parts of which more than half of the modules are on the list of those left alone."""
    patterns = _patterns(ignored)
    left = []
    for part in parts if patterns else ():
        modules = _LATENT if part == "attention" and latent else _MODULES[part]
        spelt = [(layer, _spellings(module)) for layer in range(layers) for module in modules]
        hits = sum(
            any(p.match(f"model.layers.{layer}.{name}") for name in names for p in patterns)
            for layer, names in spelt
        )
        if 2 * hits > len(spelt):
            left.append(part)
    return tuple(left)


def _spellings(module: str) -> list[str]:
    """Names that models give the same module."""
    found = [module]
    for usual, others in _OTHER_NAMES.items():
        if module.startswith(usual):
            found += [other + module.removeprefix(usual) for other in others]
    return found


def _patterns(ignored: list[str]) -> list[re.Pattern[str]]:
    """Patterns of the list's entries: ``re:`` and a regular expression, or a name with ``*``.

    A name stands for itself and for all below it, wherever in the model it is.
    """
    names, found = [], []
    for entry in ignored:
        if not entry.startswith("re:"):
            names.append(re.escape(entry.replace("language_model.", "")).replace(r"\*", ".*"))
            continue
        try:
            found.append(re.compile(entry.removeprefix("re:")))
        except re.error as error:
            raise InputError(
                f"config.json: quantization_config.ignore: {entry[:60]!r} is no regular "
                f"expression: {error}"
            ) from None
    if names:
        found.append(re.compile(rf"(?:.*\.)?(?:{'|'.join(names)})(?:\..*)?$"))
    return found
