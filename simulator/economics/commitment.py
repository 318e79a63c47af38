"""Commitment: how much capacity to reserve when the need goes up and down."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simulator.economics.capital import HOURS_PER_MONTH, annuity

__all__ = [
    "CommitmentCost",
    "break_even_utilization",
    "commitment_cost",
    "exit_cost",
    "optimal_commitment",
    "reserved_price",
    "serverless_break_even_duty",
    "serverless_cost",
    "spot_price",
]

Floats = NDArray[np.float64]


def break_even_utilization(reserved: float, on_demand: float) -> float:
    """Share of the time a reserved GPU must be needed to be cheaper: price over price.

    >>> round(break_even_utilization(1.30, 2.95), 3)
    0.441
    """
    return reserved / on_demand


def reserved_price(
    upfront: float, monthly: float, rate: float, months: int, hours: float = HOURS_PER_MONTH
) -> float:
    """Price per hour of a commitment with a part paid upfront, spread as an annuity. [USD/h]

    Parameters
    ----------
    upfront, monthly : per GPU. [USD], [USD/month]
    rate : interest per month.

    >>> round(reserved_price(0.0, 730.0, 0.01, 36), 2)
    1.0
    """
    return (upfront * annuity(rate, months) + monthly) / hours


def optimal_commitment(
    needed: ArrayLike, lasted_s: ArrayLike, reserved: float, on_demand: float
) -> int:
    r"""Replicas to reserve: the k-th is worth it if it is needed often enough.

    The newsvendor's rule: commit while $P(N \ge k) \ge c_{res} / c_{od}$ (Arrow, Harris and
    Marschak 1951).

    Parameters
    ----------
    needed : replicas N held at a time, shape (n,).
    lasted_s : for how long each, shape (n,). [s]
    reserved, on_demand : prices of the same replica. [USD/h]

    >>> optimal_commitment([1, 2, 4], [10.0, 5.0, 5.0], reserved=1.5, on_demand=3.0)
    2
    """
    n = np.asarray(needed)
    length = np.asarray(lasted_s, dtype=np.float64)
    if length.sum() <= 0:
        return 0
    levels = np.arange(1, int(n.max(initial=0)) + 1)
    order = np.argsort(n, kind="stable")
    below = np.concatenate([[0.0], np.cumsum(length[order])])
    busy = 1.0 - below[np.searchsorted(n[order], levels)] / below[-1]
    return int((busy >= reserved / on_demand - 1e-12).sum())


class CommitmentCost(NamedTuple):
    """What a commitment with overflow on demand costs over a time."""

    reserved_usd: float
    on_demand_usd: float
    stranded_usd: float
    """Part of `reserved_usd` paid for what was not needed."""

    @property
    def total_usd(self) -> float:
        return self.reserved_usd + self.on_demand_usd


def commitment_cost(
    needed: ArrayLike, lasted_s: ArrayLike, committed: int, reserved: float, on_demand: float
) -> CommitmentCost:
    r"""Reserved replicas always, the rest on demand: $c_{res} R T + c_{od} \int (N - R)^+ dt$.

    Parameters are those of `optimal_commitment`, and the number `committed`.

    >>> commitment_cost([1, 3], [3600.0, 3600.0], 2, reserved=1.0, on_demand=3.0)
    CommitmentCost(reserved_usd=4.0, on_demand_usd=3.0, stranded_usd=1.0)
    """
    n = np.asarray(needed, dtype=np.float64)
    hours = np.asarray(lasted_s, dtype=np.float64) / 3600
    return CommitmentCost(
        reserved_usd=float(reserved * committed * hours.sum()),
        on_demand_usd=float(on_demand * (np.maximum(n - committed, 0) * hours).sum()),
        stranded_usd=float(reserved * (np.maximum(committed - n, 0) * hours).sum()),
    )


def exit_cost(reserved: float, committed: int, months_left: float) -> float:
    """What is still owed when a commitment is no longer needed. [USD]

    >>> exit_cost(1.0, 2, 12)
    17520.0
    """
    return reserved * committed * months_left * HOURS_PER_MONTH


def spot_price(
    spot: float, on_demand: float, reclaims_per_h: float, load_h: float, share_without: float
) -> float:
    r"""Effective price of spot: $(1 - \varphi) c_s (1 + \rho\, t_{load}) + \varphi c_{od}$. [USD/h]

    Parameters
    ----------
    spot, on_demand : list prices. [USD/h]
    reclaims_per_h : interruptions of a running GPU. [1/h]
    load_h : time paid after each until it serves again. [h]
    share_without : share of the time in which no spot capacity is to be had.

    >>> round(spot_price(1.25, 2.95, 0.0, 0.0, 0.30), 4)
    1.76
    """
    had = spot * (1.0 + reclaims_per_h * load_h)
    return (1.0 - share_without) * had + share_without * on_demand


def serverless_cost(usd_per_s: float, billed_s: ArrayLike) -> float:
    """Cold starts, work and idle timeouts at a price per second, each stay rounded up to one. [USD]

    >>> serverless_cost(0.001, [0.2, 1.0, 1.5])
    0.004
    """
    return float(usd_per_s * np.ceil(np.round(np.asarray(billed_s, np.float64), 9)).sum())


def serverless_break_even_duty(active: float, flex: float) -> float:
    """Share of the time above which an always-on worker is cheaper than a flexible one.

    >>> round(serverless_break_even_duty(0.00093, 0.00116), 3)
    0.802
    """
    return active / flex
