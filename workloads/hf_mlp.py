"""Dense MLPs and experts of a ``config.json``, and which layers have which."""

from collections.abc import Mapping
from typing import Any

from hardware_profiles.errors import InputError
from workloads.hf_families import PLAIN_MLP
from workloads.hf_keys import count

__all__ = ["read_mlp"]


def read_mlp(text: Mapping[str, Any], hidden: int, layers: int) -> dict[str, Any]:
    """Keys of `workloads.llm.LLM` that say what stands between attention layers.

    Parameters
    ----------
    text : the parsed file, a nested text model's keys laid over it.
    hidden, layers : width and number of the layers.
    """
    dense_width = _dense_width(text, hidden)
    experts = count(
        text, "num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts", default=0
    )
    if experts <= 1:
        if not dense_width:
            raise InputError("config.json: needs the key 'intermediate_size'")
        return {"intermediate_size": dense_width}
    width = count(text, "moe_intermediate_size", "expert_ffn_hidden_size", default=dense_width)
    shared = count(
        text, "n_shared_experts", "num_shared_experts", "moe_num_shared_experts",
        "num_shared_expert", default=0,
    )  # fmt: skip
    shared_width = count(
        text, "shared_expert_intermediate_size", "moe_shared_expert_intermediate_size",
        "share_expert_dim", default=shared * width,
    )  # fmt: skip
    if not shared_width:
        shared_width = count(text, "shared_intermediate_size", default=0)
    if text.get("model_type") == "llama4_text" or "interleave_moe_layer_step" in text:
        # Llama 4 has one shared expert as wide as the routed ones, and says so nowhere.
        shared, shared_width = 1, width
    dense_first, frequency = _moe_layers(text, layers)
    return {
        "num_experts": experts,
        "num_experts_per_tok": count(
            text, "num_experts_per_tok", "moe_topk", "num_experts_per_token", "experts_per_token",
            "moe_top_k", "moe_k", "top_k_experts",
        ),
        "moe_intermediate_size": width,
        "num_shared_experts": shared or int(shared_width > 0),
        "shared_expert_intermediate_size": shared_width,
        "first_k_dense_replace": dense_first,
        "moe_layer_freq": frequency,
        "intermediate_size": (
            count(text, "intermediate_size_mlp", "dense_intermediate_size", default=dense_width)
            if dense_first > 0 or frequency > 1
            else 0
        ),
    }  # fmt: skip


def _dense_width(text: Mapping[str, Any], hidden: int) -> int:
    """Width of a dense MLP; the older families leave it at four times the hidden size."""
    kind = text.get("model_type")
    if kind == "mpt":
        return count(text, "expansion_ratio", default=4) * hidden
    default = 4 * hidden if kind in PLAIN_MLP else 0
    width = count(
        text, "intermediate_size", "ffn_hidden_size", "n_inter", "n_inner", "ffn_dim",
        default=default,
    )  # fmt: skip
    return width // 2 if kind == "qwen" else width  # Qwen 1 counts gate and up together


def _moe_layers(text: Mapping[str, Any], layers: int) -> tuple[int, int]:
    """So many first layers are dense; of the others every so-manyth has experts."""
    first = count(text, "first_k_dense_replace", "moe_layer_start_index", default=0)
    if (listed := text.get("mlp_only_layers")) not in (None, []):
        if listed != list(range(len(listed) if isinstance(listed, list) else 0)):
            raise InputError(
                "config.json: mlp_only_layers: dense layers that are not the first ones are not "
                "modelled"
            )
        first = len(listed)
    if isinstance(flags := text.get("moe_layer_freq"), list):
        return _counted(flags, layers)
    step = max(
        1,
        count(text, "moe_layer_freq", "moe_layer_interval", default=1),
        count(text, "interleave_moe_layer_step", "decoder_sparse_step", default=1),
    )
    if first > layers or step > layers:
        raise InputError(
            f"config.json: first_k_dense_replace {first} and every {step} of {layers} layers: "
            "no layer has experts"
        )
    return first, step


def _counted(flags: list[Any], layers: int) -> tuple[int, int]:
    """A list of zeros and ones: leading zeros are dense layers, the rest must be regular."""
    if len(flags) != layers or not any(flags):
        raise InputError(
            f"config.json: moe_layer_freq: expected {layers} entries of 0 and 1 (one a layer), "
            f"not all 0, found {len(flags)}"
        )
    first = next(index for index, flag in enumerate(flags) if flag)
    left, chosen = layers - first, sum(bool(flag) for flag in flags)
    if left % chosen or any(
        bool(flags[first + i]) != (i % (left // chosen) == 0) for i in range(left)
    ):
        raise InputError("config.json: moe_layer_freq: an irregular pattern is not modelled")
    return first, left // chosen
