"""Latent attention and windows of a ``config.json``."""

from collections.abc import Mapping
from typing import Any

from hardware_profiles.errors import InputError
from workloads.hf_keys import count, smallest_period, words

__all__ = ["read_latent", "read_window"]

_LAYER_TYPES = ("full_attention", "sliding_attention", "chunked_attention")
_EVERY_NTH_FULL = {"gemma2": 2, "gemma3": 6, "gemma3_text": 6, "cohere2": 4, "gpt_oss": 2}
_OFF_UNLESS_SAID = ("qwen2", "qwen2_moe", "qwen3", "qwen3_moe", "mimo")


def read_latent(text: Mapping[str, Any]) -> dict[str, Any]:
    """Keys of multi-head latent attention (MLA); empty where there is none."""
    if not count(text, "kv_lora_rank", default=0):
        return {}
    keys = ("kv_lora_rank", "qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim")
    return {key: count(text, key) for key in keys} | {
        "q_lora_rank": count(text, "q_lora_rank", default=0),
        "head_dim": count(text, "v_head_dim"),
    }


def read_window(text: Mapping[str, Any], layers: int) -> dict[str, Any]:
    """Sliding or chunked layers: from ``layer_types``, the family's pattern, or one for all."""
    kinds = words(text, "layer_types")
    for kind in kinds:
        if kind not in _LAYER_TYPES:
            raise InputError(
                f"config.json: layer_types: {kind[:40]!r} is not known here; "
                f"there are: {', '.join(_LAYER_TYPES)}"
            )
    if kinds and len(kinds) != layers:
        raise InputError(
            f"config.json: layer_types has {len(kinds)} entries, num_hidden_layers is {layers}"
        )
    window = count(text, "sliding_window", default=0) or count(
        text, "attention_chunk_size", default=0
    )
    used = text.get("use_sliding_window", text.get("model_type") not in _OFF_UNLESS_SAID)
    longest = count(text, "max_position_embeddings", default=0)
    if not window or used is False or 0 < longest <= window:
        return {}
    kinds = kinds or _unlisted_layer_types(text, layers)
    if set(kinds) == {"full_attention"}:
        return {}
    return {"sliding_window": window, "layer_types": smallest_period(kinds)}


def _unlisted_layer_types(text: Mapping[str, Any], layers: int) -> list[str]:
    no_rope = text.get("no_rope_layers")
    if isinstance(no_rope, list) and len(no_rope) == layers:  # Llama 4: 0 marks a full layer
        return ["chunked_attention" if flag else "full_attention" for flag in no_rope]
    if text.get("attention_chunk_size"):  # Llama 4's default: every fourth layer is full
        return _every(4, "chunked_attention", layers)
    kind = text.get("model_type")
    nth = count(text, "sliding_window_pattern", default=_EVERY_NTH_FULL.get(kind, 0) if kind else 0)
    if nth:
        return _every(nth, "sliding_attention", layers)
    if "max_window_layers" in text:  # Qwen: those before it are full
        full = min(layers, count(text, "max_window_layers"))
        return ["full_attention"] * full + ["sliding_attention"] * (layers - full)
    return ["sliding_attention"] * layers


def _every(nth: int, local: str, layers: int) -> list[str]:
    """Every nth layer is full, the others are local."""
    return ["full_attention" if i % nth == nth - 1 else local for i in range(layers)]
