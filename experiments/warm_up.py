"""Where a run has settled: the warm-up that is better left out (MSER-5)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["WarmUp", "mser5"]

GROUP = 5
"""Observations averaged before the rule is applied; the 5 of MSER-5."""


class WarmUp(NamedTuple):
    """How many observations to leave out at the beginning."""

    observations: int
    settled: bool
    """False if the rule would cut more than half: the run is too short, or never settles (a queue
    that grows all the time); then half is cut."""


def mser5(values: ArrayLike) -> WarmUp:
    r"""Cut that leaves the mean of the rest with the least standard error.

    With $Z_j$ the means of five observations each, the cut $d$ minimises
    $\sum_{j > d} (Z_j - \bar Z_d)^2 / (m - d)^2$. A beginning that is far from the rest adds more
    to the sum than its observations are worth.
    Source: White, Cobb and Spratt, "A comparison of five steady-state truncation heuristics for
    simulation", Winter Simulation Conference 2000, 755-760.

    Parameters
    ----------
    values : in order of time, shape (n,); or shape (runs, n), several runs of one scenario, which
        are averaged first: chance cancels, the warm-up does not.

    Raises
    ------
    ValueError
        If there are fewer than 20 observations, or one is not finite.

    >>> mser5([50.0, 30.0, 20.0, 10.0, 5.0] + [1.0, 2.0] * 50)
    WarmUp(observations=5, settled=True)
    """
    x = np.asarray(values, dtype=np.float64)
    if x.ndim not in (1, 2) or x.shape[-1] < 4 * GROUP or not x.size:
        raise ValueError(f"expected {4 * GROUP} observations or more, found shape {x.shape}")
    if not np.isfinite(x).all():
        raise ValueError("expected finite numbers, found one that is not")
    x = x if x.ndim == 1 else x.mean(axis=0)
    m = len(x) // GROUP
    z = x[: m * GROUP].reshape(m, GROUP).mean(axis=1)
    z = z - z.mean()  # sums of squares then lose no digits to a large mean
    left = np.arange(m, 0, -1)
    total = np.cumsum(z[::-1])[::-1]
    squares = np.cumsum((z**2)[::-1])[::-1]
    error = np.maximum(squares - total**2 / left, 0.0) / left**2
    # The last few are left with next to nothing and look exact by chance.
    cut = int(np.argmin(error[: m - GROUP + 1] if m > 2 * GROUP else error[: m // 2 + 1]))
    half = m // 2
    return WarmUp(GROUP * min(cut, half), cut <= half)
