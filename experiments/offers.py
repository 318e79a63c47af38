"""Which offer to take where none was chosen: the cheapest there is."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from hardware_profiles.errors import InputError
from hardware_profiles.gpu import GPU
from hardware_profiles.offer import Mode, Offer

__all__ = ["cheapest"]


def cheapest(gpu: GPU, modes: Sequence[Mode]) -> Offer:
    """The least price of an hour of a GPU on the shelf, among contracts of these kinds.

    Raises
    ------
    InputError
        If there is none.

    >>> cheapest(GPU.named("h100-sxm"), ["on_demand"]).mode
    'on_demand'
    """
    mine = [o for o in _offers() if o.gpu in (gpu.name, *gpu.aliases) and o.mode in modes]
    if not mine:
        raise InputError(
            f"offer: none for {gpu.name} on the shelf is {' or '.join(modes)}; ask for another "
            "mode, or name an offer written out with its price, source and date"
        )
    return min(mine, key=lambda offer: (offer.usd_per_gpu_hour, offer.name))


@cache
def _offers() -> tuple[Offer, ...]:
    return tuple(Offer.named(name) for name in Offer.names())
