"""Uncertainty: named ranges, drawn once for all the ways compared, and what the draws say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["Decision", "Draws", "Range", "decide", "draw", "sobol", "tornado"]

Floats = NDArray[np.float64]
Draws = Mapping[str, Floats]
Model = Callable[[Draws], Floats]


RESAMPLES = 200


class Range(NamedTuple):
    """A triangular range: least, most likely, most; with low = high a fixed number."""

    low: float
    mode: float
    high: float

    def at(self, quantile: Floats | float) -> Floats:
        """Values at quantiles between 0 and 1.

        >>> float(Range(0.0, 1.0, 2.0).at(0.5))
        1.0
        """
        q = np.asarray(quantile, dtype=np.float64)
        span = self.high - self.low
        if not self.low <= self.mode <= self.high:
            raise ValueError(f"expected low <= mode <= high, found {tuple(self)}")
        if span == 0:
            return np.full(q.shape, self.low)
        left = (self.mode - self.low) / span
        rising = self.low + np.sqrt(q * span * (self.mode - self.low))
        falling = self.high - np.sqrt((1 - q) * span * (self.high - self.mode))
        return np.where(q < left, rising, falling)


def draw(
    ranges: Mapping[str, Range],
    draws: int,
    rng: np.random.Generator,
    correlations: Mapping[tuple[str, str], float] | None = None,
) -> dict[str, Floats]:
    """Latin-hypercube draws, tied together by a Gaussian copula where correlations are given.

    All ways compared are evaluated on the same draws: what moves both does not part them.

    Parameters
    ----------
    correlations : between normal scores, by pairs of names.

    Raises
    ------
    ValueError
        If a correlation names no range, or no distribution can have them all.

    >>> found = draw({"price": Range(1, 2, 3)}, 1000, np.random.default_rng(0))
    >>> round(float(found["price"].mean()), 2)
    2.0
    """
    from scipy.special import ndtr
    from scipy.stats import norm, qmc

    names = list(ranges)
    uniform = qmc.LatinHypercube(len(names), rng=rng).random(draws)
    scores = norm.ppf(uniform)
    matrix = np.eye(len(names))
    for (one, other), value in (correlations or {}).items():
        if one not in ranges or other not in ranges:
            raise ValueError(f"correlation of {one!r} and {other!r}; there are: {', '.join(names)}")
        i, j = names.index(one), names.index(other)
        matrix[i, j] = matrix[j, i] = value
    try:
        scores = scores @ np.linalg.cholesky(matrix).T
    except np.linalg.LinAlgError:
        raise ValueError("no distribution has all these correlations at once") from None
    return {name: ranges[name].at(ndtr(scores[:, i])) for i, name in enumerate(names)}


class Decision(NamedTuple):
    """What the draws say of several ways to serve."""

    table: pd.DataFrame
    """One row a way: mean, p05, p50, p95, p_cheapest, expected_regret."""
    best: str
    """The way with the lowest mean."""
    evpi_usd: float
    """Value of knowing: by how much the mean would fall if one could choose after the draw."""


def decide(costs: Draws) -> Decision:
    """Compare ways whose costs were computed on the same draws.

    Regret is the cost above that of the cheapest way of the same draw.

    Parameters
    ----------
    costs : by way, shape (draws,). [USD]

    >>> decide({"a": np.array([1.0, 4.0]), "b": np.array([2.0, 2.0])}).evpi_usd
    0.5
    """
    matrix = np.column_stack(list(costs.values()))
    cheapest = matrix.min(axis=1)
    # Ways that are equally cheap in a draw share it.
    ties = matrix == cheapest[:, None]
    quantiles = np.quantile(matrix, [0.05, 0.50, 0.95], axis=0)
    table = pd.DataFrame(
        {
            "mean": matrix.mean(axis=0),
            "p05": quantiles[0],
            "p50": quantiles[1],
            "p95": quantiles[2],
            "p_cheapest": (ties / ties.sum(axis=1, keepdims=True)).mean(axis=0),
            "expected_regret": (matrix - cheapest[:, None]).mean(axis=0),
        },
        index=list(costs),
    )
    best = str(table["mean"].idxmin())
    return Decision(table, best, float(table["mean"].min() - cheapest.mean()))


def tornado(model: Model, ranges: Mapping[str, Range]) -> pd.DataFrame:
    """One input at a time at its p10 and p90, the others at their median; widest swing first.

    Parameters
    ----------
    model : from arrays by name, of shape (n,), to dollars of shape (n,).

    Returns
    -------
    DataFrame indexed by input: low, high, swing; differences from `middle`, which is the same in
    all rows. [USD]
    """
    names = list(ranges)
    middle = {name: float(ranges[name].at(0.5)) for name in names}
    cases = {name: np.full(2 * len(names) + 1, middle[name]) for name in names}
    for i, name in enumerate(names):
        cases[name][2 * i : 2 * i + 2] = ranges[name].at(np.array([0.1, 0.9]))
    found = model(cases)
    away = (found[:-1] - found[-1]).reshape(-1, 2)
    table = pd.DataFrame({"low": away[:, 0], "high": away[:, 1]}, index=names)
    swing = (table["high"] - table["low"]).abs()
    table = table.assign(swing=swing, middle=float(found[-1]))
    return table.sort_values("swing", ascending=False, kind="stable")


def sobol(
    model: Model, ranges: Mapping[str, Range], draws: int, rng: np.random.Generator
) -> pd.DataFrame:
    """Share of the variance that each input explains: alone, and with all it interacts with.

    Sobol indices (Saltelli et al. 2010), which want independent inputs.

    Parameters
    ----------
    draws : a power of two; the model is evaluated (inputs + 2) times as often.

    Returns
    -------
    DataFrame indexed by input: first_order, total_order, and the ends of the total order's 95 %
    interval by bootstrap, total_low and total_high.
    """
    from scipy.stats import qmc, sobol_indices

    names = [name for name in ranges if ranges[name].low < ranges[name].high]

    def of_uniform(u: Floats) -> Floats:
        drawn = {name: ranges[name].at(u[i]) for i, name in enumerate(names)}
        fixed = {n: np.full(u.shape[1], r.low) for n, r in ranges.items() if n not in drawn}
        return model({**drawn, **fixed})

    points = qmc.Sobol(2 * len(names), rng=rng).random(draws).T
    one, other = points[: len(names)], points[len(names) :]
    mixed = np.repeat(one[None], len(names), axis=0)
    for i in range(len(names)):
        mixed[i, i] = other[i]
    a, b, ab = of_uniform(one), of_uniform(other), np.stack([of_uniform(u) for u in mixed])

    def indices(which: Any) -> Any:
        """Both kinds of index from some of the points, shape (2, inputs)."""
        if np.ptp(a[which]) == 0:
            return np.zeros((2, len(names)))
        values = {"f_A": a[None, which], "f_B": b[None, which], "f_AB": ab[:, None, which]}
        found: Any = sobol_indices(func=values, n=draws)
        return np.stack([found.first_order.ravel(), found.total_order.ravel()])

    first, total = indices(slice(None))
    resampled = [indices(rng.integers(0, draws, draws))[1] for _ in range(RESAMPLES)]
    low, high = np.quantile(resampled, [0.025, 0.975], axis=0)
    columns = {"first_order": first, "total_order": total, "total_low": low, "total_high": high}
    return pd.DataFrame(columns, index=names).sort_values("total_order", ascending=False)
