"""Break-even: from which volume, utilization or month on one's own GPUs are the cheaper way.

A month costs the one who buys an API its fixed costs and a price per request; the one who serves
it, fixed costs and whole replicas. So the second is a staircase, and may be crossed more than once.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simulator.economics.capital import HOURS_PER_MONTH

__all__ = [
    "Crossing",
    "SelfHosting",
    "break_even_hours",
    "break_even_months",
    "break_even_utilization",
    "break_even_volume",
    "burst_ceiling",
    "crossing",
    "hybrid_cost",
    "replicas_to_own",
]

Floats = NDArray[np.float64]
SECONDS_PER_MONTH = HOURS_PER_MONTH * 3600
MOST_STEPS = 2_000_000
"""Of a staircase that are looked at: a gain that takes more replicas than that is none."""


def break_even_volume(fixed_usd: float, price: float, variable: float = 0.0) -> float:
    """Requests per month from which fixed costs pay: F / (p - v); infinite if they never do.

    >>> break_even_volume(5000.0, 0.003, 0.0005)
    2000000.0
    """
    return fixed_usd / (price - variable) if price > variable else float("inf")


def break_even_hours(capex_usd: float, rent_per_h: float, running_per_h: float) -> float:
    """Hours of use after which a bought server was cheaper than a rented one. [h]

    >>> round(break_even_hours(833_806, 98.32, 0.87), 1)
    8556.2
    """
    saved = rent_per_h - running_per_h
    return capex_usd / saved if saved > 0 else float("inf")


def break_even_months(
    capex_usd: float, tokens_per_month: float, usd_in: float, usd_out: float, running_usd: float
) -> float:
    r"""Months after which hardware at full load was cheaper than an API.

    $t^* = K / (Q (P_{in}/3 + 2 P_{out}/3) - E)$ for twice as many output as input tokens
    (Pan et al. 2025, arXiv 2509.18101).

    Parameters
    ----------
    tokens_per_month : Q, what the hardware makes and sells.
    usd_in, usd_out : the API's prices per million tokens.
    running_usd : E, per month.

    >>> round(break_even_months(30_000, 1e9, 1.25, 10.0, 100.0), 2)
    4.3
    """
    earned = tokens_per_month / 1e6 * (usd_in / 3 + 2 * usd_out / 3) - running_usd
    return capex_usd / earned if earned > 0 else float("inf")


def break_even_utilization(usd_per_h: float, requests_per_s: float, price: float) -> float:
    r"""Share of its capacity a replica must sell: $u^* = c_r / (3600\, \mu\, p)$; above 1 is never.

    Parameters
    ----------
    usd_per_h : of the replica.
    requests_per_s : mu, what it serves within the SLO.
    price : of a request at the API. [USD]

    >>> round(break_even_utilization(5.90, 2.0, 0.0021375), 2)
    0.38
    """
    return usd_per_h / (3600 * requests_per_s * price)


def burst_ceiling(usd_per_h: float, requests_per_s: float, price: float) -> float:
    """Ratio of peak to mean load from which fixed capacity is never cheaper, at any volume.

    Who provides for the peak pays for it always and sells the mean: 1 / u*.

    >>> round(burst_ceiling(5.90, 2.0, 0.0021375), 2)
    2.61
    """
    return 1.0 / break_even_utilization(usd_per_h, requests_per_s, price)


class SelfHosting(NamedTuple):
    """Serving it oneself, as a function of the mean load."""

    fixed_usd: float
    """Per month, whatever the load: people, staging, tooling. [USD/month]"""
    usd_per_h: float
    """Of one replica with all its GPUs. [USD/h]"""
    requests_per_s: float
    """What one replica serves within the SLO. [1/s]"""
    peak_to_mean: float = 1.0
    spares: int = 0
    """Replicas beyond those that the peak takes."""
    lot: int = 1
    """Replicas are had in lots of so many: those that a server of one's own holds."""
    usd_per_request: float = 0.0
    """What each costs besides: electricity. [USD]"""

    def replicas(self, load: ArrayLike) -> NDArray[np.int64]:
        """Whole replicas for a mean load: ceil(PAR load / mu) + spares, in whole lots."""
        peak = self.peak_to_mean * np.asarray(load, dtype=np.float64)
        return self.held(np.ceil(np.round(peak / self.requests_per_s, 9)).astype(np.int64))

    def held(self, needed: NDArray[np.int64]) -> NDArray[np.int64]:
        """Replicas paid for where so many are needed: with the spares, in whole lots."""
        lots: NDArray[np.int64] = -(-(needed + self.spares) // self.lot) * self.lot
        return lots

    def usd_per_month(self, load: ArrayLike) -> Floats:
        """Cost of a month at a mean load. [USD/month]

        Parameters
        ----------
        load : mean requests per second; a number or an array.
        """
        step = self.usd_per_h * HOURS_PER_MONTH
        requests = np.asarray(load, dtype=np.float64) * SECONDS_PER_MONTH
        cost: Floats = self.fixed_usd + self.replicas(load).astype(np.float64) * step
        return cost + self.usd_per_request * requests


class Crossing(NamedTuple):
    """Mean loads from which serving it oneself is cheaper; infinite where it never is. [1/s]"""

    first: float
    always: float


def crossing(own: SelfHosting, price: float, api_fixed_usd: float = 0.0) -> Crossing:
    """First load at which the staircase is under the API's line, and that from which it stays so.

    On each step of the staircase the load at which the API costs as much is known exactly, so
    there is no grid.

    Parameters
    ----------
    own : serving it oneself.
    price : of a request at the API. [USD]
    api_fixed_usd : what buying it costs besides. [USD/month]

    >>> own = SelfHosting(15_778, 5.90, 2.0, peak_to_mean=1.3, spares=1)
    >>> first, always = crossing(own, 0.0021375, api_fixed_usd=4_125)
    >>> round(first, 2), round(always, 2)
    (5.91, 6.67)
    """
    never = Crossing(float("inf"), float("inf"))
    per_load = (price - own.usd_per_request) * SECONDS_PER_MONTH
    step = own.usd_per_h * HOURS_PER_MONTH
    width = own.requests_per_s / own.peak_to_mean  # of load, that one replica more allows
    fixed = own.fixed_usd - api_fixed_usd
    if per_load <= 0 or (per_load * width <= step and fixed + own.spares * step >= 0):
        return never
    # Steps beyond the last lie under the line over their whole width.
    gained = per_load * width - step
    least = fixed + (own.spares + own.lot - 1) * step + per_load * width
    last = int(np.ceil(min(max(least, 0.0) / gained, MOST_STEPS))) + 2 if gained > 0 else 10_000
    k = np.arange(1, last + 1)
    meets = (fixed + own.held(k) * step) / per_load
    under = meets < k * width
    if not under.any():
        return never
    begin = np.maximum(meets, (k - 1) * width)
    not_whole = np.flatnonzero(meets > (k - 1) * width)
    always = float(np.minimum(meets, k * width)[not_whole[-1]]) if len(not_whole) else 0.0
    ends = gained > 0 and last < MOST_STEPS
    return Crossing(float(begin[under][0]), always if ends else float("inf"))


def hybrid_cost(
    load: ArrayLike,
    share_of_time: ArrayLike,
    owned: int,
    usd_per_h: float,
    requests_per_s: float,
    price: float,
) -> float:
    r"""Month with some replicas of one's own and the rest at an API. [USD/month]

    $c_r R T + p \int (\lambda - \mu R)^+ dt$.

    Parameters
    ----------
    load : requests per second, shape (n,).
    share_of_time : in which the load is that, adding up to 1, shape (n,).
    owned : R, replicas.

    >>> round(hybrid_cost([1, 3, 5], [0.6, 0.3, 0.1], 1, 5.90, 2.0, 0.0021375))
    7677
    """
    rate, share = np.asarray(load, np.float64), np.asarray(share_of_time, np.float64)
    over = np.maximum(rate - requests_per_s * owned, 0.0)
    overflow = float((over * share).sum()) * SECONDS_PER_MONTH * price
    return owned * usd_per_h * HOURS_PER_MONTH + overflow


def replicas_to_own(
    load: ArrayLike,
    share_of_time: ArrayLike,
    usd_per_h: float,
    requests_per_s: float,
    price: float,
) -> int:
    r"""Replicas that pay, with the rest at an API: the k-th is kept while it is used enough.

    While $E[\min(\max(\lambda - (k-1)\mu, 0), \mu)] / \mu \ge u^*$. Parameters as `hybrid_cost`.

    >>> replicas_to_own([1, 3, 5], [0.6, 0.3, 0.1], 5.90, 2.0, 0.0021375)
    1
    """
    rate, share = np.asarray(load, np.float64), np.asarray(share_of_time, np.float64)
    needed = break_even_utilization(usd_per_h, requests_per_s, price)
    k = 0
    while True:
        used = np.clip(rate - k * requests_per_s, 0.0, requests_per_s) / requests_per_s
        # An unused replica is never kept, however cheap.
        if float((used * share).sum()) < max(needed, 1e-12):
            return k
        k += 1
