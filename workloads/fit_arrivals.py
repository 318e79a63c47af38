"""Arrival processes fitted to instants, the nearest first."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import NDArray

from workloads.arrivals import MMPP, Constant, Gamma, Poisson, Process, Rates, Weibull
from workloads.burstiness import Arrivals
from workloads.process import Seconds

__all__ = ["LEAST_DISPERSION", "fit_arrivals", "ks_distance", "shape_of"]

STEPS = (10, 60)
"""Numbers of steps in which the rate may be followed over the length of the trace."""
MIN_PER_STEP = 20
WINDOWS_S = (1, 10, 60, 600)
LEAST_DISPERSION = 0.01
"""What is more even than this counts as no more even."""
ON_SHARES = (0.1, 0.2, 0.3, 0.5)
DRAWS = 3
SIMPLER_BY = 0.02
"""A process tried earlier, and so simpler, is taken if its score is no more than this behind."""


def ks_distance(first: NDArray[Any], second: NDArray[Any]) -> float:
    """Largest difference between two empirical distribution functions (Kolmogorov-Smirnov).

    >>> ks_distance(np.array([1, 2]), np.array([1, 2])), ks_distance(np.array([1]), np.array([2]))
    (0.0, 1.0)
    """
    first, second = np.sort(first), np.sort(second)
    both = np.concatenate((first, second))
    share = [np.searchsorted(one, both, side="right") / len(one) for one in (first, second)]
    return float(np.abs(share[0] - share[1]).max())


def shape_of(arrival_s: Seconds) -> Arrivals:
    """Counts and gaps, the first arrival at 0."""
    found = Arrivals()
    found.add(arrival_s - arrival_s[0])
    return found


def fit_arrivals(arrival_s: Seconds, rng: Generator) -> tuple[pd.DataFrame, Process]:
    """Try every process and take the simplest of the nearest.

    The score is the KS distance of gaps plus a quarter of the mean difference of log10 of the
    dispersion of counts over 1 s to 10 min, each the mean of a few draws.

    Returns
    -------
    All that were tried by score (kind, ks_gaps, dispersion_error, score), and the simplest of
    those that are about as near as the nearest.
    """
    shape = shape_of(arrival_s)
    span = float(arrival_s[-1] - arrival_s[0])
    tried = _candidates(arrival_s, shape, span)
    rows = []
    for place, process in enumerate(tried):
        draws = [process.sample(rng, horizon_s=span) for _ in range(DRAWS)]
        draws = [draw for draw in draws if len(draw) > 2] or [arrival_s[:3]]
        ks = float(np.mean([ks_distance(np.diff(arrival_s), np.diff(draw)) for draw in draws]))
        off = float(np.mean([_dispersion_error(shape, shape_of(draw)) for draw in draws]))
        rows.append((place, getattr(process, "kind", ""), ks, off, ks + off / 4))
    columns = ["place", "kind", "ks_gaps", "dispersion_error", "score"]
    table = pd.DataFrame(rows, columns=columns).sort_values("score", kind="stable")
    near = table[table.score <= table.score.iloc[0] + SIMPLER_BY]
    best = tried[int(near.place.min())]
    return table.drop(columns="place").reset_index(drop=True), best


def _candidates(arrival_s: Seconds, shape: Arrivals, span: float) -> list[Process]:
    rate = (len(arrival_s) - 1) / span
    cv, local = (_within(value) for value in (shape.gap_cv(), shape.local_gap_cv()))
    tried: list[Process] = [Poisson(rate_per_s=rate), Constant(rate_per_s=rate)]
    tried += [Gamma(rate_per_s=rate, cv=cv), Weibull(rate_per_s=rate, cv=cv)]
    tried += _modulated(shape, rate)
    for steps in STEPS:
        if steps * MIN_PER_STEP <= len(arrival_s):
            counts = np.histogram(arrival_s - arrival_s[0], bins=steps, range=(0, span))[0]
            rates = tuple((counts * steps / span).tolist())
            tried.append(Rates(step_s=span / steps, rates_per_s=rates, repeat=True, cv=local))
    return tried


def _modulated(shape: Arrivals, rate: float) -> list[Process]:
    r"""Two-state processes with the dispersion found.

    Over a window $t$ it is $1 + (I-1)(1 - (1-e^{-\theta t})/(\theta t))$ with $\theta$ the sum of
    the two rates of leaving, and $I = 1 + 2V/(m\theta)$, $V$ the variance of the rate (Fischer and
    Meier-Hellstern 1993).
    """
    table = shape.dispersion().dropna()
    windows, index = table.window_s.to_numpy(dtype=np.float64), table.dispersion.to_numpy()
    if len(windows) < 2 or index.max() < 1.2:
        return []
    best = (np.inf, 0.0, 0.0)
    for theta in np.geomspace(1e-4, 10, 120):
        rise = 1 - (1 - np.exp(-theta * windows)) / (theta * windows)
        excess = float(np.clip((index - 1) @ rise / (rise @ rise), 0, None))
        off = float(((np.log(1 + excess * rise) - np.log(np.maximum(index, 0.05))) ** 2).sum())
        best = min(best, (off, float(theta), excess))
    _, theta, excess = best
    variance = excess * rate * theta / 2
    found: list[Process] = []
    for share in ON_SHARES:
        apart = np.sqrt(variance / (share * (1 - share)))
        off_rate = rate - share * apart
        if apart > 0 and off_rate >= 0:
            on_s, off_s = 1 / (theta * (1 - share)), 1 / (theta * share)
            on_rate = off_rate + float(apart)
            found.append(
                MMPP(on_rate_per_s=on_rate, off_rate_per_s=off_rate, on_s=on_s, off_s=off_s)
            )
    return found


def _within(cv: float) -> float:
    return float(np.clip(cv if np.isfinite(cv) else 1.0, 0.02, 30))


def _dispersion_error(one: Arrivals, two: Arrivals) -> float:
    """Mean over scales of the difference of log10 of the dispersions."""
    tables = [shape.dispersion().set_index("window_s").dispersion for shape in (one, two)]
    logs = [
        np.log10(np.maximum(table.loc[list(WINDOWS_S)].to_numpy(), LEAST_DISPERSION))
        for table in tables
    ]
    off = np.abs(logs[0] - logs[1])
    return float(np.nanmean(off)) if np.isfinite(off).any() else 0.0
