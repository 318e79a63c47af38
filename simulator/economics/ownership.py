"""Ownership: what a server of one's own costs a month, line by line."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simulator.economics.capital import HOURS_PER_MONTH, capital_charge, monthly_rate

__all__ = [
    "OwnedServer",
    "Site",
    "failure_rate",
    "lifetime_cost",
    "server_watts",
    "servers_for",
]

Floats = NDArray[np.float64]


class OwnedServer(NamedTuple):
    """A server with GPUs, bought."""

    price_usd: float
    gpus: int
    idle_w: float
    """Draw of the whole server with nothing to do. [W]"""
    full_w: float
    """Draw of the whole server at full load. [W]"""
    months: int
    """How long it is kept."""
    network_share: float = 0.0
    """Network, cabling and installation, of the price."""
    salvage_share: float = 0.0
    """What it sells for in the end, of all that was paid."""
    gpu_usd: float = 0.0
    """Price of one GPU as a spare part. [USD]"""
    gpu_failures_per_year: float = 0.0
    """Permanent failures of a GPU, per GPU and year."""
    warranty_share: float = 0.0
    """Of those, replaced free of charge."""
    maintenance_share: float = 0.0
    """Contract per year, of the price."""

    def usd_per_month(self, site: Site, utilization: float) -> dict[str, float]:
        """Lines of a month, in dollars; their sum is its cost.

        Power is idle + (full - idle) u, drawn and then cooled: the cooling is (PUE - 1) times it.

        Parameters
        ----------
        utilization : u, share of the time in which it works at full load.

        >>> server = OwnedServer(300_000, 8, 4e3, 9e3, 36, network_share=0.12, salvage_share=0.2)
        >>> round(server.usd_per_month(Site(0.084, pue=1.4, wacc=0.10), 0.37)["capital"])
        9155
        """
        paid = self.price_usd * (1 + self.network_share)
        rate = monthly_rate(site.wacc)
        kwh_usd = HOURS_PER_MONTH / 1000 * site.usd_per_kwh
        idle = self.idle_w * kwh_usd
        dynamic = (self.full_w - self.idle_w) * utilization * kwh_usd
        lost = self.gpu_failures_per_year * (1 - self.warranty_share)
        return {
            "capital": capital_charge(paid, self.salvage_share * paid, rate, self.months),
            "energy_idle": idle,
            "energy_dynamic": dynamic,
            "cooling": (site.pue - 1) * (idle + dynamic),
            "colocation": self.full_w / 1000 * site.usd_per_kw_month,
            "demand": server_watts(self, utilization) / 1000 * site.pue * site.usd_per_peak_kw,
            "maintenance": self.maintenance_share * self.price_usd / 12,
            "spares": lost * self.gpus * self.gpu_usd / 12,
        }

    def usd_per_gpu_hour(self, site: Site, utilization: float) -> float:
        """Cost of a GPU-hour at that utilization, worked or not. [USD/h]"""
        month = sum(self.usd_per_month(site, utilization).values())
        return month / (self.gpus * HOURS_PER_MONTH)


class Site(NamedTuple):
    """Where a server stands."""

    usd_per_kwh: float
    pue: float = 1.0
    """All the power of the site over that of its servers."""
    usd_per_kw_month: float = 0.0
    """Colocation, per kW committed, used or not. [USD/kW/month]"""
    usd_per_peak_kw: float = 0.0
    """Demand charge on the highest draw of the month. [USD/kW/month]"""
    wacc: float = 0.0
    """Cost of capital per year."""


def server_watts(server: OwnedServer, utilization: float) -> float:
    """Mean draw of a server. [W]

    >>> server_watts(OwnedServer(1, 8, 4_000, 10_000, 36), 0.5)
    7000.0
    """
    return server.idle_w + (server.full_w - server.idle_w) * utilization


def lifetime_cost(
    gpus: int,
    usd_per_gpu: float,
    watts: float,
    utilization: float,
    pue: float,
    usd_per_kwh: float,
    years: float,
) -> float:
    """Purchase and electricity over a life, nothing else, as simple calculators have it. [USD]

    >>> round(lifetime_cost(1024, 30_000, 700, 0.70, 1.2, 0.08, 5) / 1e6, 2)
    32.83
    """
    kwh = gpus * watts / 1000 * utilization * years * 8760 * pue
    return gpus * usd_per_gpu + kwh * usd_per_kwh


def servers_for(replicas: ArrayLike, gpus_per_replica: int, server_gpus: int) -> Floats:
    """Whole servers that hold so many replicas: a small replica lies in one server, a large one
    takes several for itself.

    >>> servers_for([1, 4, 5], 2, 8).tolist(), servers_for([3], 16, 8).tolist()
    ([1.0, 1.0, 2.0], [6.0])
    """
    number = np.asarray(replicas, dtype=np.float64)
    if gpus_per_replica > server_gpus:
        return np.asarray(number * np.ceil(gpus_per_replica / server_gpus))
    return np.asarray(np.ceil(number / (server_gpus // gpus_per_replica)))


def failure_rate(failures: int, units: int, days: float) -> float:
    """Annual failure rate of a unit from failures seen.

    >>> round(failure_rate(148, 16_384, 54), 3)  # GPUs in the training of Llama 3
    0.061
    """
    return failures / units * 365 / days
