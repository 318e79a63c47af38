"""Way: a route reduced to what a month of it costs at any load, for maps and projections.

Loads go up and down within a month. Sorted by size they are taken to follow a power curve,
``s(q) = PAR q^(PAR - 1)`` for the quantile q of the time: its mean is 1 and its peak is PAR, so one
number says how bursty the traffic is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from simulator.economics.capital import HOURS_PER_MONTH, capital_charge, monthly_rate
from simulator.economics.usage import SECONDS_PER_MONTH

__all__ = ["Way", "hybrid_sizes", "load_at", "overflow", "replicas_for", "steady_month"]

Floats = NDArray[np.float64]
Kind = Literal["rented", "reserved", "owned", "endpoint", "hybrid"]


@dataclass(frozen=True, kw_only=True)
class Way:
    """How requests are served, in the numbers that a month depends on."""

    name: str
    kind: Kind
    requests_per_s: float = np.inf
    """What a replica serves within the SLO. [1/s]"""
    requests_per_s_sd: float = 0.0
    """How far that is known, from the runs it was measured in. [1/s]"""
    gpus_per_replica: int = 1
    spares: int = 0
    """Replicas beyond those that the peak takes."""
    usd_per_gpu_h: float = 0.0
    """Rented or reserved; for owned servers what bridges the time until they come. [USD/h]"""
    usd_per_gpu_h_beyond: float = 0.0
    """On demand, beyond a commitment. [USD/h]"""
    committed: int = 0
    """Replicas reserved, or kept in a hybrid."""
    term_months: int = 1
    server_usd: float = 0.0
    """One server with its network. [USD]"""
    server_gpus: int = 8
    server_month_usd: float = 0.0
    """Space, upkeep and power at no load of one server. [USD/month]"""
    power_usd_per_request: float = 0.0
    """Electricity of the work and its cooling. [USD]"""
    life_months: int = 48
    lead_months: int = 0
    salvage_share: float = 0.0
    wacc: float = 0.10
    price_per_request: float = 0.0
    """At the endpoint, or of what overflows. [USD]"""
    people_usd: float = 0.0
    """Grows with wages. [USD/month]"""
    fixed_usd: float = 0.0
    """Staging, tools and the like. [USD/month]"""
    once_usd: float = 0.0
    """Migration, paid at the start. [USD]"""

    @property
    def replica_month_usd(self) -> float:
        """Rent of a replica. [USD/month]"""
        return self.gpus_per_replica * self.usd_per_gpu_h * HOURS_PER_MONTH

    @property
    def overhead_usd(self) -> float:
        """People and the rest. [USD/month]"""
        return self.people_usd + self.fixed_usd

    def with_(self, **changes: Any) -> Way:
        """The same way with some numbers changed."""
        return replace(self, **changes)


def load_at(quantile: ArrayLike, peak_to_mean: float) -> Floats:
    """Load over its mean at a quantile of the time.

    >>> load_at([0.0, 1.0], 2.0).tolist()
    [0.0, 2.0]
    """
    q = np.asarray(quantile, dtype=np.float64)
    return np.asarray(peak_to_mean * q ** (peak_to_mean - 1.0))


def overflow(load: ArrayLike, capacity: ArrayLike, peak_to_mean: ArrayLike) -> Floats:
    r"""Mean load above a capacity: $\lambda (1 - q_0^{PAR}) - C (1 - q_0)$, $s(q_0) = C/\lambda$.

    Parameters
    ----------
    load, capacity : requests per second; broadcast against each other and `peak_to_mean`.

    >>> float(overflow(2.0, 1.0, 1.0)), float(overflow(1.0, 2.0, 2.0))
    (1.0, 0.0)
    """
    mean, par = np.asarray(load, np.float64), np.asarray(peak_to_mean, np.float64)
    room = np.minimum(np.asarray(capacity, np.float64), mean * par)
    k = np.maximum(par - 1.0, 1e-6)
    level = np.divide(room, mean * par, out=np.ones(np.broadcast(room, mean, par).shape),
                      where=mean * par > 0)  # fmt: skip
    q0 = level ** (1.0 / k)
    return np.asarray(np.maximum(mean * (1.0 - q0 ** (k + 1.0)) - room * (1.0 - q0), 0.0))


def replicas_for(
    load: ArrayLike, requests_per_s: ArrayLike, peak_to_mean: ArrayLike, spares: int = 0
) -> Floats:
    """Whole replicas that the peak takes, and the spares."""
    peak = np.asarray(load, np.float64) * np.asarray(peak_to_mean, np.float64)
    whole = np.ceil(np.round(peak / np.asarray(requests_per_s, np.float64), 9))
    return np.asarray(whole + spares)


def steady_month(way: Way, load: ArrayLike, peak_to_mean: ArrayLike = 1.0) -> Floats:
    """Cost of a month at a mean load, capital as an annuity, nothing once. [USD/month]

    Parameters
    ----------
    load : mean requests per second; number or array, broadcast against `peak_to_mean`.

    >>> way = Way(name="x", kind="endpoint", price_per_request=0.001, fixed_usd=1000.0)
    >>> round(float(steady_month(way, 1.0)))
    3628
    """
    mean, par = np.asarray(load, np.float64), np.asarray(peak_to_mean, np.float64)
    requests = mean * SECONDS_PER_MONTH
    if way.kind == "endpoint":
        return np.asarray(way.overhead_usd + way.price_per_request * requests + 0.0 * par)
    need = replicas_for(mean, way.requests_per_s, par, way.spares)
    if way.kind == "rented":
        return np.asarray(way.overhead_usd + need * way.replica_month_usd)
    if way.kind == "reserved":
        beyond = np.maximum(need - way.committed, 0.0)
        dear = way.gpus_per_replica * way.usd_per_gpu_h_beyond * HOURS_PER_MONTH
        firm = way.committed * way.replica_month_usd
        return np.asarray(way.overhead_usd + firm + beyond * dear)
    if way.kind == "hybrid":
        over = overflow(mean, way.committed * way.requests_per_s, par) * SECONDS_PER_MONTH
        kept = way.committed * way.replica_month_usd
        return np.asarray(way.overhead_usd + kept + over * way.price_per_request)
    servers = np.ceil(need * way.gpus_per_replica / way.server_gpus)
    charge = capital_charge(
        way.server_usd, way.salvage_share * way.server_usd, monthly_rate(way.wacc), way.life_months
    )
    running = servers * (charge + way.server_month_usd) + requests * way.power_usd_per_request
    return np.asarray(way.overhead_usd + running)


def hybrid_sizes(way: Way, load: float, peak_to_mean: float) -> pd.DataFrame:
    """How many replicas to keep, and how much then goes elsewhere.

    Returns
    -------
    DataFrame, a row a number of replicas from none to those that the peak takes: replicas,
    overflow_share, usd_per_month, its overheads in all of them.
    """
    most = int(replicas_for(load, way.requests_per_s, peak_to_mean))
    rows = []
    for kept in range(most + 1):
        over = float(overflow(load, kept * way.requests_per_s, peak_to_mean))
        usd = float(steady_month(way.with_(kind="hybrid", committed=kept), load, peak_to_mean))
        rows.append({"replicas": kept, "overflow_share": over / load, "usd_per_month": usd})
    return pd.DataFrame(rows)
