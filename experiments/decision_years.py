"""Years of a comparison: what a way saves against the endpoints, and when it has paid."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from experiments.compare_routes import Outlook
from simulator.economics.capital import monthly_rate
from simulator.economics.outlook import cash_flows, present_values
from simulator.economics.uncertainty import Draws, Range, decide
from simulator.economics.way import Way, sized

__all__ = ["against_endpoint", "chances_by_volume", "medians"]

Floats = NDArray[np.float64]
VOLUMES = np.geomspace(1 / 8, 40, 13)
"""Over today's, for which the chances are drawn."""
DRAWS = 2000
"""Of the futures, those that are looked at for each volume."""


def medians(ranges: dict[str, Range]) -> Draws:
    """One future: every input at its median."""
    return {name: np.atleast_1d(range_.at(0.5)) for name, range_ in ranges.items()}


def against_endpoint(
    ways: Sequence[Way], x: Draws, load: float, outlook: Outlook, table: pd.DataFrame
) -> pd.DataFrame:
    """Each way beside the cheapest endpoint, all flows of the same futures.

    Returns
    -------
    DataFrame by way: against (the endpoint with the lowest mean; "" if there is none), saved_usd
    (mean present value of the endpoint less the way's), pays_back (share of the futures in which
    the way has cost no more by the end), payback_month and payback_month_discounted (first month
    from which it has cost no more and stays so, all inputs at their medians; NaN if never).
    """
    apis = [way for way in ways if way.kind == "endpoint"]
    names = [way.name for way in ways]
    if not apis:
        return pd.DataFrame({"against": "", "saved_usd": np.nan, "pays_back": np.nan,
                             "payback_month": np.nan, "payback_month_discounted": np.nan},
                            index=names)  # fmt: skip
    other = min(apis, key=lambda way: float(table["mean"][way.name]))
    middle = medians(outlook.drawn_from())
    season = outlook.season or None
    discount = (1.0 + monthly_rate(outlook.wacc)) ** -np.arange(outlook.months + 1)
    theirs = cash_flows(other, x, load, outlook.months, season)
    their_median = cash_flows(other, middle, load, outlook.months, season)[0]
    rows = []
    for way in ways:
        mine = cash_flows(way, x, load, outlook.months, season)
        dearer = cash_flows(way, middle, load, outlook.months, season)[0] - their_median
        rows.append(
            {
                "against": other.name if way is not other else "",
                "saved_usd": float(((theirs - mine) @ discount).mean()),
                "pays_back": float((mine.sum(axis=1) <= theirs.sum(axis=1)).mean()),
                "payback_month": _payback(dearer),
                "payback_month_discounted": _payback(dearer * discount),
            }
        )
    return pd.DataFrame(rows, index=names)


def _payback(dearer: Floats) -> float:
    """First month from which the sum so far is no longer a loss, and stays so; NaN if never."""
    loss = np.flatnonzero(np.cumsum(dearer) > 1e-6)
    first = int(loss[-1]) + 1 if len(loss) else 0
    return float(first) if first < len(dearer) else float("nan")


def chances_by_volume(ways: Sequence[Way], x: Draws, load: float, outlook: Outlook) -> pd.DataFrame:
    """How often each way is the cheapest, over volume; commitments and hybrids sized for each.

    Returns
    -------
    DataFrame: a row a mean load today [requests/s], a column a way, shares that add up to 1.
    """
    few = {name: values[:DRAWS] for name, values in x.items()}
    par = float(outlook.drawn_from()["peak_to_mean"].at(0.5))
    rows = {}
    for factor in VOLUMES:
        at = load * float(factor)
        fitted = [sized(way, at, par) for way in ways]
        values = present_values(
            fitted, few, at, outlook.months, outlook.wacc, outlook.season or None
        )
        rows[at] = decide(values).table["p_cheapest"]
    return pd.DataFrame(rows).T.rename_axis("requests_per_s")
