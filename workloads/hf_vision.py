"""Weights of a vision tower beside a text model, from its ``vision_config``."""

from collections.abc import Mapping
from typing import Any

from workloads.hf_keys import count, mapping

__all__ = ["vision_parameters"]


def vision_parameters(config: Mapping[str, Any]) -> int:
    """Number of weights of the tower's blocks and of its projector, 0 if there is none.

    A block has four square projections and an MLP of two matrices; Qwen's mergers bring a square of
    neighbours down to the text model's width. Patch embedding, norms and biases are left out.
    """
    vision = mapping(config, "vision_config")
    hidden = count(vision, "embed_dim", "hidden_size", "vt_hidden_size", default=0)
    depth = count(vision, "depth", "num_hidden_layers", "vt_num_hidden_layers", default=0)
    if not hidden or not depth:
        return 0
    width = count(vision, "intermediate_size", "vt_intermediate_size", default=4 * hidden)
    blocks = depth * (4 * hidden * hidden + 2 * hidden * width)
    out = count(vision, "out_hidden_size", "text_hidden_size", default=0)
    merge = count(vision, "spatial_merge_size", "merge_kernel_size", default=0)
    merged = merge * merge * hidden
    extra = vision.get("deepstack_visual_indexes")
    mergers = 1 + (len(extra) if isinstance(extra, list) else 0)
    return blocks + mergers * (merged * merged + merged * out)
