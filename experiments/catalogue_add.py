"""`servecast catalogue add-model` and `add-gpu`: a new shelf entry, checked before it is kept."""

from __future__ import annotations

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
from workloads.hf_config import load_hf_config, read_hf_config
from workloads.llm import LLM

__all__ = ["add_gpu", "add_model"]

Ask = Callable[..., Any]
PRECISIONS = ("bf16", "fp8", "int8", "fp4")


def add_model(config: Path, name: str | None, out: Path | None, console: Console) -> Path:
    """Make an entry of a Hugging Face ``config.json``.

    Parameters
    ----------
    config : the file.
    name : of the entry; the folder that the file lies in, if not given.
    out : file to write; on the shelf of models if not given.

    Raises
    ------
    InputError
        If the file is no configuration that is understood, or the entry is there already.
    """
    entry = {
        "name": (name or config.resolve().parent.name).lower(),
        "source": f"{config.name}, read by servecast catalogue add-model",
        "checked": date.today().isoformat(),
        "confidence": "B",
        **read_hf_config(load_hf_config(config)),
    }
    model = LLM.parse(entry)
    path = _write(model, entry, LLM, out)
    console.print(
        f"{model.name}: {model.parameters.total / 1e9:.2f} billion parameters, "
        f"{model.active_parameters / 1e9:.2f} billion active for a token; written to {path}",
        highlight=False,
        soft_wrap=True,
    )
    return path


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
    """Write a checked entry, unless something of that name is there."""
    path = out or kind.shelf / f"{checked.name}.yaml"
    if path.exists():
        raise InputError(f"{path}: is there already; give another name, or --out")
    text = yaml.safe_dump(entry, sort_keys=False, allow_unicode=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path
