"""The cheapest mix of GPUs for a load whose requests differ in size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["GPUType", "Mix", "cheapest_mix"]


class GPUType(NamedTuple):
    """A GPU's price, and how fast it serves each size of request within the SLO."""

    usd_per_h: float
    requests_per_s: ArrayLike
    """By size of request: any shape, the same for all GPUs; 0 where the SLO cannot be kept."""


class Mix(NamedTuple):
    """Whole GPUs by name, and what they cost."""

    gpus: dict[str, int]
    usd_per_h: float


def cheapest_mix(types: Mapping[str, GPUType], rates: ArrayLike, slices: int = 1) -> Mix:
    """Solve which GPUs serve which requests, by integer programming.

    Each slice of each size goes to one type of GPU and loads it by rate over throughput; of each
    type there are enough GPUs for the loads on it; the hourly price is least (the Mélange
    formulation, Griggs et al. 2024, arXiv 2404.14527).

    Parameters
    ----------
    types : by name.
    rates : requests per second of each size, in the shape of the throughputs.
    slices : pieces into which the load of a size is cut, which may go to different types.

    Raises
    ------
    ValueError
        If some requests cannot be served by any GPU.

    >>> small, large = GPUType(1.0, [4.0, 1.0]), GPUType(3.0, [6.0, 6.0])
    >>> cheapest_mix({"small": small, "large": large}, [4.0, 6.0])
    Mix(gpus={'small': 1, 'large': 1}, usd_per_h=4.0)
    """
    from scipy.optimize import Bounds, LinearConstraint, milp

    names = list(types)
    per_slice = np.repeat(np.ravel(np.asarray(rates, np.float64)) / slices, slices)
    load = np.column_stack([_load(types[name], per_slice, slices) for name in names])
    if not np.isfinite(load).any(axis=1).all():
        raise ValueError("some requests cannot be served within the SLO by any of the GPUs")
    pieces, kinds = load.shape
    # Unknowns: which type serves a piece (pieces x kinds, 0 or 1), then how many of each type.
    price = np.concatenate([np.zeros(pieces * kinds), [types[name].usd_per_h for name in names]])
    once = np.hstack([np.kron(np.eye(pieces), np.ones(kinds)), np.zeros((pieces, kinds))])
    enough = np.zeros((kinds, len(price)))
    for kind in range(kinds):
        served = np.where(np.isfinite(load[:, kind]), load[:, kind], 0.0)
        enough[kind, kind : pieces * kinds : kinds] = -served
        enough[kind, pieces * kinds + kind] = 1.0
    most = np.concatenate([np.isfinite(load).ravel().astype(float), np.full(kinds, np.inf)])
    found = milp(
        price,
        integrality=np.ones(len(price), dtype=np.int64),
        bounds=Bounds(0, most),
        constraints=[LinearConstraint(once, 1, 1), LinearConstraint(enough, -1e-9, np.inf)],
    )
    assert found.x is not None, found.message
    counts = np.round(found.x[pieces * kinds :]).astype(int)
    usd = float(counts @ price[pieces * kinds :])
    return Mix({name: int(n) for name, n in zip(names, counts, strict=True) if n}, usd)


def _load(kind: GPUType, per_slice: NDArray[np.float64], slices: int) -> NDArray[np.float64]:
    """GPUs that each slice takes up; infinite where the GPU cannot serve it."""
    speed = np.repeat(np.ravel(np.asarray(kind.requests_per_s, np.float64)), slices)
    load = np.full(len(per_slice), np.inf)
    np.divide(per_slice, speed, out=load, where=speed > 0)
    return load
