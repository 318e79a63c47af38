"""`servecast catalogue add-model` and `add-gpu`: a new shelf entry, checked before it is kept."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import typer
import yaml
from rich.console import Console

from hardware_profiles.errors import InputError
from hardware_profiles.gpu import GPU
from hardware_profiles.link import Link
from hardware_profiles.profile import Profile
from workloads.hf_config import checkpoint_of, read_hf_file
from workloads.llm import LLM

__all__ = ["add_gpu", "add_model", "billions_in"]

Ask = Callable[..., Any]
PRECISIONS = ("bf16", "fp8", "int8", "fp4")
SIZE_TOLERANCE = 0.2
"""Names round: Llama-3.1-8B has 8.03 billion parameters, Qwen2.5-7B 7.6, gpt-oss-20b 20.9."""


def add_model(config: Path, name: str | None, out: Path | None, console: Console) -> Path:
    """Make an entry of a Hugging Face ``config.json``.

    Parameters
    ----------
    config : the file, or the folder it lies in.
    name : of the entry; if not given, that of the checkpoint as the file's place gives it away.
    out : file to write; on the shelf of models if not given.

    Raises
    ------
    InputError
        If the file is no configuration that is understood, or the entry is there already.
    """
    config = config / "config.json" if config.is_dir() else config
    keys = read_hf_file(config)
    checkpoint = checkpoint_of(config)
    mine = (name or checkpoint.rsplit("/", 1)[-1]).lower()
    entry: dict[str, Any] = {"name": mine}
    if "/" in checkpoint:
        entry["aliases"] = [checkpoint]
    entry |= {
        "source": _source(config, checkpoint),
        "checked": date.today().isoformat(),
        "confidence": "C" if "is not known here" in keys["notes"] else "B",
        **_without_defaults(keys),
    }
    model = LLM.parse(entry)
    if out is None:
        _refuse_if_shelved(checkpoint)
    path = _write(model, entry, LLM, out)
    _tell_model(model, path, console)
    return path


def _refuse_if_shelved(checkpoint: str) -> None:
    """Two entries of one name would leave it to chance which of them is meant."""
    for name in LLM.names():
        if checkpoint.casefold() in {known.casefold() for known in LLM.named(name).aliases}:
            raise InputError(
                f"{checkpoint} is on the shelf already, as {name}; --out writes elsewhere"
            )


def _source(config: Path, checkpoint: str) -> str:
    where = f"https://huggingface.co/{checkpoint}/blob/main/config.json"
    return f"{where if '/' in checkpoint else config.name}, read by servecast catalogue add-model"


def _without_defaults(keys: dict[str, Any]) -> dict[str, Any]:
    """Keys that say something; tuples as lists, for YAML."""
    defaults = {
        name: field.default for name, field in LLM.model_fields.items() if not field.is_required()
    }
    told = {k: value for k, value in keys.items() if k not in defaults or value != defaults[k]}
    return {key: list(v) if isinstance(v, tuple) else v for key, v in told.items()}


def _tell_model(model: LLM, path: Path, console: Console) -> None:
    """Say what was made of the file, and what in it is worth a second look."""
    total, active = model.parameters.total / 1e9, model.active_parameters / 1e9
    lines = [
        f"{model.name}: {total:.2f} billion parameters, {active:.2f} billion active for a token, "
        f"weights in {model.weights_precision}; written to {path}"
    ]
    named = billions_in(model.name)
    if named and not any(abs(count / named - 1) < SIZE_TOLERANCE for count in (total, active)):
        lines.append(
            f"check it: the name says {named:g} billion parameters, the file makes {total:.1f}"
        )
    if model.notes:
        lines.append(f"note: {model.notes}")
    for line in lines:
        console.print(line, highlight=False, soft_wrap=True, markup=False)


def billions_in(name: str) -> float | None:
    """Size that a model's name gives, if it gives one. [1e9 parameters]

    >>> billions_in("qwen3-30b-a3b"), billions_in("mixtral-8x7b"), billions_in("gpt2")
    (30.0, None, None)
    """
    found = re.search(r"(?<![a-z0-9.])(\d+(?:\.\d+)?)b(?![a-z0-9])", name.lower())
    return float(found[1]) if found else None


def add_gpu(out: Path | None, console: Console, ask: Ask = typer.prompt) -> Path:
    """Ask for a datasheet's figures and make an entry of them.

    Parameters
    ----------
    out : file to write; on the shelf of GPUs if not given.
    ask : asks one question and returns the answer, like `typer.prompt`.

    Raises
    ------
    InputError
        If the figures cannot be those of a GPU, or the entry is there already.
    """
    console.print("Figures of the datasheet; dense peaks, not the sparse ones.", highlight=False)
    entry: dict[str, Any] = {
        "name": str(ask("name, such as l40s")).lower(),
        "source": ask("source: where the figures stand (URL or document)"),
        "checked": ask("checked: when you read them", default=date.today().isoformat()),
        "confidence": ask("confidence: A primary, B secondary, C from memory", default="A"),
        "vendor": ask("vendor", default="nvidia"),
        "family": ask("family, such as hopper, ada, blackwell"),
        "memory_gib": ask("memory that software sees [GiB]", type=float),
        "bandwidth_gb_s": ask("memory bandwidth [GB/s]", type=float),
    }
    peaks = {p: ask(f"dense {p} peak [TFLOP/s], 0 if none", type=float) for p in PRECISIONS}
    entry["peak_tflops"] = {precision: peak for precision, peak in peaks.items() if peak}
    entry["link"] = ask(f"link between GPUs of a node ({', '.join(Link.names())})")
    entry["tdp_w"] = ask("power limit [W]", type=float)
    entry["idle_w"] = ask("power when bare and idle [W]", type=float)
    entry["loaded_idle_w"] = ask("power with a model loaded and nothing to do [W]", type=float)
    gpu = GPU.parse(entry)
    path = _write(gpu, entry, GPU, out)
    console.print(f"{gpu.name}: written to {path}", highlight=False, soft_wrap=True)
    return path


def _write(checked: Profile, entry: dict[str, Any], kind: type[Profile], out: Path | None) -> Path:
    """Write a checked entry, whole or not at all, unless something of that name is there."""
    if out is None and not re.fullmatch(r"[a-z0-9][a-z0-9._-]*", checked.name):
        raise InputError(
            f"name: expected letters, digits, dots and hyphens, found {checked.name!r}; "
            "give one with --name"
        )
    path = out or kind.shelf / f"{checked.name}.yaml"
    if path.exists():
        raise InputError(f"{path}: is there already; give another name, or --out")
    text = yaml.safe_dump(entry, sort_keys=False, allow_unicode=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(f".{path.name}.part")
    try:
        half.write_text(text, encoding="utf-8")
        half.replace(path)
    finally:
        half.unlink(missing_ok=True)
    return path
