"""Requests that no replica could ever hold."""

from __future__ import annotations

import numpy as np

from hardware_profiles.errors import InputError
from workloads.trace import Trace

__all__ = ["check_size"]


def check_size(
    trace: Trace, admitted: np.ndarray, blocks: int, block_size: int, before: int = 0
) -> None:
    """Refuse a run in which a request could never have the KV blocks it needs.

    ``before``: requests in the pieces of the trace that came before this one.
    """
    needed = -(-(trace.prompt_tokens + trace.output_tokens - 1) // block_size)
    too_large = np.flatnonzero(admitted & (needed > blocks))
    if len(too_large):
        row = int(too_large[0])
        tokens = int(trace.prompt_tokens[row] + trace.output_tokens[row])
        source = trace.meta.get("source", "traffic")
        raise InputError(
            f"{source}: request {before + row} of {tokens} tokens needs "
            f"{needed[row]} KV blocks, the cache has {blocks} "
            f"({len(too_large)} such request{'s' if len(too_large) > 1 else ''}); "
            f"engine.max_model_len: {blocks * block_size} would refuse them one by one"
        )
