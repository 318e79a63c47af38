"""Hugging Face configs: the same model as on the shelf, or one clear line."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

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


@pytest.mark.parametrize(
    ("changes", "local", "pattern"),
    [
        ({"model_type": "gemma2", "sliding_window": 4096}, 16, 2),
        ({"model_type": "gemma3_text", "sliding_window": 1024}, 27, 6),
        ({"model_type": "cohere2", "sliding_window": 4096, "sliding_window_pattern": 4}, 24, 4),
        ({"model_type": "gpt_oss", "sliding_window": 128}, 16, 2),
        ({"model_type": "qwen3", "sliding_window": 4096, "max_window_layers": 32}, 0, 1),
        ({"sliding_window": 131072}, 0, 1),
        (
            {
                "model_type": "qwen2",
                "sliding_window": 4096,
                "use_sliding_window": True,
                "max_window_layers": 28,
            },
            4,
            32,
        ),
    ],
)
def test_a_family_slides_in_its_own_layers(
    changes: dict[str, Any], local: int, pattern: int
) -> None:
    mine = LLM.from_hf_config(LLAMA | changes, **ABOUT)
    assert (mine.num_local_layers, len(mine.layer_types)) == (local, pattern)


def test_dense_layers_are_counted_however_the_file_names_them() -> None:
    moe = LLAMA | {"num_experts": 8, "num_experts_per_tok": 2, "moe_intermediate_size": 512}
    said = {
        "first_k_dense_replace": 3,
        "mlp_only_layers": [0, 1, 2],
        "moe_layer_freq": [0, 0, 0] + [1] * 29,
        "moe_layer_start_index": 3,
    }
    for key, value in said.items():
        assert LLM.from_hf_config(moe | {key: value}, **ABOUT).num_moe_layers == 29, key
    every_second = moe | {"moe_layer_freq": [1, 0] * 16}
    assert LLM.from_hf_config(every_second, **ABOUT).num_moe_layers == 16


def test_families_that_are_silent_are_known() -> None:
    silent = {key: value for key, value in LLAMA.items() if key != "tie_word_embeddings"}
    assert LLM.from_hf_config(silent | {"model_type": "gemma2"}, **ABOUT).tie_word_embeddings
    assert not LLM.from_hf_config(silent, **ABOUT).tie_word_embeddings
    assert not LLM.from_hf_config(LLAMA | {"model_type": "starcoder2"}, **ABOUT).gated_mlp
    falcon = LLAMA | {"model_type": "falcon", "multi_query": True, "num_key_value_heads": None}
    assert LLM.from_hf_config(falcon, **ABOUT).num_key_value_heads == 1
    assert "not known here" in read_hf_config(LLAMA | {"model_type": "novel"})["notes"]
    assert "not known here" not in read_hf_config(LLAMA)["notes"]


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
        (
            {
                "quant_method": "compressed-tensors",
                "format": "mxfp4-pack-quantized",
                "config_groups": {"group_0": {"weights": {"type": "float", "num_bits": 4}}},
            },
            "mxfp4",
        ),
        (
            {"quant_method": "quark", "global_quant_config": {"weight": {"dtype": "fp8_e4m3"}}},
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
        ({"layer_types": ["linear_attention"] * 32}, "'linear_attention' is not known"),
        ({"layer_types": ["full_attention"] * 3}, "layer_types has 3 entries, num_hidden_layers"),
        ({"num_hidden_layers": 10**7}, "no model has 10000000 layers"),
        ({"hidden_size": 10**40}, "hidden_size: no model has"),
        ({"hidden_size": 0}, "no model has 32 layers of width 0"),
        ({"hidden_size": float("nan")}, "expected a whole number, found nan"),
        ({"num_attention_heads": -32}, "expected a whole number, found -32"),
        ({"num_key_value_heads": [8, 8, 2]}, "layers that differ are not modelled"),
        ({"mamba_d_state": 128}, "mamba_d_state: layers with a recurrent state"),
        ({"index_topk": 2048}, "index_topk: attention to a selected part"),
        ({"block_configs": [{"no_op": True}]}, "block_configs: layers that differ"),
        ({"is_encoder_decoder": True}, "only decoders"),
        ({"model_type": "bert"}, "only decoders"),
        ({"attn_type_list": [0, 1] * 16}, "attn_type_list"),
        ({"v_head_dim": 64, "head_dim": 128}, "values narrower than keys"),
        ({"text_config": [1]}, "text_config: expected an object"),
        ({"model_type": ["llama"]}, "model_type: expected a word"),
        ({"vision_config": 3}, "vision_config: expected an object"),
        ({"generation_config": {"top_p": "high"}}, "top_p: expected a number, found 'high'"),
        ({"quantization_config": "fp8"}, "quantization_config: expected an object"),
        ({"quantization_config": {"quant_method": "gptq", "bits": 3}}, "expected 4 or 8, found 3"),
        (
            {"quantization_config": {"quant_method": "modelopt", "quant_algo": "MIXED_PRECISION"}},
            "differ from layer to layer",
        ),
        (
            {"quantization_config": {"quant_method": "fp8", "ignore": ["re:("]}},
            "is no regular expression",
        ),
    ],
)
def test_a_config_that_cannot_be_read_says_which_key(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        read_hf_config(LLAMA | changes)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "not JSON"),
        ("[]", "expected an object"),
        ("", "not JSON"),
        ("[" * 100_000, "nested too deeply"),
        ('{"hidden_size": ' + "9" * 5000 + "}", "too many digits"),
        (json.dumps(LLAMA)[:-20], "not JSON"),
    ],
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


def test_modelopt_says_beside_the_config_what_it_quantised(tmp_path: Path) -> None:
    experts = LLAMA | {"num_experts": 8, "num_experts_per_tok": 2, "moe_intermediate_size": 512}
    (tmp_path / "config.json").write_text(json.dumps(experts))
    said = {"quant_algo": "NVFP4", "exclude_modules": ["lm_head", "model.layers.*.self_attn*"]}
    (tmp_path / "hf_quant_config.json").write_text(json.dumps({"quantization": said}))
    keys = read_hf_config(load_hf_config(tmp_path / "config.json"))
    assert (keys["weights_precision"], keys["unquantized"]) == ("nvfp4", ("attention",))


@pytest.mark.parametrize(
    ("ignored", "parts"),
    [
        (["lm_head"], ()),
        (["model.layers.3.self_attn"], ()),
        (["self_attn"], ("attention",)),
        (["re:.*self_attn.*", "re:.*shared_experts.*"], ("attention", "shared_experts")),
        (["model.layers.*.block_sparse_moe.experts.*"], ("experts",)),
        (["gate", "mlp.gate"], ()),
        ([f"language_model.model.layers.{i}.self_attn*" for i in range(32)], ("attention",)),
    ],
)
def test_parts_that_stay_in_16_bits_are_read_off_the_list_of_modules(
    ignored: list[str], parts: tuple[str, ...]
) -> None:
    moe = {
        "num_experts": 8, "num_experts_per_tok": 2, "moe_intermediate_size": 512,
        "n_shared_experts": 1,
    }  # fmt: skip
    config = LLAMA | moe | {"quantization_config": {"quant_method": "fp8", "ignore": ignored}}
    assert read_hf_config(config)["unquantized"] == parts


def test_a_vision_tower_is_counted_apart() -> None:
    tower = {"depth": 24, "hidden_size": 1024, "intermediate_size": 4096, "out_hidden_size": 2048,
             "spatial_merge_size": 2, "deepstack_visual_indexes": [5, 11, 17]}  # fmt: skip
    mine = LLM.from_hf_config({"vision_config": tower, "text_config": LLAMA}, **ABOUT)
    assert mine.other_parameters / 1e6 == pytest.approx(
        403, rel=0.01
    )  # Qwen3-VL-2B: 407 with norms
    assert mine.active_parameters == LLM.named("llama-3.1-8b").active_parameters


JUNK = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**20), 10**20), st.floats(), st.text(max_size=5),
    st.lists(st.integers(-1, 3), max_size=4), st.dictionaries(st.text(max_size=3), st.integers()),
)  # fmt: skip
KEYS = sorted(
    {
        *LLAMA, *DEEPSEEK, *GPT_OSS, "moe_layer_freq", "mlp_only_layers", "vision_config",
        "text_config", "generation_config", "sliding_window_pattern", "attn_config",
    }
)  # fmt: skip


@given(base=st.sampled_from([LLAMA, MIXTRAL, DEEPSEEK, GPT_OSS, SCOUT]),
       junk=st.dictionaries(st.sampled_from(KEYS), JUNK, min_size=1, max_size=3))  # fmt: skip
def test_whatever_stands_in_a_config_it_is_read_or_refused_in_one_line(
    base: dict[str, Any], junk: dict[str, Any]
) -> None:
    refused = None
    try:
        model = LLM.from_hf_config(base | junk, **ABOUT)
    except InputError as error:
        refused = str(error)
    if refused is None:
        assert 0 < model.active_parameters <= model.parameters.total
    else:
        assert "\n" not in refused
        assert len(refused) < 400
