"""How many GPUs a run held: in all, on average, and at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

if TYPE_CHECKING:
    from simulator.record.result import Result

__all__ = ["fleet_size", "gpu_hours", "most_at_once", "most_gpus"]


def gpu_hours(result: Result) -> float:
    """GPU-hours held, busy or not. [h]"""
    replicas = result.replicas
    seconds = replicas["gpus"] * (replicas["stopped_s"] - replicas["requested_s"])
    return float(seconds.sum()) / 3600


def most_gpus(result: Result) -> int:
    """GPUs held at once, at most; one that is given back makes room at the same instant."""
    replicas = result.replicas
    return most_at_once(replicas["requested_s"], replicas["stopped_s"], replicas["gpus"])


def most_at_once(came_s: ArrayLike, went_s: ArrayLike, each: ArrayLike = 1) -> int:
    """Largest sum of ``each`` over those there at once; who goes is gone before who comes.

    >>> most_at_once([0.0, 1.0, 2.0], [2.0, 3.0, 4.0])
    2
    """
    came = np.asarray(came_s, dtype=np.float64)
    number = np.broadcast_to(each, came.shape)
    instants, change = np.concatenate([came, went_s]), np.concatenate([number, -number])
    order = np.lexsort((change, instants))
    return int(np.cumsum(change[order]).max(initial=0))


def fleet_size(result: Result) -> dict[str, Any]:
    """The section ``fleet`` of a summary.

    ``replicas`` counts all that were ever held; ``gpus`` are those held at once at most, and
    ``gpus_mean`` their mean over the run.
    """
    replicas, hours = result.replicas, gpu_hours(result)
    numbers, blocks = replicas["replica"], replicas["num_gpu_blocks"]
    mean = hours * 3600 / result.horizon_s if result.horizon_s > 0 else np.nan
    return {
        "replicas": len(replicas),
        "gpus": most_gpus(result),
        "gpus_mean": mean,
        "gpu_hours": hours,
        "num_gpu_blocks": {
            str(number): int(count) for number, count in zip(numbers, blocks, strict=True)
        },
    }
