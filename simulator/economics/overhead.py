"""Overhead: who is to pay for the hours in which nothing was done.

No rule follows from the run. Each gives what was attributed to work, plus a share of the rest.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from simulator.economics.bill import Bill
from simulator.economics.kv_hold import kv_block_seconds
from simulator.record.result import Result
from simulator.record.usage import in_system

__all__ = ["Rule", "loaded_costs"]

Floats = NDArray[np.float64]
Rule = Literal["uniform", "memory", "peak"]
NEAR_PEAK = 0.9
"""Share of the peak of simultaneous requests above which a request helped to set it."""


def loaded_costs(result: Result, bill: Bill, rule: Rule = "uniform") -> Floats:
    """Cost of each request with its share of the overhead; all rules add up to the bill. [USD]

    Parameters
    ----------
    rule :
        * ``uniform`` : in proportion to what was attributed; the headline of the bill.
        * ``memory`` : in proportion to the KV-block-seconds held: a two-part tariff, for fleets
          that are sized by their memory.
        * ``peak`` : by those who were there when the number of requests was near its peak, in
          proportion to the time they were: the fleet is as large as it is because of them.

    Returns
    -------
    Shape (requests,), in the order of ``result.requests``.

    Raises
    ------
    ValueError
        If there is no such rule.
    """
    attributed = bill.requests["usd_attributable"].to_numpy()
    rest = bill.usd_total - float(attributed.sum())
    if rule == "uniform":
        weight = attributed
    elif rule == "memory":
        weight = kv_block_seconds(result)
    elif rule == "peak":
        weight = _seconds_near_peak(result)
    else:
        raise ValueError(f"no rule called {rule!r}; there are: {', '.join(get_args(Rule))}")
    whole = float(weight.sum())
    return attributed + (rest * weight / whole if whole > 0 else 0.0)


def _seconds_near_peak(result: Result) -> Floats:
    """Time that each request spent in the system while that was nearly as full as it ever was."""
    instants, number = in_system(result)
    near = np.diff(instants) * (number >= NEAR_PEAK * number.max(initial=0))
    upto = np.concatenate([[0.0], np.cumsum(near)])
    requests, end = result.requests, result.horizon_s
    came = np.minimum(requests["arrival_s"].to_numpy(), end)
    left = np.minimum(requests["finish_s"].fillna(end).to_numpy(), end)
    seconds = np.interp(left, instants, upto) - np.interp(came, instants, upto)
    return np.where(requests["outcome"] == "rejected", 0.0, np.maximum(seconds, 0.0))
