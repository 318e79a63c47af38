"""Capital: what it costs a month to own a thing, and what payments over time are worth today."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "HOURS_PER_MONTH",
    "annuity",
    "capital_charge",
    "depreciation_and_interest",
    "irr",
    "monthly_rate",
    "net_present_value",
    "payback_month",
]

HOURS_PER_MONTH = 8760 / 12
"""730. Some vendors reckon with 720; their break-even months are that much longer."""


def monthly_rate(yearly: float) -> float:
    r"""Interest of a month that compounds to a year's: $(1 + r)^{1/12} - 1$.

    >>> round(monthly_rate(0.10), 6)
    0.007974
    """
    return float((1.0 + yearly) ** (1 / 12) - 1.0)


def annuity(rate: float, periods: float) -> float:
    r"""Payment per period that repays one dollar: $r / (1 - (1 + r)^{-n})$, the capital recovery
    factor.

    Parameters
    ----------
    rate : interest per period; 0 is allowed.
    periods : n > 0.

    >>> round(annuity(0.07, 5), 4)
    0.2439
    """
    if periods <= 0:
        raise ValueError(f"periods must be positive, found {periods}")
    if rate == 0:
        return 1.0 / periods
    return float(rate / -np.expm1(-periods * np.log1p(rate)))


def capital_charge(price: float, salvage: float, rate: float, periods: float) -> float:
    r"""Equal payment per period for a thing sold again in the end: $(K - S (1+r)^{-n}) \cdot CRF$.

    Charge this, or depreciation and interest, never both. [USD per period]

    Parameters
    ----------
    price, salvage : K paid at the start and S had back at the end. [USD]
    rate : interest per period.
    periods : how long it is kept.

    >>> round(capital_charge(336_000, 67_200, monthly_rate(0.10), 36))
    9155
    """
    discount: float = (1.0 + rate) ** -periods
    return (price - salvage * discount) * annuity(rate, periods)


def depreciation_and_interest(
    price: float, salvage: float, rate: float, periods: int
) -> NDArray[np.float64]:
    """Straight-line depreciation plus interest on what is not yet written off, per period. [USD]

    Falls from period to period; its present value is that of the `capital_charge`.

    >>> depreciation_and_interest(1200.0, 0.0, 0.01, 3).round().tolist()
    [412.0, 408.0, 404.0]
    """
    written_off = (price - salvage) / periods
    book = price - written_off * np.arange(periods)
    return np.asarray(written_off + rate * book, dtype=np.float64)


def net_present_value(rate: float, flows: ArrayLike) -> float:
    r"""Worth at time 0 of payments in periods 0, 1, 2, …: $\sum_t f_t (1 + r)^{-t}$. [USD]

    The first is not discounted, unlike in the spreadsheets' function of that name.

    >>> round(net_present_value(0.1, [-100, 60, 60]), 2)
    4.13
    """
    f = np.asarray(flows, dtype=np.float64)
    return float((f * (1.0 + rate) ** -np.arange(len(f))).sum())


def irr(flows: ArrayLike) -> float:
    """Rate per period at which the payments are worth nothing. NaN where that is not one rate:
    the payments must change their sign exactly once.

    >>> round(irr([-100, 60, 60]), 4)
    0.1307
    """
    from scipy.optimize import brentq

    f = np.asarray(flows, dtype=np.float64)
    signs = np.sign(f[f != 0])
    if (np.diff(signs) != 0).sum() != 1:
        return float("nan")
    return float(brentq(lambda rate: net_present_value(rate, f), -0.99, 1e3, xtol=1e-14))


def payback_month(flows: ArrayLike, rate: float = 0.0) -> int | None:
    """First period in which the payments so far, discounted, are no longer a loss; None if never.

    >>> payback_month([-100, 60, 60])
    2
    """
    f = np.asarray(flows, dtype=np.float64)
    so_far = np.cumsum(f * (1.0 + rate) ** -np.arange(len(f)))
    reached = np.flatnonzero(so_far >= 0)
    return int(reached[0]) if len(reached) else None
