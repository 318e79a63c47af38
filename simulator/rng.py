"""One seed, and one named stream of random numbers for each thing that draws."""

from __future__ import annotations

from zlib import crc32

import numpy as np


def stream(seed: int, name: str) -> np.random.Generator:
    """The stream called ``name``; others can be added or drawn from without changing it.

    >>> float(stream(1, "traffic").random()) == float(stream(1, "traffic").random())
    True
    >>> float(stream(1, "traffic").random()) == float(stream(1, "router").random())
    False
    """
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(crc32(name.encode()),)))
