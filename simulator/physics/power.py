"""Power: watts of a GPU from how hard it computes and how hard it reads."""

from typing import Any, NamedTuple

import numpy as np

from hardware_profiles.gpu import GPU

__all__ = ["COMPUTE_SHARE", "Activity", "step_joules", "watts"]

COMPUTE_SHARE = 0.6
"""Dynamic power of full compute, as a share of what lies between loaded idle and TDP."""


class Activity(NamedTuple):
    """Shares of the peaks a GPU uses: floats, or arrays of equal shape."""

    compute: Any
    """FLOP/s over the dense peak: model FLOPs utilisation (MFU)."""
    memory: Any
    """Byte/s over the bandwidth: memory bandwidth utilisation (MBU)."""


def watts(gpu: GPU, activity: Activity | None) -> Any:
    """Draw of one GPU. [W]

    Bare idle without a model (`activity` None: no process on it); loaded idle with one and nothing
    to do; above it $(tdp - idle) · min(1, c·compute + (1 - c)·memory + …)$ up to the power limit.
    Memory-bound decoding at full bandwidth draws some 60-70 % of the limit, compute-bound prefill
    all of it, as measured on an H100 under inference (400-550 W of 700).

    >>> h100 = GPU.named("h100-sxm")
    >>> watts(h100, Activity(0.0, 0.0)) == h100.loaded_idle_w
    True
    """
    if activity is None:
        return gpu.idle_w
    share = COMPUTE_SHARE * activity.compute / 0.6 + (1 - COMPUTE_SHARE) * activity.memory / 0.6
    dynamic = gpu.tdp_w - gpu.loaded_idle_w
    if isinstance(share, np.ndarray):
        return gpu.loaded_idle_w + dynamic * np.minimum(1.0, share)
    return gpu.loaded_idle_w + dynamic * min(1.0, share)


def step_joules(gpu: GPU, num_gpus: int, seconds: Any, activity: Activity) -> Any:
    """Energy of a step on all GPUs of an engine. [J]

    Parameters
    ----------
    seconds : length of the step. [s]
    activity : of each of the GPUs.
    """
    return num_gpus * watts(gpu, activity) * seconds
