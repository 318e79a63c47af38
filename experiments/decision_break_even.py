"""Break-even of a comparison: load, utilization, price and staff from which our own is cheaper."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from simulator.economics.breakeven import (
    Crossing,
    SelfHosting,
    break_even_utilization,
    burst_ceiling,
    crossing,
)
from simulator.economics.capital import HOURS_PER_MONTH
from simulator.economics.usage import SECONDS_PER_MONTH
from simulator.economics.way import Way, best_month, replicas_beyond

__all__ = ["PARS", "break_even_table", "staircase"]

PARS = (1.0, 3.0)
"""Steady traffic and bursty: peak over mean load."""
OWN = ("rented", "reserved", "owned")
LOADS = np.geomspace(1e-3, 1e4, 7001)
"""Loads on which an elastic fleet, which is no staircase, is compared. [1/s]"""


def break_even_table(ways: Sequence[Way], load: float) -> pd.DataFrame:
    """Each way with GPUs against each endpoint.

    Commitments are made for the whole need of each volume. For servers of one's own the price of a
    GPU-hour is that of the annuity, space and upkeep, and a step of the staircase is a server.

    Returns
    -------
    DataFrame: own, api, peak_to_mean; first_cheaper_rps, always_cheaper_rps, burst_ceiling (NaN for
    a fleet that follows the load: it has none); utilization_to_break_even of a GPU alone, above 1
    is never; and at today's load the price of a GPU-hour, of a request and the people at which both
    cost the same (NaN where nothing positive does).
    """
    apis = [way for way in ways if way.kind == "endpoint"]
    owns = [way for way in ways if way.kind in OWN]
    return pd.DataFrame(
        [_against(own, api, par, load) for own in owns for api in apis for par in PARS]
    )


def staircase(own: Way, par: float) -> SelfHosting:
    """A way with GPUs as the staircase of the books."""
    month = own.usd_per_replica_month
    if own.kind == "reserved":
        month = min(1.0, own.usd_per_gpu_h_beyond / max(own.usd_per_gpu_h, 1e-12)) * month
    spare = own.spare_servers * own.server_charge_usd if own.kind == "owned" else 0.0
    return SelfHosting(
        fixed_usd=own.overhead_usd + spare,
        usd_per_h=month / HOURS_PER_MONTH,
        requests_per_s=own.requests_per_s,
        peak_to_mean=par,
        spares=own.spares,
        lot=own.lot,
        usd_per_request=own.asked_again_usd + own.power_usd_per_request,
    )


def _against(own: Way, api: Way, par: float, load: float) -> dict[str, Any]:
    books = staircase(own, par)
    price = api.price_per_request - books.usd_per_request
    mine, theirs = (float(best_month(way, load, par)) for way in (own, api))
    held = float(books.replicas(load))
    if own.elastic:
        held = float(replicas_beyond(own, load, own.requests_per_s, par, 0))
    gpus = max(held * own.gpus_per_replica * HOURS_PER_MONTH, 1e-12)
    rent = held * books.usd_per_h * HOURS_PER_MONTH
    found = _elastic(own, api, par) if own.elastic else crossing(
        books, api.price_per_request, api.overhead_usd
    )  # fmt: skip

    def positive(value: float) -> float:
        return value if value > 0 else float("nan")

    ceiling = positive(burst_ceiling(books.usd_per_h, own.requests_per_s, price) if price else 0.0)
    used = break_even_utilization(books.usd_per_h, own.requests_per_s, price) if price else 0.0
    return {
        "own": own.name,
        "api": api.name,
        "peak_to_mean": par,
        "first_cheaper_rps": found.first,
        "always_cheaper_rps": found.always,
        "burst_ceiling": float("nan") if own.elastic else ceiling,
        "utilization_to_break_even": positive(used),
        "gpu_usd_per_h_to_break_even": positive((theirs - mine + rent) / gpus),
        "usd_per_1k_requests_to_break_even": positive(
            1e3 * (mine - api.overhead_usd) / (load * SECONDS_PER_MONTH)
        ),
        "people_usd_to_break_even": positive(own.people_usd + theirs - mine),
    }


def _elastic(own: Way, api: Way, par: float) -> Crossing:
    """Crossings of a fleet that follows the load, on a fine grid."""
    under = best_month(own, LOADS, par) < best_month(api, LOADS, par)
    if not under.any():
        return Crossing(float("inf"), float("inf"))
    over = np.flatnonzero(~under)
    first = float(LOADS[under][0])
    if not under[-1]:
        return Crossing(first, float("inf"))
    return Crossing(first, float(LOADS[over[-1] + 1]) if len(over) else 0.0)
