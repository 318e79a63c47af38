"""Outlook: two or three years of several ways to serve, drawn many times on the same futures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.economics.capital import HOURS_PER_MONTH, monthly_rate
from simulator.economics.uncertainty import Draws, Range
from simulator.economics.usage import SECONDS_PER_MONTH
from simulator.economics.way import Way, overflow, replicas_beyond, replicas_for

__all__ = ["CORRELATIONS", "INPUTS", "RANGES", "cash_flows", "futures", "present_values"]

Floats = NDArray[np.float64]

NOISE = 6.0**0.5
"""Half the width of a symmetric triangle whose standard deviation is 1."""

RANGES: Mapping[str, Range] = MappingProxyType(
    {
        "volume": Range(0.6, 1.0, 1.6),
        "growth": Range(0.0, 0.3, 1.0),
        "peak_to_mean": Range(1.3, 2.0, 4.0),
        "capacity": Range(0.7, 1.0, 1.2),
        "software": Range(0.0, 0.10, 0.30),
        "gpu_price": Range(-0.35, -0.10, 0.30),
        "api_price": Range(-0.50, -0.10, 0.30),
        "fte": Range(0.2, 1.0, 3.0),
        "wages": Range(0.0, 0.03, 0.06),
        "electricity": Range(-0.05, 0.02, 0.10),
        "resale": Range(0.4, 0.65, 0.8),
        "noise": Range(-NOISE, 0.0, NOISE),
    }
)
"""What is drawn, when a comparison gives no range of its own. Per year: growth, software (speed of
the engine), gpu_price, api_price, wages, electricity; resale is the share of a server's value left
after a year. volume, capacity and fte are factors on the numbers given. noise is in standard errors
of the capacity measured. Prices may rise: the rent of an H100 did by 38 % in the half year to March
2026 (SemiAnalysis index, 1.70 to 2.35 USD/h)."""

INPUTS = tuple(RANGES)
CORRELATIONS: Mapping[tuple[str, str], float] = MappingProxyType({("gpu_price", "api_price"): 0.5})
"""GPU and API prices fall together; drawn apart, their difference would spread too much."""


class _Future(NamedTuple):
    """Quantities by draw and month, shape (draws, months)."""

    load: Floats
    capacity: Floats
    par: Floats
    rent: Floats
    """Price of rented GPUs over today's."""
    api: Floats
    wages: Floats
    power: Floats


def futures(
    way: Way, x: Draws, load: float, months: int, season: Sequence[float] | None = None
) -> _Future:
    """Paths of everything that changes."""
    t = np.arange(months) / 12

    def grown(name: str) -> Floats:
        return np.asarray((1.0 + np.asarray(x[name])[:, None]) ** t)

    factors = np.resize(np.asarray(season if season is not None else [1.0]), months)
    speed = way.requests_per_s + way.requests_per_s_sd * np.asarray(x["noise"])[:, None]
    speed = np.maximum(speed, 0.05 * way.requests_per_s) * np.asarray(x["capacity"])[:, None]
    return _Future(
        load=load * np.asarray(x["volume"])[:, None] * grown("growth") * factors,
        capacity=speed * grown("software"),
        par=np.broadcast_to(np.asarray(x["peak_to_mean"])[:, None], (len(x["volume"]), months)),
        rent=grown("gpu_price"),
        api=grown("api_price"),
        wages=grown("wages") * np.asarray(x["fte"])[:, None],
        power=grown("electricity"),
    )


def cash_flows(
    way: Way, x: Draws, load: float, months: int, season: Sequence[float] | None = None
) -> Floats:
    """What is paid at the start and in each month. [USD]

    Rent on demand and API prices follow their paths, these with the changes announced; a commitment
    keeps its price and size for its term and is then renewed at that day's, for the need of that
    day, and what is left of the last one is owed at the end; servers are bought whole when the need
    is there, come after their lead time, are bridged by renting until then, and are sold at the
    end.

    Parameters
    ----------
    x : draws by name, each of shape (draws,); see `RANGES`.
    load : mean requests per second today.

    Returns
    -------
    Shape (draws, months + 1); costs are positive, the last month has what servers sell for.
    """
    f = futures(way, x, load, months, season)
    requests = f.load * SECONDS_PER_MONTH
    paid = way.people_usd * f.wages + way.fixed_usd + requests * way.asked_again_usd * f.api
    start = np.full((len(paid), 1), way.once_usd)
    price = way.price_per_request * f.api * _announced(way, months)
    if way.kind == "endpoint":
        return np.hstack([start, paid + requests * price])
    rent = way.replica_month_usd * f.rent
    if way.kind == "hybrid":
        kept = _grown(way, f, load)
        over = overflow(f.load, kept * f.capacity, f.par) * SECONDS_PER_MONTH
        return np.hstack([start, paid + kept * rent + over * price])
    if way.kind == "reserved":
        signed = (np.arange(months) // way.term_months) * way.term_months
        kept = _grown(way, f, load)[:, signed]
        # The first commitment is made before anybody knows the future.
        kept[:, signed == 0] = way.committed
        beyond = replicas_beyond(way, f.load, f.capacity, f.par, kept)
        dear = way.gpus_per_replica * way.usd_per_gpu_h_beyond * HOURS_PER_MONTH * f.rent
        firm = kept * way.replica_month_usd * f.rent[:, signed]
        flows = paid + firm + beyond * dear
        left = signed[-1] + way.term_months - months
        flows[:, -1] += left * firm[:, -1]
        return np.hstack([start, flows])
    if way.kind == "rented":
        held = replicas_beyond(way, f.load, f.capacity, f.par, 0)
        return np.hstack([start, paid + held * rent])
    need = replicas_for(f.load, f.capacity, f.par, way.spares)
    bought, first, worth = _bought(way, f, need, paid, requests, x)
    flows = np.hstack([start + first[:, None], bought])
    flows[:, -1] -= worth
    return np.asarray(flows)


def _announced(way: Way, months: int) -> Floats:
    """Price of an endpoint over today's, as announced, shape (months,)."""
    path = way.price_path[:months] or (1.0,)
    return np.asarray([*path, *[path[-1]] * (months - len(path))], dtype=np.float64)


def _grown(way: Way, f: _Future, load: float) -> Floats:
    """Replicas kept in each month when their number follows the need."""
    return np.asarray(np.rint(way.committed * (f.load / f.capacity) * way.requests_per_s / load))


def _bought(
    way: Way, f: _Future, need: Floats, paid: Floats, requests: Floats, x: Draws
) -> tuple[Floats, Floats, Floats]:
    """Months of owned servers, the first purchase, and what they are worth in the end."""
    draws, months = need.shape
    servers = way.servers(need)
    arrivals = np.zeros((draws, months + way.lead_months + 1))
    usd = paid + requests * way.power_usd_per_request * f.power
    held = np.zeros(draws)
    worth = np.zeros(draws)
    for t in range(months):
        expired = arrivals[:, t - way.life_months] if t >= way.life_months else 0.0
        held = held + arrivals[:, t] - expired
        usd[:, t] += expired * -way.salvage_share * way.server_usd
        coming = arrivals[:, t + 1 :].sum(axis=1)
        order = np.maximum(servers[:, t] - held - coming, 0.0)
        if t == 0 or way.lead_months == 0:
            # The first are ordered in time, before the start.
            held, arrivals[:, t] = held + order, arrivals[:, t] + order
        else:
            arrivals[:, t + way.lead_months] += order
        usd[:, t] += arrivals[:, t] * way.server_usd * f.rent[:, t]
        usd[:, t] += held * (way.server_month_usd + way.server_power_usd * f.power[:, t])
        short = np.maximum(servers[:, t] - way.spare_servers - held, 0.0) * way.server_gpus
        usd[:, t] += short * way.usd_per_gpu_h * HOURS_PER_MONTH * f.rent[:, t]
    for t in range(max(0, months - way.life_months), months):
        left = np.asarray(x["resale"]) ** ((months - t) / 12)
        worth += arrivals[:, t] * way.server_usd * left
    first = arrivals[:, 0] * way.server_usd * f.rent[:, 0]
    usd[:, 0] -= first
    return usd, first, worth


def present_values(
    ways: Sequence[Way],
    x: Draws,
    load: float,
    months: int,
    wacc: float,
    season: Sequence[float] | None = None,
) -> dict[str, Floats]:
    """Cost of each way over the months in today's dollars, on the same draws. [USD]

    Returns
    -------
    By name, shape (draws,).
    """
    discount = (1.0 + monthly_rate(wacc)) ** -np.arange(months + 1)
    return {way.name: cash_flows(way, x, load, months, season) @ discount for way in ways}
