"""Configs of many families, as their authors published them: the published size, or a refusal."""

from datetime import date
from typing import Any

import pytest

from hardware_profiles.errors import InputError
from workloads.llm import LLM

ABOUT: dict[str, Any] = {
    "name": "mine", "source": "a test", "checked": date(2026, 11, 28), "confidence": "C",
}  # fmt: skip


def text(kind: str, layers: int, hidden: int, width: int, heads: int, vocab: int,
         **more: Any) -> dict[str, Any]:  # fmt: skip
    return {
        "model_type": kind, "num_hidden_layers": layers, "hidden_size": hidden,
        "intermediate_size": width, "num_attention_heads": heads, "vocab_size": vocab,
        "max_position_embeddings": 2048, **more,
    }  # fmt: skip


SIGLIP = {"hidden_size": 1152, "intermediate_size": 4304, "num_hidden_layers": 27}
QWEN_MOE = {
    "num_experts": 60, "num_experts_per_tok": 4, "moe_intermediate_size": 1408,
    "shared_expert_intermediate_size": 5632, "use_sliding_window": False, "sliding_window": 32768,
}  # fmt: skip
ERNIE = {
    "moe_num_experts": 64, "moe_k": 6, "moe_intermediate_size": 1536, "moe_num_shared_experts": 2,
    "moe_layer_start_index": 1, "moe_layer_interval": 1, "tie_word_embeddings": True,
}  # fmt: skip
HUNYUAN = {
    "num_experts": 64, "moe_topk": [8] * 32, "moe_intermediate_size": [3072] * 32,
    "num_shared_expert": [1] * 32, "num_key_value_heads": 8, "tie_word_embeddings": True,
}  # fmt: skip

# What is in the file, and the number of parameters of the weights. [1e9]
READ: dict[str, tuple[dict[str, Any], float]] = {
    "falcon-7b": (
        {
            "model_type": "falcon", "hidden_size": 4544, "num_hidden_layers": 32,
            "num_attention_heads": 71, "num_kv_heads": 71, "multi_query": True,
            "vocab_size": 65024, "max_position_embeddings": 2048,
        },
        6.92,
    ),
    "gpt2": (
        {
            "model_type": "gpt2", "n_embd": 768, "n_layer": 12, "n_head": 12, "n_inner": None,
            "n_positions": 1024, "vocab_size": 50257,
        },
        0.124,
    ),
    "bloom-560m": (
        {
            "model_type": "bloom", "hidden_size": 1024, "n_layer": 24, "n_head": 16,
            "vocab_size": 250880, "seq_length": 2048,
        },
        0.559,
    ),
    "mpt-7b": (
        {
            "model_type": "mpt", "d_model": 4096, "n_layers": 32, "n_heads": 32,
            "expansion_ratio": 4, "max_seq_len": 2048, "vocab_size": 50432,
            "attn_config": {"attn_type": "multihead_attention"},
        },
        6.65,
    ),
    "dbrx": (
        {
            "model_type": "dbrx", "d_model": 6144, "n_layers": 40, "n_heads": 48,
            "max_seq_len": 32768, "vocab_size": 100352, "attn_config": {"kv_n_heads": 8},
            "ffn_config": {"ffn_hidden_size": 10752, "moe_num_experts": 16, "moe_top_k": 4},
        },
        131.6,
    ),
    "starcoder": (
        {
            "model_type": "gpt_bigcode", "n_embd": 6144, "n_layer": 40, "n_head": 48,
            "n_inner": 24576, "multi_query": True, "n_positions": 8192, "vocab_size": 49152,
        },
        15.5,
    ),
    "chatglm3-6b": (
        {
            "model_type": "chatglm", "hidden_size": 4096, "num_layers": 28,
            "ffn_hidden_size": 13696, "num_attention_heads": 32, "multi_query_attention": True,
            "multi_query_group_num": 2, "kv_channels": 128, "padded_vocab_size": 65024,
            "seq_length": 8192,
        },
        6.24,
    ),
    "gpt-neox-20b": (text("gpt_neox", 44, 6144, 24576, 64, 50432), 20.6),
    "phi-2": (text("phi", 32, 2560, 10240, 32, 51200), 2.78),
    "qwen-7b": (text("qwen", 32, 4096, 22016, 32, 151936), 7.72),
    "baichuan2-13b": (text("baichuan", 40, 5120, 13696, 40, 125696), 13.9),
    "nemotron-4-340b": (
        text("nemotron", 96, 18432, 73728, 96, 256000, num_key_value_heads=8), 341,
    ),
    "olmoe": (
        text("olmoe", 16, 2048, 1024, 16, 50304, num_experts=64, num_experts_per_tok=8), 6.92,
    ),
    "qwen1.5-moe": (text("qwen2_moe", 24, 2048, 5632, 16, 151936, **QWEN_MOE), 14.3),
    "ernie-4.5-21b-a3b": (
        text("ernie4_5_moe", 28, 2560, 12288, 20, 103424, num_key_value_heads=4, **ERNIE), 21.8,
    ),
    "hunyuan-a13b": (text("hunyuan_v1_moe", 32, 4096, 3072, 32, 128167, **HUNYUAN), 80.4),
    "gemma-3-4b": (
        {
            "model_type": "gemma3", "vision_config": SIGLIP,
            "text_config": {
                "model_type": "gemma3_text", "hidden_size": 2560, "intermediate_size": 10240,
                "num_hidden_layers": 34, "sliding_window": 1024,
            },
        },
        4.30,
    ),
}  # fmt: skip
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "jamba": (text("jamba", 32, 4096, 14336, 32, 65536, attn_layer_period=8), "recurrent state"),
    "mamba": ({"model_type": "mamba", "hidden_size": 2560, "state_size": 16}, "recurrent state"),
    "griffin": (text("recurrent_gemma", 26, 2560, 15360, 10, 256000, lru_width=2560), "recurrent"),
    "rwkv": ({"model_type": "rwkv", "hidden_size": 2560}, "needs the key 'num_attention_heads'"),
    "qwen3-next": (text("qwen3_next", 48, 2048, 5120, 16, 1, full_attention_interval=4), "recurr"),
    "mllama": (text("mllama", 40, 4096, 14336, 32, 1, cross_attention_layers=[3]), "an image"),
    "gemma-3n": (text("gemma3n", 35, 2048, 8192, 8, 1, num_kv_shared_layers=15), "share their"),
    "openelm": (text("openelm", 2, 64, 64, 4, 9, num_key_value_heads=[1, 2]), "layers that differ"),
    "arctic": (text("arctic", 35, 7168, 4864, 56, 1, parallel_attn_mlp_res=True), "beside a dense"),
    "longcat": (text("longcat_flash", 28, 6144, 9, 64, 1, zero_expert_num=256), "compute nothing"),
    "t5": ({"model_type": "t5", "d_model": 512, "is_encoder_decoder": True}, "only decoders"),
    "llava": (
        {"model_type": "llava", "text_config": {"model_type": "llama", "vocab_size": 32064}},
        "needs the key 'num_attention_heads'",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", READ)
def test_a_family_is_read_to_its_published_size(name: str) -> None:
    config, billions = READ[name]
    model = LLM.from_hf_config(config, **ABOUT)
    assert model.parameters.total / 1e9 == pytest.approx(billions, rel=0.01)
    assert "not known here" not in model.notes


@pytest.mark.parametrize("name", REFUSED)
def test_a_family_with_other_layers_is_refused(name: str) -> None:
    config, why = REFUSED[name]
    with pytest.raises(InputError, match=why):
        LLM.from_hf_config(config, **ABOUT)
