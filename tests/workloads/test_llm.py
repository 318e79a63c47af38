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
ACTIVE_BILLIONS = {
    "mixtral-8x7b": 12.9,
    "mixtral-8x22b": 39.1,
    "qwen3-30b-a3b": 3.35,
    "llama-4-scout": 17.2,
    "deepseek-v3": 37.5,
}


@pytest.mark.parametrize(("name", "billions"), BILLIONS.items())
def test_the_total_is_the_published_one(name: str, billions: float) -> None:
    assert LLM.named(name).parameters.total / 1e9 == pytest.approx(billions, rel=1e-3)


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
    assert set(LLM.names()) == set(BILLIONS)


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
        ({"num_layers": 3}, "did you mean 'num_hidden_layers'"),
    ],
)
def test_a_model_that_cannot_be_is_refused_with_what_is_wrong(
    changes: dict[str, object], says: str
) -> None:
    with pytest.raises(InputError, match=says):
        LLM.parse({"like": "llama-3.1-8b", **changes})
