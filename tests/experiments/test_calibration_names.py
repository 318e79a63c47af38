"""A measured file may spell models and GPUs as drivers, clouds and checkpoints do."""

import json
from pathlib import Path

import pytest

from experiments.calibration_names import find_gpu, find_model
from hardware_profiles.errors import InputError
from hardware_profiles.gpu import GPU
from workloads.llm import LLM

GPUS = {
    "a100-80gb": ["A100", "A100-80G", "NVIDIA A100-SXM4-80GB", "a100-80gb-sxm", "8x A100"],
    "a100-40gb": ["a100-40g", "A100 40GB", "NVIDIA A100-SXM4-40GB"],
    "a100-80gb-pcie": ["NVIDIA A100 80GB PCIe", "A100-PCIe"],
    "a100-40gb-pcie": ["NVIDIA A100-PCIE-40GB"],
    "h100-sxm": ["H100", "NVIDIA H100 80GB HBM3", "8xH100", "H100 x8", "nvidia-h100-mega-80gb",
                 "H100-SXM5-80GB", "H100-SXM-80GB-power-capped"],
    "h100-pcie": ["NVIDIA H100 PCIe", "H100-PCIE-80GB"],
    "h100-nvl": ["NVIDIA H100 NVL", "H100-NVL", "H100 94GB"],
    "h20": ["NVIDIA H20", "H20-96GB"],
    "h200": ["NVIDIA H200", "H200-SXM-141GB"],
    "gh200": ["GH200", "NVIDIA GH200 480GB"],
    "b200": ["NVIDIA B200", "B200-SXM-180GB", "B200 192GB"],
    "b300": ["B300-SXM", "NVIDIA B300 SXM6 AC"],
    "gb200": ["GB200", "NVIDIA GB200"],
    "mi300x": ["AMD Instinct MI300X", "AMD Instinct MI300X OAM", "MI300X-192GB"],
    "mi325x": ["AMD Instinct MI325X"],
    "mi355x": ["MI355X"],
    "a10": ["NVIDIA A10"],
    "a10g": ["NVIDIA A10G"],
    "a30": ["A30"],
    "l4": ["nvidia-l4"],
    "l40": ["NVIDIA L40"],
    "l40s": ["NVIDIA L40S"],
    "rtx-a6000": ["RTX A6000", "NVIDIA RTX A6000", "A6000"],
    "rtx-6000-ada": ["NVIDIA RTX 6000 Ada Generation"],
    "rtx-pro-6000": ["NVIDIA RTX PRO 6000 Blackwell Server Edition"],
    "rtx-3090": ["NVIDIA GeForce RTX 3090", "RTX3090"],
    "rtx-4090": ["NVIDIA GeForce RTX 4090", "4090"],
    "rtx-5090": ["NVIDIA GeForce RTX 5090"],
    "t4": ["Tesla T4", "nvidia-tesla-t4"],
    "v100-32gb": ["Tesla V100-SXM2-32GB"],
}  # fmt: skip
MODELS = {
    "llama-3.1-8b": ["nvidia/Llama-3.1-8B-Instruct-FP8", "Meta-Llama-3.1-8B-Instruct-Q4_K_M",
                     "deepseek-ai/DeepSeek-R1-Distill-Llama-8B", "llama3.1-8b"],
    "llama-3.1-70b": ["nvidia/Llama-3.3-70B-Instruct-FP4", "Llama-3.3-70B-Instruct-FP8-dynamic"],
    "llama-3.1-405b": ["amd/Llama-3.1-405B-Instruct-FP8-KV", "meta-llama/Llama-3.1-405B-FP8"],
    "llama-3-70b": ["casperhansen/llama-3-70b-instruct-awq"],
    "llama-3.2-3b": ["unsloth/Llama-3.2-3B-Instruct-bnb-4bit"],
    "llama-2-7b": ["lmsys/vicuna-7b-v1.5"],
    "llama-4-scout": ["nvidia/Llama-4-Scout-17B-16E-Instruct-FP4"],
    "codellama-13b": ["TheBloke/CodeLlama-13B-Instruct-GPTQ"],
    "mistral-7b": ["neuralmagic/Mistral-7B-Instruct-v0.3-quantized.w8a8"],
    "mistral-7b-v0.1": ["TheBloke/Mistral-7B-Instruct-v0.1-AWQ"],
    "mixtral-8x7b": ["mistralai/Mixtral-8x7B-Instruct-v0.1"],
    "qwen3-30b-a3b": ["nvidia/Qwen3-30B-A3B-FP4"],
    "qwen3-30b-a3b-2507": ["RedHatAI/Qwen3-30B-A3B-Instruct-2507-FP8"],
    "qwen3-8b": ["models--Qwen--Qwen3-8B"],
    "qwen2.5-72b": ["Qwen/Qwen2.5-72B-Instruct-GPTQ-Int4"],
    "gemma-3-27b": ["google/gemma-3-27b-it-qat-q4_0-gguf"],
    "deepseek-v3": ["nvidia/DeepSeek-V3.1-NVFP4", "deepseek-ai/DeepSeek-R1"],
    "bloom-176b": ["bigscience/bloom"],
    "minimax-m2.5": ["nvidia/MiniMax-M2.5-NVFP4"],
}  # fmt: skip


@pytest.mark.parametrize(("spelt", "name"), [(s, n) for n, all_ in GPUS.items() for s in all_])
def test_a_gpu_is_found_however_it_is_spelt(spelt: str, name: str) -> None:
    assert find_gpu(spelt).name == name


@pytest.mark.parametrize("name", GPU.names())
def test_every_gpu_is_found_by_its_names(name: str) -> None:
    assert all(find_gpu(known).name == name for known in (name, *GPU.named(name).aliases))


@pytest.mark.parametrize(
    ("spelt", "says"),
    [
        ("TPU v5e", "nearest on the shelf: "),
        ("H100 40GB", "there are: h100-nvl, h100-pcie, h100-sxm"),
        ("RTX 6000", "nearest on the shelf: rtx-"),
        ("V100 16GB", "there are: v100-32gb"),
        ("", "add-gpu"),
        ("x" * 500, "add-gpu"),
    ],
)
def test_a_gpu_that_is_not_there_is_refused_in_one_line(spelt: str, says: str) -> None:
    with pytest.raises(InputError, match=says) as refused:
        find_gpu(spelt)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(("spelt", "name"), [(s, n) for n, all_ in MODELS.items() for s in all_])
def test_a_model_is_found_without_owner_fine_tune_and_precision(spelt: str, name: str) -> None:
    assert find_model(spelt).name == name


@pytest.mark.parametrize("name", LLM.names())
def test_every_model_is_found_by_its_names(name: str) -> None:
    assert all(find_model(known).name == name for known in (name, *LLM.named(name).aliases))


@pytest.mark.parametrize("spelt", ["zai-org/GLM-5-FP8", "Qwen/Qwen3.5-397B-A17B", "llama-9", ""])
def test_a_model_that_is_not_there_is_refused_with_the_way_to_add_it(spelt: str) -> None:
    with pytest.raises(InputError, match=r"nearest on the shelf: .*add-model config.json") as said:
        find_model(spelt)
    assert "\n" not in str(said.value)
    assert len(str(said.value)) < 250


def test_a_size_is_never_taken_for_another() -> None:
    for spelt in ("Llama-3.1-80B", "Qwen3-3B", "Mistral-70B", "Llama-2-7b-70b"):
        with pytest.raises(InputError):
            find_model(spelt)


def test_the_path_of_a_config_is_a_model_too(tmp_path: Path) -> None:
    config = {
        "model_type": "llama", "num_hidden_layers": 2, "hidden_size": 64, "intermediate_size": 128,
        "num_attention_heads": 4, "vocab_size": 100, "max_position_embeddings": 512,
    }  # fmt: skip
    folder = tmp_path / "tiny"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config))
    for spelt in (str(folder), str(folder / "config.json")):
        assert find_model(spelt).name == "tiny"
    with pytest.raises(InputError, match=r"nowhere\.json: cannot be read"):
        find_model(str(tmp_path / "nowhere.json"))
