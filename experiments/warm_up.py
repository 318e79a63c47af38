"""Where a run has settled: the warm-up that is better left out (MSER-5)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["WarmUp", "mser5"]

GROUP = 5
"""Observations averaged before the rule is applied; the 5 of MSER-5."""


class WarmUp(NamedTuple):
    """How many observations to leave out at the beginning."""

    observations: int
    settled: bool
    """False if the least error would need more than half to be cut: the run is too short, or never
    settles (a queue that grows all the time); then half is cut."""


def mser5(values: ArrayLike) -> WarmUp:
    r"""Cut after which leaving out more no longer makes the rest look more exact.

    With $Z_j$ the means of five observations each, the standard error of what is left after a cut
    $d$ goes by $\sum_{j > d} (Z_j - \bar Z_d)^2 / (m - d)^2$. A beginning that is far from the rest
    adds more to the sum than its observations are worth. The cut is the first $d$ at which this
    rises again. The least of all $d$, as the rule was first told, is too late on a queue: it looks
    for a stretch of good luck, and the mean of what it leaves is too small.
    Source: White, Cobb and Spratt, "A comparison of five steady-state truncation heuristics for
    simulation", Winter Simulation Conference 2000, 755-760; the leftmost local minimum: Pasupathy
    and Schmeiser, "The initial transient in steady-state point estimation", WSC 2010, 184-197.

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
    error = _squared_error(x if x.ndim == 1 else x.mean(axis=0))
    m = len(error)
    # The last few are left with next to nothing and look exact by chance.
    least = int(np.argmin(error[: m - GROUP + 1] if m > 2 * GROUP else error[: m // 2 + 1]))
    if least > m // 2:
        return WarmUp(GROUP * (m // 2), False)
    rises = np.flatnonzero(np.diff(error) >= 0)
    return WarmUp(GROUP * int(min(rises[0], least) if len(rises) else least), True)


def _squared_error(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Squared standard error of the mean of what each cut leaves, times a constant; in groups."""
    m = len(x) // GROUP
    z = x[: m * GROUP].reshape(m, GROUP).mean(axis=1)
    z = z - z.mean()  # sums of squares then lose no digits to a large mean
    left = np.arange(m, 0, -1)
    total = np.cumsum(z[::-1])[::-1]
    squares = np.cumsum((z**2)[::-1])[::-1]
    error: NDArray[np.float64] = np.maximum(squares - total**2 / left, 0.0) / left**2
    return error
