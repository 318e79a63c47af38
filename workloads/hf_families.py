"""Families of models by ``model_type``: what a config leaves unsaid, and what is not modelled."""

from collections.abc import Mapping
from typing import Any

from hardware_profiles.errors import InputError

__all__ = ["DEFAULTS", "GATED", "PLAIN_MLP", "is_known", "refuse_unmodelled", "ties_embeddings"]

GATED = {
    "llama", "llama4", "llama4_text", "mistral", "mistral3", "ministral", "mixtral", "qwen",
    "qwen2", "qwen2_moe", "qwen2_vl", "qwen2_vl_text", "qwen2_5_vl", "qwen2_5_vl_text", "qwen3",
    "qwen3_moe", "qwen3_vl", "qwen3_vl_text", "qwen3_vl_moe", "qwen3_vl_moe_text", "gemma",
    "gemma2", "gemma3", "gemma3_text", "phi3", "phimoe", "deepseek", "deepseek_v2", "deepseek_v3",
    "kimi_k2", "kimi_k25", "glm", "glm4", "glm4_moe", "chatglm", "gpt_oss", "granite",
    "granitemoe", "cohere", "cohere2", "olmo", "olmo2", "olmo3", "olmoe", "internlm2", "internlm3",
    "baichuan", "yi", "stablelm", "smollm3", "minimax_m2", "mimo", "dbrx", "exaone", "exaone4",
    "ernie4_5", "ernie4_5_moe", "hunyuan_v1_dense", "hunyuan_v1_moe", "seed_oss", "grok-1",
    "dots1", "step3p7", "solar", "aquila",
}  # fmt: skip
"""Types whose MLP has a gate: three matrices."""

PLAIN_MLP = {
    "gpt2", "gpt_bigcode", "gpt_neox", "gptj", "codegen", "opt", "bloom", "falcon", "mpt", "phi",
    "starcoder2", "nemotron", "persimmon", "fuyu", "arcee", "RefinedWeb", "RefinedWebModel",
}  # fmt: skip
"""Types whose MLP has two matrices."""

DEFAULTS: Mapping[str, Mapping[str, int]] = {
    "gemma3_text": {
        "num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 256, "vocab_size": 262208,
        "max_position_embeddings": 131072,
    },
}  # fmt: skip
"""What the published files of a type leave to the defaults of its class in ``transformers``."""

_TIED = {
    "gemma", "gemma2", "gemma3", "gemma3_text", "cohere", "cohere2", "gpt2", "gpt_bigcode", "opt",
    "bloom", "falcon", "RefinedWeb", "RefinedWebModel", "mpt", "starcoder2",
}  # fmt: skip

_STATE = "layers with a recurrent state (linear attention, Mamba) are not modelled"
_SELECTED = "attention to a selected part of the context (sparse attention) is not modelled"
_LAYERS = "layers that differ from each other are not modelled"
_UNMODELLED_KEYS = {
    "linear_attn_config": _STATE, "linear_num_key_heads": _STATE, "mamba_d_ssm": _STATE,
    "mamba_num_heads": _STATE, "mamba_n_heads": _STATE, "mamba_d_state": _STATE,
    "mamba_d_conv": _STATE, "ssm_state_size": _STATE, "ssm_cfg": _STATE, "state_size": _STATE,
    "hybrid_override_pattern": _STATE, "layers_block_type": _STATE, "attn_layer_period": _STATE,
    "lru_width": _STATE, "full_attention_interval": _STATE,
    "index_topk": _SELECTED, "sparse_attention_config": _SELECTED, "compress_ratios": _SELECTED,
    "sparse_config": _SELECTED, "compress_rope_theta": _SELECTED, "moba_config": _SELECTED,
    "block_configs": _LAYERS, "num_key_value_heads_per_layer": _LAYERS,
    "attention_other_setting": "sliding layers with heads of their own are not modelled",
    "hybrid_layer_pattern": "sliding layers with heads of their own are not modelled",
    "swa_num_key_value_heads": "sliding layers with heads of their own are not modelled",
    "num_global_key_value_heads": "sliding layers with heads of their own are not modelled",
    "attention_k_eq_v": "keys that serve as values too are not modelled",
    "cross_attention_layers": "layers that attend to an image are not modelled",
    "num_kv_shared_layers": "layers that share their keys and values are not modelled",
    "use_cla": "layers that share their keys and values are not modelled",
    "altup_num_inputs": "layers with several residual streams are not modelled",
    "hc_mult": "layers with several residual streams are not modelled",
    "enable_moe_block": "experts beside a dense MLP in the same layer are not modelled",
    "parallel_attn_mlp_res": "experts beside a dense MLP in the same layer are not modelled",
    "zero_expert_num": "experts that compute nothing are not modelled",
    "routed_expert_hidden_size": "experts narrower than the model are not modelled",
}  # fmt: skip
"""Keys that change memory or time in a way that is not modelled, wherever they are set."""

_NO_DECODERS = {
    "bert", "roberta", "xlm-roberta", "distilbert", "albert", "electra", "deberta-v2", "modernbert",
    "t5", "mt5", "bart", "mbart", "whisper", "pegasus", "clip", "siglip", "vit", "marian",
}  # fmt: skip


def refuse_unmodelled(config: Mapping[str, Any], text: Mapping[str, Any]) -> None:
    """Refuse a config with a feature that would be read wrong without a word.

    Parameters
    ----------
    config, text : the file, and its text model's keys laid over it.

    Raises
    ------
    InputError
        One line with the key and the feature.
    """
    for kind in (config.get("model_type"), text.get("model_type")):
        if kind in _NO_DECODERS or config.get("is_encoder_decoder"):
            raise InputError(
                f"config.json: model_type {kind!r}: only decoders that generate text are modelled"
            )
    for key, why in _UNMODELLED_KEYS.items():
        if text.get(key) not in (None, False, 0, "", [], {}):
            raise InputError(f"config.json: {key}: {why}")
    if isinstance(kinds := text.get("attn_type_list"), list) and 0 in kinds:  # MiniMax: 1 is full
        raise InputError(f"config.json: attn_type_list: {_STATE}")
    value_dim, head_dim = text.get("v_head_dim"), text.get("head_dim")
    if value_dim and head_dim and value_dim != head_dim and not text.get("kv_lora_rank"):
        raise InputError("config.json: v_head_dim: values narrower than keys are not modelled")


def is_known(text: Mapping[str, Any]) -> bool:
    """Whether the model's family is one whose layers are known here."""
    kind = text.get("model_type")
    return isinstance(kind, str) and (kind in GATED or kind in PLAIN_MLP)


def ties_embeddings(config: Mapping[str, Any], text: Mapping[str, Any]) -> bool:
    """Whether the output projection is the input embedding; by family where the file is silent."""
    for keys in (text, config):
        if isinstance(tied := keys.get("tie_word_embeddings"), bool):
            return tied
    return text.get("model_type") in _TIED
