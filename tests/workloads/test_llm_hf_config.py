"""Hugging Face configs: the same model as on the shelf, or one clear line."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from hardware_profiles.errors import InputError
from workloads.hf_config import load_hf_config, read_hf_config
from workloads.llm import LLM

ABOUT: dict[str, Any] = {
    "name": "mine", "source": "a test", "checked": date(2026, 11, 22), "confidence": "C",
}  # fmt: skip
LLAMA: dict[str, Any] = {
    "model_type": "llama", "num_hidden_layers": 32, "hidden_size": 4096,
    "intermediate_size": 14336, "num_attention_heads": 32, "num_key_value_heads": 8,
    "vocab_size": 128256, "max_position_embeddings": 131072, "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
}  # fmt: skip
MIXTRAL = LLAMA | {
    "vocab_size": 32000, "num_local_experts": 8, "num_experts_per_tok": 2, "sliding_window": None,
}  # fmt: skip
DEEPSEEK: dict[str, Any] = {
    "model_type": "deepseek_v3", "num_hidden_layers": 61, "hidden_size": 7168,
    "intermediate_size": 18432, "moe_intermediate_size": 2048, "n_routed_experts": 256,
    "num_experts_per_tok": 8, "n_shared_experts": 1, "first_k_dense_replace": 3,
    "moe_layer_freq": 1, "num_attention_heads": 128, "num_key_value_heads": 128,
    "q_lora_rank": 1536, "kv_lora_rank": 512, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64,
    "v_head_dim": 128, "vocab_size": 129280, "max_position_embeddings": 163840,
    "quantization_config": {"quant_method": "fp8", "weight_block_size": [128, 128]},
}  # fmt: skip
GPT_OSS: dict[str, Any] = {
    "model_type": "gpt_oss", "num_hidden_layers": 24, "hidden_size": 2880,
    "intermediate_size": 2880, "num_attention_heads": 64, "num_key_value_heads": 8, "head_dim": 64,
    "num_local_experts": 32, "num_experts_per_tok": 4, "vocab_size": 201088,
    "max_position_embeddings": 131072, "sliding_window": 128,
    "layer_types": ["sliding_attention", "full_attention"] * 12,
    "quantization_config": {"quant_method": "mxfp4"},
}  # fmt: skip
SCOUT: dict[str, Any] = {
    "model_type": "llama4", "vision_config": {"hidden_size": 1408},
    "text_config": {
        "model_type": "llama4_text", "num_hidden_layers": 48, "hidden_size": 5120,
        "intermediate_size": 8192, "intermediate_size_mlp": 16384, "num_attention_heads": 40,
        "num_key_value_heads": 8, "head_dim": 128, "num_local_experts": 16,
        "num_experts_per_tok": 1, "interleave_moe_layer_step": 1, "vocab_size": 202048,
        "max_position_embeddings": 10485760, "attention_chunk_size": 8192,
    },
}  # fmt: skip


@pytest.mark.parametrize(
    ("config", "shelf"),
    [
        (LLAMA, "llama-3.1-8b"),
        (MIXTRAL, "mixtral-8x7b"),
        (DEEPSEEK, "deepseek-v3"),
        (GPT_OSS, "gpt-oss-20b"),
    ],
)
def test_a_config_and_the_shelf_are_the_same_model(config: dict[str, Any], shelf: str) -> None:
    mine, known = LLM.from_hf_config(config, **ABOUT), LLM.named(shelf)
    assert mine.parameters == known.parameters
    assert mine.active_parameters == known.active_parameters
    assert mine.kv_values_per_token() == known.kv_values_per_token()
    assert mine.weights_precision == known.weights_precision
    assert mine.num_local_layers == known.num_local_layers


def test_a_nested_text_config_is_read_and_the_vision_tower_left() -> None:
    mine, known = LLM.from_hf_config(SCOUT, **ABOUT), LLM.named("llama-4-scout")
    assert mine.parameters._replace(other=0) == known.parameters._replace(other=0)
    assert mine.num_local_layers == known.num_local_layers == 36


def test_a_sliding_window_without_layer_types_is_in_every_layer() -> None:
    mine = LLM.from_hf_config(LLAMA | {"sliding_window": 4096}, **ABOUT)
    assert (mine.num_local_layers, mine.sliding_window) == (32, 4096)


def test_a_window_that_is_switched_off_is_no_window() -> None:
    config = LLAMA | {"sliding_window": 4096, "use_sliding_window": False}
    assert LLM.from_hf_config(config, **ABOUT).num_local_layers == 0


@pytest.mark.parametrize(
    ("quantization", "precision"),
    [
        ({"quant_method": "awq", "bits": 4}, "int4"),
        ({"quant_method": "gptq", "bits": 8}, "int8"),
        ({"quant_method": "modelopt", "quant_algo": "NVFP4"}, "nvfp4"),
        (
            {
                "quant_method": "compressed-tensors",
                "config_groups": {"group_0": {"weights": {"type": "int", "num_bits": 8}}},
            },
            "int8",
        ),
        (
            {
                "quant_method": "compressed-tensors",
                "config_groups": {"group_0": {"weights": {"type": "float", "num_bits": 8}}},
            },
            "fp8",
        ),
    ],
)
def test_quantization_config_sets_the_precision(
    quantization: dict[str, Any], precision: str
) -> None:
    config = LLAMA | {"quantization_config": quantization}
    assert read_hf_config(config)["weights_precision"] == precision


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"hidden_size": None}, "needs the key 'hidden_size'"),
        ({"num_hidden_layers": "32"}, "num_hidden_layers: expected a whole number, found '32'"),
        ({"num_hidden_layers": True}, "expected a whole number, found True"),
        ({"intermediate_size": None}, "intermediate_size"),
        ({"num_local_experts": 8}, "num_experts_per_tok"),
        ({"torch_dtype": "int3"}, "torch_dtype: 'int3' is not known"),
        ({"quantization_config": {"quant_method": "aqlm"}}, "'aqlm' is not known here; there are"),
        ({"sliding_window": 8, "layer_types": ["mamba"]}, "'mamba' is not known"),
    ],
)
def test_a_config_that_cannot_be_read_says_which_key(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        read_hf_config(LLAMA | changes)


@pytest.mark.parametrize(
    ("text", "says"),
    [("{", "not JSON"), ("[]", "expected an object"), ("", "not JSON")],
)
def test_a_broken_file_says_where(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "config.json"
    path.write_text(text)
    with pytest.raises(InputError, match=says):
        load_hf_config(path)


@pytest.mark.parametrize(
    ("sampling", "sorts"), [({"top_p": 0.9}, True), ({"top_k": 20}, True), ({"top_p": 1.0}, False)]
)
def test_the_default_sampling_is_read_from_beside_the_config(
    tmp_path: Path, sampling: dict[str, float], sorts: bool
) -> None:
    (tmp_path / "config.json").write_text(json.dumps(LLAMA))
    assert not read_hf_config(load_hf_config(tmp_path / "config.json"))["sorts_logits"]
    (tmp_path / "generation_config.json").write_text(json.dumps(sampling))
    assert read_hf_config(load_hf_config(tmp_path / "config.json"))["sorts_logits"] is sorts


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere"):
        load_hf_config(tmp_path / "nowhere.json")
