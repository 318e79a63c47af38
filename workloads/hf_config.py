"""Hugging Face ``config.json``: the same shapes under many names, read into `LLM`'s keys."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hardware_profiles.errors import InputError
from workloads.hf_attention import read_latent, read_window
from workloads.hf_families import DEFAULTS, PLAIN_MLP, is_known, refuse_unmodelled, ties_embeddings
from workloads.hf_keys import count, mapping
from workloads.hf_mlp import read_mlp
from workloads.hf_quantization import read_quantization
from workloads.hf_vision import vision_parameters

__all__ = ["checkpoint_of", "load_hf_config", "read_hf_config", "read_hf_file"]

_BESIDE = {"generation_config": "generation_config.json", "hf_quant_config": "hf_quant_config.json"}
MOST_LAYERS = 1000


def load_hf_config(path: Path) -> dict[str, Any]:
    """Parse a ``config.json``, or say where it is not one.

    What lies beside it is read too, under a key of its own: ``generation_config.json``, and
    ``hf_quant_config.json``, which ModelOpt writes. Beside ``NAME_config.json`` these are called
    ``NAME_generation_config.json`` and so on.

    Raises
    ------
    InputError
        With the file, and for broken JSON the line.
    """
    config = _load_object(path)
    if path.name.endswith("config.json"):
        for key, name in _BESIDE.items():
            beside = path.with_name(path.name.removesuffix("config.json") + name)
            if beside.exists():
                config.setdefault(key, _load_object(beside))
    return config


def read_hf_file(path: Path) -> dict[str, Any]:
    """Keys of `workloads.llm.LLM` from a ``config.json``, as `load_hf_config` and `read_hf_config`.

    Raises
    ------
    InputError
        As they do; the message names the file.
    """
    config = load_hf_config(path)
    try:
        return read_hf_config(config)
    except InputError as error:
        raise InputError(f"{path}: {str(error).removeprefix('config.json: ')}") from None


def checkpoint_of(config: Path) -> str:
    """Name of the checkpoint whose file this is, with its owner where the path has it.

    Hugging Face keeps ``models--OWNER--NAME/snapshots/HASH/config.json``; a file may also be called
    ``OWNER--NAME_config.json``; else it is the folder.

    >>> checkpoint_of(Path("hub/models--Qwen--Qwen3-8B/snapshots/895c8d17/config.json"))
    'Qwen/Qwen3-8B'
    >>> checkpoint_of(Path("configs/Qwen--Qwen3-8B_config.json"))
    'Qwen/Qwen3-8B'
    """
    folder = config.resolve().parent
    if folder.parent.name == "snapshots":
        found = folder.parent.parent.name.removeprefix("models--")
    elif config.name.endswith("_config.json"):
        found = config.name.removesuffix("_config.json")
    else:
        found = folder.name
    owner, _, rest = found.partition("--")
    return f"{owner}/{rest}" if rest else found


def _load_object(path: Path) -> dict[str, Any]:
    try:
        config = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: expected a text file in UTF-8") from None
    except json.JSONDecodeError as error:
        raise InputError(f"{path}:{error.lineno}: not JSON: {error.msg}") from None
    except RecursionError:
        raise InputError(f"{path}: nested too deeply to be read") from None
    except ValueError:
        raise InputError(f"{path}: a number with too many digits") from None
    if not isinstance(config, dict):
        raise InputError(f"{path}: expected an object of keys, found a {type(config).__name__}")
    return config


def read_hf_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """Keys of `workloads.llm.LLM` from a parsed ``config.json``.

    Reads a nested ``text_config`` first, dense and grouped-query attention, experts (shared ones,
    dense layers among them), MLA, sliding windows, quantisation, and the size of a vision tower.
    What it cannot read right it refuses: recurrent states, sparse attention, layers that differ.

    Raises
    ------
    InputError
        For a key that the shape depends on and that is missing or no whole number, and for a
        feature that is not modelled.
    """
    text = _text_model(config)
    refuse_unmodelled(config, text)
    heads = count(text, "num_attention_heads", "n_head", "n_heads", "num_heads")
    hidden = count(text, "hidden_size", "n_embd", "d_model")
    layers = count(text, "num_hidden_layers", "n_layer", "n_layers", "num_layers")
    if layers > MOST_LAYERS or not heads * hidden * layers:
        raise InputError(
            f"config.json: no model has {layers} layers of width {hidden} with {heads} heads"
        )
    mlp = read_mlp(text, hidden, layers)
    moe_layers = (layers - mlp.get("first_k_dense_replace", 0)) // mlp.get("moe_layer_freq", 1)
    experts = mlp.get("num_experts", 0)
    quantization = read_quantization(
        text, layers, layers - moe_layers if experts else layers, experts
    )
    shape: dict[str, Any] = {
        "num_hidden_layers": layers,
        "hidden_size": hidden,
        **mlp,
        "num_attention_heads": heads,
        "num_key_value_heads": _kv_heads(text, heads),
        "head_dim": count(text, "head_dim", "kv_channels", default=hidden // heads),
        "vocab_size": count(text, "vocab_size", "padded_vocab_size"),
        "tie_word_embeddings": ties_embeddings(config, text),
        "max_position_embeddings": count(
            text, "max_position_embeddings", "n_positions", "seq_length", "max_seq_len",
            "max_sequence_length", "model_max_length",
        ),
        **read_latent(text),
        **read_window(text, layers),
        "sorts_logits": _sorts_logits(config.get("generation_config")),
        "weights_precision": quantization.weights_precision,
        "unquantized": quantization.unquantized,
        "other_parameters": vision_parameters(config),
    }  # fmt: skip
    if text.get("model_type") in PLAIN_MLP:
        shape["gated_mlp"] = False
    return shape | {"notes": "; ".join(_notes(config, text, shape))}


def _text_model(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Keys of the model that writes text: those of a nested one laid over the file's own."""
    text: Mapping[str, Any] = config
    for name in ("attn_config", "ffn_config"):  # DBRX and MPT
        inner = mapping(config, name)
        text = {**text, **{key: value for key, value in inner.items() if key not in text}}
    for name in ("thinker_config", "text_config", "llm_config", "language_config"):
        text = {**text, **mapping(text, name)}
    for keys in (config, text):
        kind = keys.get("model_type")
        if kind is not None and not isinstance(kind, str):
            raise InputError(f"config.json: model_type: expected a word, found {str(kind)[:40]!r}")
    return {**DEFAULTS.get(str(kind), {}), **text}


def _kv_heads(text: Mapping[str, Any], heads: int) -> int:
    """Heads of keys and values; one where a flag says that queries share them all."""
    names: tuple[str, ...] = ("num_key_value_heads", "n_head_kv", "num_kv_heads", "kv_n_heads")
    if text.get("multi_query_attention"):  # ChatGLM
        names = ("multi_query_group_num", *names)
    if text.get("multi_query") is True and not text.get("new_decoder_architecture"):
        return 1  # Falcon-7B and StarCoder
    return count(text, *names, default=heads)


def _sorts_logits(generation: object) -> bool:
    """Whether the server's default sampling cuts by top-p or top-k."""
    if not isinstance(generation, Mapping):
        return False
    cuts = {"top_p": 1.0, "top_k": 0}
    for name, off in cuts.items():
        found = generation.get(name)
        if found is not None and (isinstance(found, bool) or not isinstance(found, int | float)):
            raise InputError(f"generation_config.json: {name}: expected a number, found {found!r}")
        cuts[name] = off if found is None else found
    return 0 < cuts["top_p"] < 1 or cuts["top_k"] > 0


def _notes(
    config: Mapping[str, Any], text: Mapping[str, Any], shape: Mapping[str, Any]
) -> list[str]:
    """What a reader should know of how the file was read."""
    notes = []
    if not is_known(text):
        kind = str(text.get("model_type"))[:40]
        notes.append(
            f"model_type {kind!r} is not known here: read as decoder layers with a gated MLP"
        )
    if shape["other_parameters"]:
        notes.append(
            "other_parameters is the vision tower's blocks and projector; what memory running it "
            "takes (encoder_peak_gib) the file does not say"
        )
    if count(text, "num_nextn_predict_layers", "num_mtp_modules", default=0):
        notes.append("without the multi-token prediction module")
    if "generation_config" not in config:
        notes.append("sorts_logits: no generation_config.json lay beside the file")
    return notes
