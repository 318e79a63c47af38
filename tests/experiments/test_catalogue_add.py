"""A new model or GPU is one command and one file, refused before it can do harm."""

import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from experiments.catalogue import print_shelf
from experiments.catalogue_add import add_gpu, add_model
from experiments.cli import app
from hardware_profiles.errors import InputError
from hardware_profiles.gpu import GPU
from hardware_profiles.profile import load_yaml
from workloads.llm import LLM

CONFIG: dict[str, Any] = {
    "architectures": ["Qwen3ForCausalLM"],
    "model_type": "qwen3",
    "num_hidden_layers": 40,
    "hidden_size": 5120,
    "intermediate_size": 17408,
    "num_attention_heads": 40,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "vocab_size": 151936,
    "tie_word_embeddings": False,
    "max_position_embeddings": 40960,
    "torch_dtype": "bfloat16",
}
FIGURES: dict[str, Any] = {
    "name": "L99", "source": "a datasheet", "checked": "2026-11-01", "confidence": "B",
    "vendor": "nvidia", "family": "ada", "memory that": 44.5, "memory bandwidth": 864.0,
    "dense bf16": 362.0, "dense fp8": 733.0, "dense int8": 733.0, "dense fp4": 0.0,
    "link": "pcie4", "power limit": 350.0, "power when": 35.0, "power with": 100.0,
}  # fmt: skip


def answers(**changes: Any) -> Any:
    figures = {**FIGURES, **changes}

    def ask(question: str, **_: Any) -> Any:
        return next(value for start, value in figures.items() if question.startswith(start))

    return ask


def test_a_model_comes_from_its_config(tmp_path: Path) -> None:
    folder = tmp_path / "My-Qwen3-14B"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(CONFIG))
    path = add_model(folder / "config.json", None, tmp_path / "entry.yaml", Console())
    model, known = LLM.parse(load_yaml(path)), LLM.named("qwen3-14b")
    assert model.name == "my-qwen3-14b"
    assert model.parameters == known.parameters


def test_a_name_comes_from_where_the_file_lies(tmp_path: Path) -> None:
    hub = tmp_path / "models--Qwen--Qwen3-14B" / "snapshots" / "895c8d17"
    hub.mkdir(parents=True)
    (hub / "config.json").write_text(json.dumps(CONFIG))
    (tmp_path / "Qwen--Qwen3-14B_config.json").write_text(json.dumps(CONFIG))
    for number, file in enumerate(
        (hub, hub / "config.json", tmp_path / "Qwen--Qwen3-14B_config.json")
    ):
        entry = load_yaml(add_model(file, None, tmp_path / f"{number}.yaml", Console()))
        assert (entry["name"], entry["aliases"]) == ("qwen3-14b", ["Qwen/Qwen3-14B"])
        assert entry["source"].startswith("https://huggingface.co/Qwen/Qwen3-14B/")


def test_a_checkpoint_that_is_on_the_shelf_under_another_name_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "Qwen--Qwen3-14B_config.json"
    file.write_text(json.dumps(CONFIG))
    with pytest.raises(InputError, match="is on the shelf already, as qwen3-14b"):
        add_model(file, "another", None, Console())


def test_a_size_that_is_not_the_names_is_pointed_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "config.json").write_text(json.dumps({**CONFIG, "model_type": "novel"}))
    path = add_model(tmp_path / "config.json", "big-70b", tmp_path / "70.yaml", Console(width=300))
    said = capsys.readouterr().out
    assert "check it: the name says 70 billion parameters, the file makes 14.8" in said
    assert "model_type 'novel' is not known here" in said
    assert LLM.parse(load_yaml(path)).confidence == "C"
    add_model(tmp_path / "config.json", "big-14b", tmp_path / "14.yaml", Console())
    assert "check it" not in capsys.readouterr().out


def test_a_name_that_is_no_file_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    for name in ("../up", "a b", "-x", ""):
        folder = tmp_path / "bad folder"
        folder.mkdir(exist_ok=True)
        (folder / "config.json").write_text(json.dumps(CONFIG))
        with pytest.raises(InputError, match="name: expected letters"):
            add_model(folder / "config.json", name or None, None, Console())


def test_nothing_half_written_is_left(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    target = tmp_path / "file"
    target.write_text("")
    with pytest.raises(OSError, match="file"):
        add_model(tmp_path / "config.json", "x", target / "entry.yaml", Console())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.json", "file"]


def test_an_entry_that_is_there_is_kept(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    with pytest.raises(InputError, match="is there already"):
        add_model(tmp_path / "config.json", "qwen3-14b", None, Console())


@pytest.mark.parametrize(
    "content", ["", "{", "[]", json.dumps({**CONFIG, "hidden_size": -1}), '{"hidden_size": 3}']
)
def test_what_is_no_config_is_told_in_one_line(tmp_path: Path, content: str) -> None:
    (tmp_path / "config.json").write_text(content)
    out = tmp_path / "entry.yaml"
    done = CliRunner().invoke(
        app, ["catalogue", "add-model", str(tmp_path / "config.json"), "--out", str(out)]
    )
    assert done.exit_code == 2, done.output
    assert len(done.stderr.strip().splitlines()) == 1
    assert str(tmp_path / "config.json") in done.stderr
    assert not out.exists()


def test_a_gpu_comes_from_a_datasheet(tmp_path: Path) -> None:
    path = add_gpu(tmp_path / "l99.yaml", Console(), answers())
    gpu, like = GPU.parse(load_yaml(path)), GPU.named("l40s")
    assert gpu.name == "l99"
    assert gpu.flops("fp8") == like.flops("fp8")
    assert "fp4" not in gpu.peak_tflops


def test_figures_of_no_gpu_are_refused(tmp_path: Path) -> None:
    for wrong in ({"memory that": -1.0}, {"link": "string"}, {"checked": "2999-01-01"}):
        with pytest.raises(InputError):
            add_gpu(tmp_path / "l99.yaml", Console(), answers(**wrong))
    assert not (tmp_path / "l99.yaml").exists()


def test_fit_prints_where_a_model_fits() -> None:
    done = CliRunner().invoke(app, ["fit", "llama-3.1-8b", "--context", "8192"])
    assert done.exit_code == 0, done.output
    assert "h100-sxm" in done.output


def test_show_finds_an_entry_on_whichever_shelf_it_is() -> None:
    shown = {
        "h100-sxm": "bandwidth_gb_s: 3350",
        "NVIDIA H100 NVL": "name: h100-nvl",
        "Qwen/Qwen3-14B": "num_hidden_layers: 40",
        "nvlink4": "latency_us",
        "steady-chat": "kind: synthetic",
    }
    for name, part in shown.items():
        done = CliRunner().invoke(app, ["catalogue", "show", name])
        assert (done.exit_code, part in done.output) == (0, True), name
    for wrong in (["show"], ["show", "llama-3.1-9b"], ["add-model"], ["add-model", "nowhere.json"]):
        done = CliRunner().invoke(app, ["catalogue", *wrong])
        assert (done.exit_code, len(done.stderr.strip().splitlines())) == (2, 1), wrong


@pytest.mark.parametrize("width", [80, 120, 200])
@pytest.mark.parametrize("kind", ["gpus", "models", "offers", "links", "nodes"])
def test_a_table_is_whole_at_every_width(
    width: int, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    print_shelf(kind, Console(width=width))
    said = capsys.readouterr().out
    assert "…" not in said
    assert max(map(len, said.splitlines())) <= width
