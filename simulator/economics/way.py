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
from simulator.economics.ownership import servers_for
from simulator.economics.usage import SECONDS_PER_MONTH

__all__ = [
    "Way",
    "best_month",
    "hybrid_sizes",
    "load_at",
    "overflow",
    "replicas_beyond",
    "replicas_for",
    "sized",
    "steady_month",
]

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
    """Replicas beyond those that the load takes."""
    elastic: bool = False
    """Whether rented replicas follow the load; else those for the peak are always there."""
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
    """Space and upkeep of one server. [USD/month]"""
    server_power_usd: float = 0.0
    """Electricity of one server at no load, cooled; it grows as that does. [USD/month]"""
    least_servers: int = 0
    """Bought whatever the need."""
    spare_servers: int = 0
    """Kept for when one breaks."""
    power_usd_per_request: float = 0.0
    """Electricity of the work and its cooling. [USD]"""
    life_months: int = 48
    lead_months: int = 0
    salvage_share: float = 0.0
    wacc: float = 0.10
    price_per_request: float = 0.0
    """At the endpoint, or of what overflows. [USD]"""
    price_path: tuple[float, ...] = ()
    """Announced prices over today's, by month; after the last they stay. None: today's."""
    asked_again_usd: float = 0.0
    """At a better model, for answers that were not good enough, per request served here. [USD]"""
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

    def beside_usd(self, load: ArrayLike) -> Floats:
        """Overheads, and answers asked again elsewhere. [USD/month]"""
        requests = np.asarray(load, np.float64) * SECONDS_PER_MONTH
        return np.asarray(self.overhead_usd + self.asked_again_usd * requests)

    def servers(self, replicas: ArrayLike) -> Floats:
        """Servers to own for so many replicas."""
        needed = servers_for(replicas, self.gpus_per_replica, self.server_gpus)
        return np.asarray(np.maximum(needed, self.least_servers) + self.spare_servers)

    @property
    def share_of_server(self) -> float:
        """Servers that a replica takes."""
        return float(servers_for(1, self.gpus_per_replica, self.server_gpus)) / self.lot

    @property
    def lot(self) -> int:
        """Replicas in a server of one's own; 1 where they are rented one by one."""
        return max(1, self.server_gpus // self.gpus_per_replica) if self.kind == "owned" else 1

    @property
    def usd_per_replica_month(self) -> float:
        """What a replica costs, rented or as a part of a server. [USD/month]"""
        if self.kind == "owned":
            return self.server_charge_usd * self.share_of_server
        return self.replica_month_usd

    @property
    def server_charge_usd(self) -> float:
        """A server with its capital as an annuity, at no load. [USD/month]"""
        charge = capital_charge(
            self.server_usd,
            self.salvage_share * self.server_usd,
            monthly_rate(self.wacc),
            self.life_months,
        )
        return charge + self.server_month_usd + self.server_power_usd

    def with_(self, **changes: Any) -> Way:
        """The same way with some numbers changed."""
        return replace(self, **changes)


def load_at(quantile: ArrayLike, peak_to_mean: ArrayLike) -> Floats:
    """Load over its mean at a quantile of the time.

    >>> load_at([0.0, 1.0], 2.0).tolist()
    [0.0, 2.0]
    """
    q, par = np.asarray(quantile, dtype=np.float64), np.asarray(peak_to_mean, dtype=np.float64)
    return np.asarray(par * q ** (par - 1.0))


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


QUANTILES = 40
"""Of the time, at which the size of an elastic fleet is taken."""


def replicas_beyond(
    way: Way, load: ArrayLike, requests_per_s: ArrayLike, peak_to_mean: ArrayLike, kept: ArrayLike
) -> Floats:
    """Replicas held beyond those kept, mean over the time.

    Parameters
    ----------
    load, requests_per_s, peak_to_mean, kept : broadcast against each other.

    >>> way = Way(name="x", kind="rented", elastic=True)
    >>> fixed = float(replicas_beyond(way.with_(elastic=False), 4.0, 1.0, 2.0, 0))
    >>> fixed, round(float(replicas_beyond(way, 4.0, 1.0, 2.0, 0)), 1)
    (8.0, 4.5)
    """
    if not way.elastic:
        need = replicas_for(load, requests_per_s, peak_to_mean, way.spares)
        return np.asarray(np.maximum(need - np.asarray(kept, np.float64), 0.0))
    firm = np.asarray(kept, np.float64)
    shape = np.broadcast(*map(np.asarray, (load, requests_per_s, peak_to_mean)), firm).shape
    total = np.zeros(shape)
    for q in (np.arange(QUANTILES) + 0.5) / QUANTILES:
        now = replicas_for(load, requests_per_s, load_at(q, peak_to_mean), way.spares)
        total += np.maximum(now - firm, 0.0)
    return np.asarray(total / QUANTILES)


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
        return np.asarray(way.beside_usd(mean) + way.price_per_request * requests + 0.0 * par)
    if way.kind == "rented":
        held = replicas_beyond(way, mean, way.requests_per_s, par, 0)
        return np.asarray(way.beside_usd(mean) + held * way.replica_month_usd)
    if way.kind == "reserved":
        return _reserved_month(way, mean, par, np.asarray(float(way.committed)))
    if way.kind == "hybrid":
        return _hybrid_month(way, mean, par, np.asarray(float(way.committed)))
    need = replicas_for(mean, way.requests_per_s, par, way.spares)
    running = way.servers(need) * way.server_charge_usd + requests * way.power_usd_per_request
    return np.asarray(way.beside_usd(mean) + running)


def best_month(way: Way, load: ArrayLike, peak_to_mean: ArrayLike = 1.0) -> Floats:
    r"""`steady_month` with the commitment or the hybrid sized for each load. [USD/month]

    A replica is reserved while it is needed for a share of the time that is at least the ratio of
    the prices (newsvendor); of a fleet that is there for the peak that is all of it. A hybrid keeps
    a replica more while
    $E[\min(\max(\lambda - (k-1) \mu, 0), \mu)] / \mu \ge u^*$. What overflows is convex in the
    capacity kept and its slope is the share of the time in which the load is higher, so the best
    whole number is one of the two around the capacity exceeded for a share $u^*$ of the time.

    >>> way = Way(name="x", kind="hybrid", requests_per_s=2.0, gpus_per_replica=2,
    ...           usd_per_gpu_h=2.95, price_per_request=0.0021375)
    >>> float(best_month(way, 2.0, 1.2)) < float(steady_month(way.with_(committed=0), 2.0, 1.2))
    True
    """
    mean, par = np.asarray(load, np.float64), np.asarray(peak_to_mean, np.float64)
    if way.kind == "reserved":
        return _reserved_month(way, mean, par, _newsvendor(way, mean, par))
    if way.kind != "hybrid":
        return steady_month(way, mean, par)
    exceeded = way.replica_month_usd / (
        way.requests_per_s * SECONDS_PER_MONTH * max(way.price_per_request, 1e-300)
    )
    level = mean * load_at(1.0 - np.minimum(exceeded, 1.0), par) / way.requests_per_s
    below = np.floor(level)
    costs = [_hybrid_month(way, mean, par, kept) for kept in (0.0 * below, below, below + 1.0)]
    return np.asarray(np.min(costs, axis=0))


def _newsvendor(way: Way, mean: Floats, par: Floats) -> Floats:
    """Replicas to reserve: those needed for a share of the time that is price over price."""
    if way.usd_per_gpu_h > way.usd_per_gpu_h_beyond:
        return np.zeros(np.broadcast(mean, par).shape)
    q = 1.0 - way.usd_per_gpu_h / way.usd_per_gpu_h_beyond if way.elastic else 1.0
    return replicas_for(mean, way.requests_per_s, load_at(q, par), way.spares)


def _reserved_month(way: Way, mean: Floats, par: Floats, kept: Floats) -> Floats:
    beyond = replicas_beyond(way, mean, way.requests_per_s, par, kept)
    dear = way.gpus_per_replica * way.usd_per_gpu_h_beyond * HOURS_PER_MONTH
    return np.asarray(way.beside_usd(mean) + kept * way.replica_month_usd + beyond * dear)


def _hybrid_month(way: Way, mean: Floats, par: Floats, kept: Floats) -> Floats:
    over = overflow(mean, kept * way.requests_per_s, par) * SECONDS_PER_MONTH
    rent = kept * way.replica_month_usd
    return np.asarray(way.beside_usd(mean) + rent + over * way.price_per_request)


def sized(way: Way, load: float, peak_to_mean: float) -> Way:
    """The way with the commitment that `best_month` takes at a load; others as they are."""
    if way.kind == "reserved":
        mean, par = np.asarray(load), np.asarray(peak_to_mean)
        return way.with_(committed=int(_newsvendor(way, mean, par)))
    if way.kind == "hybrid":
        table = hybrid_sizes(way, load, peak_to_mean)
        best = int(table["usd_per_month"].to_numpy().argmin())
        return way.with_(committed=int(table["replicas"].to_numpy()[best]))
    return way


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
