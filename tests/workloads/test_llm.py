"""Models: parameter counts as published, and entries that cannot be."""

import pytest

from hardware_profiles.errors import InputError
from workloads.llm import LLM

BILLIONS = {
    "llama-2-7b": 6.74,
    "llama-2-70b": 68.98,
    "llama-3.1-8b": 8.03,
    "llama-3.1-70b": 70.55,
    "llama-3.1-405b": 405.85,
    "codellama-34b": 33.74,
    "yi-34b": 34.39,
    "mistral-nemo-12b": 12.25,
    "qwen2.5-7b": 7.62,
    "qwen3-14b": 14.77,
    "qwen3-32b": 32.76,
    "qwen3-30b-a3b": 30.53,
    "mixtral-8x7b": 46.70,
    "mixtral-8x22b": 140.63,
    "llama-4-scout": 108.6,
    "gpt-oss-20b": 20.91,
    "gpt-oss-120b": 116.8,
    "deepseek-v3": 671.0,
}
# As model cards and the parameter counts of the weight files give them, in three digits or so.
ROUNDED_BILLIONS = {
    "bloom-176b": 176.2, "codellama-7b": 6.74, "codellama-13b": 13.02, "command-r": 35.0,
    "command-r-plus": 104, "dbrx": 132, "deepseek-coder-6.7b": 6.74, "deepseek-coder-33b": 33.3,
    "deepseek-llm-7b": 6.91, "deepseek-llm-67b": 67.4, "deepseek-v2": 236, "deepseek-v2-lite": 15.7,
    "gemma-2-2b": 2.61, "gemma-2-9b": 9.24, "gemma-2-27b": 27.2, "gemma-3-1b": 1.00,
    "gemma-3-4b": 4.30, "gemma-3-12b": 12.2, "gemma-3-27b": 27.4, "glm-4-9b": 9.40,
    "glm-4-32b": 32.6, "glm-4.5": 355, "glm-4.5-air": 106, "glm-4.6": 355, "granite-3.3-2b": 2.53,
    "granite-3.3-8b": 8.17, "internlm2.5-7b": 7.74, "internlm2.5-20b": 19.9, "kimi-k2": 1026,
    "kimi-k2.5": 1027, "llama-2-13b": 13.02, "llama-3-8b": 8.03, "llama-3-70b": 70.6,
    "llama-3.2-1b": 1.24, "llama-3.2-3b": 3.21, "llama-4-maverick": 402, "mimo-7b": 7.62,
    "minimax-m2.5": 229, "mistral-7b": 7.25, "mistral-7b-v0.1": 7.24, "mistral-small-22b": 22.2,
    "mistral-small-24b": 23.6, "mistral-small-3.2-24b": 24.0, "mistral-large-2": 123,
    "opt-13b": 12.85, "opt-66b": 65.7, "phi-3-mini": 3.82, "phi-3-mini-4k": 3.82,
    "phi-3-medium": 14.0, "phi-4": 14.7, "qwen2-57b-a14b": 57.4, "qwen2.5-0.5b": 0.494,
    "qwen2.5-1.5b": 1.54, "qwen2.5-3b": 3.09, "qwen2.5-14b": 14.7, "qwen2.5-32b": 32.5,
    "qwen2.5-72b": 72.7, "qwen3-0.6b": 0.596, "qwen3-1.7b": 1.72, "qwen3-4b": 4.02,
    "qwen3-4b-2507": 4.02, "qwen3-8b": 8.19, "qwen3-235b-a22b": 235, "qwen3-235b-a22b-2507": 235,
    "qwen3-30b-a3b-2507": 30.5, "qwen3-coder-480b-a35b": 480, "qwen3-vl-8b": 8.77,
    "qwen3-vl-32b": 33.4, "qwen3-vl-30b-a3b": 31.1, "qwen3-vl-235b-a22b": 236, "qwq-32b": 32.5,
    "seed-oss-36b": 36.2, "smollm2-1.7b": 1.71, "solar-10.7b": 10.7, "starcoder2-7b": 7.17,
    "starcoder2-15b": 15.96, "step-3.7-flash": 196, "tinyllama-1.1b": 1.10, "yi-6b": 6.06,
    "yi-9b": 8.83,
}  # fmt: skip
ACTIVE_BILLIONS = {
    "mixtral-8x7b": 12.9,
    "mixtral-8x22b": 39.1,
    "qwen3-30b-a3b": 3.35,
    "llama-4-scout": 17.2,
    "deepseek-v3": 37.5,
    "dbrx": 36.5,
    "qwen2-57b-a14b": 14.25,
    "qwen3-coder-480b-a35b": 35.5,
}
ROUNDED_ACTIVE_BILLIONS = {"deepseek-v2": 21, "qwen3-235b-a22b": 22, "glm-4.5": 33, "kimi-k2": 32}


@pytest.mark.parametrize(("name", "billions"), BILLIONS.items())
def test_the_total_is_the_published_one(name: str, billions: float) -> None:
    assert LLM.named(name).parameters.total / 1e9 == pytest.approx(billions, rel=1e-3)


@pytest.mark.parametrize(("name", "billions"), ROUNDED_BILLIONS.items())
def test_the_total_is_near_the_rounded_one_of_the_model_card(name: str, billions: float) -> None:
    assert LLM.named(name).parameters.total / 1e9 == pytest.approx(billions, rel=1e-2)


@pytest.mark.parametrize(("name", "billions"), ROUNDED_ACTIVE_BILLIONS.items())
def test_the_active_share_is_near_the_one_of_the_model_card(name: str, billions: float) -> None:
    assert LLM.named(name).active_parameters / 1e9 == pytest.approx(billions, rel=3e-2)


@pytest.mark.parametrize(("name", "billions"), ACTIVE_BILLIONS.items())
def test_a_token_passes_through_the_published_share(name: str, billions: float) -> None:
    assert LLM.named(name).active_parameters / 1e9 == pytest.approx(billions, rel=5e-3)


@pytest.mark.parametrize(("name", "billions"), [("gpt-oss-20b", 3.6), ("gpt-oss-120b", 5.1)])
def test_gpt_oss_counts_its_active_weights_without_the_input_embedding(
    name: str, billions: float
) -> None:
    model = LLM.named(name)
    counted = model.active_parameters - model.parameters.embedding
    assert counted / 1e9 == pytest.approx(billions, abs=0.06)


def test_every_entry_of_the_shelf_can_be_read_and_is_listed_above() -> None:
    assert set(LLM.names()) == set(BILLIONS) | set(ROUNDED_BILLIONS)
    assert not set(BILLIONS) & set(ROUNDED_BILLIONS)


def test_no_two_models_answer_to_the_same_name() -> None:
    answers = [n.casefold() for name in LLM.names() for n in (name, *LLM.named(name).aliases)]
    assert len(answers) == len(set(answers))


def test_an_mlp_without_a_gate_has_two_matrices() -> None:
    gated = LLM.parse({"like": "llama-2-7b"}).parameters.mlp
    assert LLM.parse({"like": "llama-2-7b", "gated_mlp": False}).parameters.mlp == gated * 2 // 3


def test_a_hugging_face_id_finds_its_model() -> None:
    assert LLM.named("Qwen/Qwen3-14B").name == "qwen3-14b"
    assert LLM.named("RedHatAI/Llama-4-Scout-17B-16E-Instruct-FP8-dynamic").name == "llama-4-scout"


def test_grouped_queries_shrink_the_cache() -> None:
    assert LLM.named("llama-2-7b").kv_values_per_token() == 2 * 32 * 32 * 128
    assert LLM.named("llama-3.1-8b").kv_values_per_token() == 2 * 32 * 8 * 128


def test_a_latent_is_all_that_mla_keeps() -> None:
    assert LLM.named("deepseek-v3").kv_values_per_token() == 61 * (512 + 64)


def test_half_the_layers_of_gpt_oss_slide() -> None:
    assert LLM.named("gpt-oss-120b").num_local_layers == 18


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"num_key_value_heads": 5}, "no multiple"),
        ({"num_experts": 8}, "needs num_experts_per_tok"),
        (
            {"num_experts": 2, "num_experts_per_tok": 3, "moe_intermediate_size": 8},
            "more than num_experts",
        ),
        ({"intermediate_size": 0}, "dense layers"),
        ({"kv_lora_rank": 512}, "qk_rope_head_dim"),
        ({"layer_types": ["sliding_attention"]}, "sliding_window must be given"),
        ({"layer_types": []}, "expected 1 to 32"),
        ({"hidden_size": -1}, "hidden_size"),
        ({"hidden_size": 10**12}, "hidden_size"),
        ({"num_hidden_layers": 10**9}, "num_hidden_layers"),
        ({"vocab_size": float("nan")}, "vocab_size"),
        ({"first_k_dense_replace": 33}, "first_k_dense_replace 33 is more than"),
        ({"num_layers": 3}, "did you mean 'num_hidden_layers'"),
    ],
)
def test_a_model_that_cannot_be_is_refused_with_what_is_wrong(
    changes: dict[str, object], says: str
) -> None:
    with pytest.raises(InputError, match=says):
        LLM.parse({"like": "llama-3.1-8b", **changes})
