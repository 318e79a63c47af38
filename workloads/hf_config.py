"""Hugging Face ``config.json``: the same shapes under many names, read into `LLM`'s keys."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hardware_profiles.errors import InputError

__all__ = ["load_hf_config", "read_hf_config"]

_LAYER_TYPES = {
    "full_attention": "full_attention",
    "sliding_attention": "sliding_attention",
    "chunked_attention": "chunked_attention",
}
_BITS_16 = ("bfloat16", "float16", "bf16", "fp16", "half")


def load_hf_config(path: Path) -> dict[str, Any]:
    """Parse a ``config.json``, or say where it is not one.

    A ``generation_config.json`` beside it is read too, under the key ``generation_config``.

    Raises
    ------
    InputError
        With the file, and for broken JSON the line.
    """
    config = _load_object(path)
    beside = path.with_name("generation_config.json")
    if path.name == "config.json" and beside.exists():
        config.setdefault("generation_config", _load_object(beside))
    return config


def _load_object(path: Path) -> dict[str, Any]:
    try:
        config = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: expected a text file in UTF-8") from None
    except json.JSONDecodeError as error:
        raise InputError(f"{path}:{error.lineno}: not JSON: {error.msg}") from None
    if not isinstance(config, dict):
        raise InputError(f"{path}: expected an object of keys, found a {type(config).__name__}")
    return config


def read_hf_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """Keys of `workloads.llm.LLM` from a parsed ``config.json``.

    Reads a nested ``text_config`` first, dense and grouped-query attention, experts (shared ones,
    dense layers among them), MLA, sliding windows and ``quantization_config``.

    Raises
    ------
    InputError
        For a key that the shape depends on and that is missing or no whole number.
    """
    inner = config.get("text_config") or config.get("llm_config")
    text: Mapping[str, Any] = {**config, **inner} if isinstance(inner, Mapping) else config
    heads = _count(text, "num_attention_heads", "n_head", "n_heads")
    hidden = _count(text, "hidden_size", "n_embd", "d_model")
    layers = _count(text, "num_hidden_layers", "n_layer", "n_layers", "num_layers")
    shape: dict[str, Any] = {
        "num_hidden_layers": layers,
        "hidden_size": hidden,
        "num_attention_heads": heads,
        "num_key_value_heads": _count(
            text, "num_key_value_heads", "n_head_kv", "num_kv_heads", "multi_query_group_num",
            default=heads,
        ),
        "head_dim": _count(text, "head_dim", "kv_channels", default=hidden // heads),
        "vocab_size": _count(text, "vocab_size", "padded_vocab_size"),
        "tie_word_embeddings": bool(text.get("tie_word_embeddings", False)),
        "max_position_embeddings": _count(
            text, "max_position_embeddings", "n_positions", "seq_length", "max_seq_len"
        ),
        "weights_precision": _precision(text),
        "sorts_logits": _sorts_logits(config.get("generation_config")),
    }  # fmt: skip
    dense_width = _count(text, "intermediate_size", "ffn_hidden_size", "n_inner", default=0)
    return (
        shape
        | _experts(text, dense_width, layers)
        | _latent_attention(text)
        | _window(text, layers)
    )


def _count(text: Mapping[str, Any], *names: str, default: int | None = None) -> int:
    """Whole number under the first of `names` that is there and not null."""
    for name in names:
        if (found := text.get(name)) is None:
            continue
        if isinstance(found, bool) or not isinstance(found, int) or found < 0:
            raise InputError(f"config.json: {name}: expected a whole number, found {found!r}")
        return found
    if default is None:
        raise InputError(f"config.json: needs the key {' or '.join(map(repr, names))}")
    return default


def _experts(text: Mapping[str, Any], dense_width: int, layers: int) -> dict[str, Any]:
    count = _count(
        text, "num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts", default=0
    )
    if count <= 1:
        if not dense_width:
            raise InputError("config.json: needs the key 'intermediate_size'")
        return {"intermediate_size": dense_width}
    width = _count(text, "moe_intermediate_size", "expert_ffn_hidden_size", default=dense_width)
    shared = _count(text, "n_shared_experts", "num_shared_experts", default=0)
    shared_width = _count(text, "shared_expert_intermediate_size", default=shared * width)
    if text.get("model_type") == "llama4_text" or "interleave_moe_layer_step" in text:
        # Llama 4 has one shared expert as wide as the routed ones, and says so nowhere.
        shared, shared_width = 1, width
    dense_first = _count(text, "first_k_dense_replace", default=0)
    frequency = _moe_frequency(text, layers)
    has_dense = dense_first > 0 or frequency > 1
    return {
        "num_experts": count,
        "num_experts_per_tok": _count(
            text, "num_experts_per_tok", "moe_topk", "num_experts_per_token", "experts_per_token",
            "moe_top_k",
        ),
        "moe_intermediate_size": width,
        "num_shared_experts": shared or int(shared_width > 0),
        "shared_expert_intermediate_size": shared_width,
        "first_k_dense_replace": dense_first,
        "moe_layer_freq": frequency,
        "intermediate_size": (
            _count(text, "intermediate_size_mlp", default=dense_width) if has_dense else 0
        ),
    }  # fmt: skip


def _moe_frequency(text: Mapping[str, Any], layers: int) -> int:
    """Every so-manyth layer has experts; a list of zeros and ones is counted."""
    found = text.get("moe_layer_freq")
    if isinstance(found, list):
        chosen = sum(bool(flag) for flag in found)
        if not chosen:
            raise InputError("config.json: moe_layer_freq: no layer has experts")
        return max(1, layers // chosen)
    return max(
        1,
        _count(text, "moe_layer_freq", default=1),
        _count(text, "interleave_moe_layer_step", "decoder_sparse_step", default=1),
    )


def _latent_attention(text: Mapping[str, Any]) -> dict[str, Any]:
    if not text.get("kv_lora_rank"):
        return {}
    keys = ("kv_lora_rank", "qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim")
    return {key: _count(text, key) for key in keys} | {
        "q_lora_rank": _count(text, "q_lora_rank", default=0),
        "head_dim": _count(text, "v_head_dim"),
    }


def _window(text: Mapping[str, Any], layers: int) -> dict[str, Any]:
    """Sliding or chunked layers: from ``layer_types``, or one window for all."""
    window = text.get("sliding_window") or text.get("attention_chunk_size")
    if not window or text.get("use_sliding_window") is False:
        return {}
    kinds = text.get("layer_types")
    if not isinstance(kinds, list):
        kinds = _unlisted_layer_types(text, layers)
    unknown = sorted({str(kind) for kind in kinds} - _LAYER_TYPES.keys())
    if unknown:
        raise InputError(
            f"config.json: layer_types: {unknown[0]!r} is not known here; "
            f"there are: {', '.join(_LAYER_TYPES)}"
        )
    return {"sliding_window": int(window), "layer_types": tuple(kinds)}


def _unlisted_layer_types(text: Mapping[str, Any], layers: int) -> list[str]:
    no_rope = text.get("no_rope_layers")
    if isinstance(no_rope, list) and len(no_rope) == layers:  # Llama 4: 0 marks a full layer
        return ["chunked_attention" if flag else "full_attention" for flag in no_rope]
    if text.get("attention_chunk_size"):  # Llama 4's default: every fourth layer is full
        return ["full_attention" if i % 4 == 3 else "chunked_attention" for i in range(layers)]
    return ["sliding_attention"]


def _sorts_logits(generation: object) -> bool:
    """Whether the server's default sampling cuts by top-p or top-k."""
    if not isinstance(generation, Mapping):
        return False
    top_p, top_k = generation.get("top_p") or 1.0, generation.get("top_k") or 0
    return float(top_p) < 1.0 or int(top_k) > 0


def _precision(text: Mapping[str, Any]) -> str:
    """Precision of the weights, from ``quantization_config`` or else the dtype."""
    quantization = text.get("quantization_config")
    if not isinstance(quantization, Mapping):
        dtype = str(text.get("dtype") or text.get("torch_dtype") or "bfloat16")
        if dtype.removeprefix("torch.") in (*_BITS_16, "float32"):
            return "bf16"  # the server serves a float32 checkpoint in 16 bits
        raise InputError(f"config.json: torch_dtype: {dtype!r} is not known here; say bfloat16")
    method = str(quantization.get("quant_method", quantization.get("quant_algo", ""))).lower()
    by_method = {"fp8": "fp8", "fbgemm_fp8": "fp8", "mxfp4": "mxfp4", "nvfp4": "nvfp4",
                 "awq": "int4", "gptq": "int4"}  # fmt: skip
    if method in ("awq", "gptq") and quantization.get("bits", quantization.get("w_bit")) == 8:
        return "int8"
    if method in by_method:
        return by_method[method]
    if method in ("compressed-tensors", "modelopt"):
        return _compressed(quantization)
    raise InputError(
        f"config.json: quantization_config.quant_method: {method!r} is not known here; "
        f"there are: {', '.join(sorted([*by_method, 'compressed-tensors', 'modelopt']))}"
    )


def _compressed(quantization: Mapping[str, Any]) -> str:
    """Precision of a ``compressed-tensors`` or ``modelopt`` checkpoint, from its first group."""
    algorithm = str(quantization.get("quant_algo", "")).lower()
    if algorithm in ("fp8", "nvfp4"):
        return algorithm
    groups = quantization.get("config_groups") or {}
    first: Mapping[str, Any] = next(iter(groups.values()), {}) if groups else {}
    weights = first.get("weights") or {}
    kind, bits = weights.get("type"), weights.get("num_bits")
    known: dict[object, str] = {
        ("float", 8): "fp8",
        ("int", 8): "int8",
        ("int", 4): "int4",
        ("float", 4): "nvfp4",
    }
    if (kind, bits) not in known:
        raise InputError(
            "config.json: quantization_config.config_groups: expected weights of type int or "
            f"float with 4 or 8 bits, found {kind!r} with {bits!r}"
        )
    return known[kind, bits]
