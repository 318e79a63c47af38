"""Projection: two or three years month by month, with growth, price paths and lead times."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simulator.economics.capital import monthly_rate, net_present_value

__all__ = ["Projection", "Purchases", "path", "project", "purchases", "resale_value"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def path(
    start: ArrayLike, per_year: ArrayLike, months: int, season: ArrayLike | None = None
) -> Floats:
    r"""Quantity that grows by a rate per year: $x_0 (1 + g)^{t/12}$ for month t = 0, 1, …

    Volume, software speed, wages, and prices, which may rise as well as fall.

    Parameters
    ----------
    start, per_year : numbers, or arrays of shape (draws,).
    season : twelve factors, repeated, for what comes and goes with the calendar.

    Returns
    -------
    Shape (months,), or (draws, months).

    >>> path(100.0, 0.21, 13)[[0, 12]].round(6).tolist()
    [100.0, 121.0]
    """
    t = np.arange(months) / 12
    grown = np.asarray(start)[..., None] * (1.0 + np.asarray(per_year)[..., None]) ** t
    if season is not None:
        factors = np.asarray(season, dtype=np.float64)
        if factors.shape != (12,):
            raise ValueError(f"a season has 12 factors, found shape {factors.shape}")
        grown = grown * np.resize(factors, months)
    return np.asarray(grown, dtype=np.float64)


class Purchases(NamedTuple):
    """Servers of one's own over time. Shape (months,)."""

    held: Ints
    """Servers in service in each month."""
    bought: Ints
    """Of them, new in that month; ordered `lead_months` before and paid on delivery."""
    short: Floats
    """Servers that were needed and had not come yet."""


def purchases(
    needed: ArrayLike, lead_months: int = 0, life_months: int = 48, owned: int = 0
) -> Purchases:
    """Whole servers bought to meet a need that is seen only when it is there.

    Each month orders what is needed now and neither held nor under way; it comes `lead_months`
    later. After `life_months` a server is sold, and replaced if it is still needed.

    Parameters
    ----------
    needed : servers for each month's peak, fractions rounded up, shape (months,).
    owned : servers at the start, new.

    >>> found = purchases([1, 2, 2, 3], lead_months=1)
    >>> found.held.tolist(), found.short.tolist()
    ([0, 1, 2, 2], [1.0, 1.0, 0.0, 1.0])
    """
    need = np.ceil(np.round(np.asarray(needed, dtype=np.float64), 9)).astype(np.int64)
    months = len(need)
    bought = np.zeros(months + lead_months, dtype=np.int64)
    held = np.zeros(months, dtype=np.int64)
    for month in range(months):
        young = bought[max(0, month - life_months + 1) : month].sum()
        kept = young + (owned if month < life_months else 0)
        coming = bought[month:].sum()
        bought[month + lead_months] += max(0, need[month] - kept - coming)
        held[month] = kept + bought[month]
    return Purchases(held, bought[:months], np.maximum(need - held, 0).astype(np.float64))


def resale_value(price: float, age_months: ArrayLike, per_year: float) -> Floats:
    r"""Value of a used server: $K \rho^{a/12}$, losing the same share every year. [USD]

    Parameters
    ----------
    per_year : share of its value that is left after a year.

    >>> float(resale_value(100_000.0, 24, 0.6).round())
    36000.0
    """
    age = np.asarray(age_months, dtype=np.float64)
    return np.asarray(price * per_year ** (age / 12), dtype=np.float64)


class Projection(NamedTuple):
    """What a way of serving costs over the months; costs are positive."""

    monthly_usd: Floats
    cumulative_usd: Floats
    present_value_usd: float
    """All of it today, discounted. [USD]"""

    def payback_month(self, other: Projection) -> int | None:
        """First month from which on this has cost no more than the other; None if it never does."""
        dearer = np.flatnonzero(self.cumulative_usd > other.cumulative_usd + 1e-9)
        if not len(dearer):
            return 0
        first = int(dearer[-1]) + 1
        return first if first < len(self.cumulative_usd) else None


def project(
    lines: Mapping[str, ArrayLike], wacc: float, start_usd: float = 0.0, end_usd: float = 0.0
) -> Projection:
    """Add up cost lines by month. Month 0 is the purchase, the lines are paid from month 1 on.

    Parameters
    ----------
    lines : dollars by month, each of shape (months,).
    wacc : cost of capital per year.
    start_usd : paid at the start: hardware, migration, integration.
    end_usd : had back at the end: resale.

    >>> round(project({"rent": [100.0] * 12}, wacc=0.10).present_value_usd, 1)
    1140.0
    """
    monthly = np.sum([np.asarray(line, dtype=np.float64) for line in lines.values()], axis=0)
    flows = np.concatenate([[start_usd], monthly])
    flows[-1] -= end_usd
    return Projection(flows, np.cumsum(flows), net_present_value(monthly_rate(wacc), flows))
