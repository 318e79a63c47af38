"""Power: watts of a GPU from how hard it computes and how hard it reads."""

from typing import Any, NamedTuple

from hardware_profiles.gpu import GPU
from simulator.physics.number import smaller

__all__ = ["COMPUTE_WEIGHT", "MEMORY_WEIGHT", "Activity", "step_joules", "watts"]

COMPUTE_WEIGHT = 1.6
"""Share of the dynamic power that full compute would draw; at 0.6 of the dense peak, about what
tuned matrix products reach, a GPU is at its power limit."""
MEMORY_WEIGHT = 0.65
"""The same for reading memory at its full bandwidth."""


class Activity(NamedTuple):
    """Shares of the peaks a GPU uses: floats, or arrays of equal shape."""

    compute: Any
    """FLOP/s over the dense peak: model FLOPs utilisation (MFU)."""
    memory: Any
    """Byte/s over the bandwidth: memory bandwidth utilisation (MBU)."""


def watts(gpu: GPU, activity: Activity | None) -> Any:
    """Draw of one GPU. [W]

    Bare idle with no process on it (`activity` None); loaded idle with one that has nothing to do;
    above it $(tdp - loaded) · min(1, 1.6 · compute + 0.65 · memory)$, up to the power limit.

    The weights are chosen to give what was measured on an H100 under inference, 400-550 W of 700:
    decoding at three quarters of the bandwidth draws some 460 W, a large prefill the limit. Nothing
    finer is known per GPU; take energy for right to some 15 %.

    Parameters
    ----------
    gpu : with its idle, loaded idle and limit.
    activity : shares of the peaks; above 1 counts as 1.

    >>> h100 = GPU.named("h100-sxm")
    >>> watts(h100, Activity(0.0, 0.0)) == h100.loaded_idle_w
    True
    >>> round(watts(h100, Activity(0.1, 0.75)))
    492
    """
    if activity is None:
        return gpu.idle_w
    share = COMPUTE_WEIGHT * activity.compute + MEMORY_WEIGHT * activity.memory
    return gpu.loaded_idle_w + (gpu.tdp_w - gpu.loaded_idle_w) * smaller(1.0, share)


def step_joules(gpu: GPU, num_gpus: int, seconds: Any, activity: Activity) -> Any:
    """Energy of a step on all GPUs of an engine. [J]

    A step's shares of time (`simulator.physics.work.StepShares`) divide its energy over requests
    and tokens in the same proportion.

    Parameters
    ----------
    seconds : length of the step. [s]
    activity : of each of the GPUs.
    """
    return num_gpus * watts(gpu, activity) * seconds
