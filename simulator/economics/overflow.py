"""What was sent to somebody else's API: when, why, for how much, and what it saved."""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd

from simulator.economics.bill import bill
from simulator.record.metrics import meets_slo
from simulator.record.result import Result

__all__ = ["Saving", "overflow_by", "saving"]


def overflow_by(result: Result, bin_s: float = 3600.0) -> pd.DataFrame:
    """Calls of endpoints by time, endpoint and reason.

    Returns
    -------
    DataFrame: start_s, endpoint, why, outcome, calls, prompt_tokens, cached_tokens, output_tokens,
    usd; one row for each combination that occurred.
    """
    calls = result.calls.assign(start_s=(result.calls["sent_s"] // bin_s) * bin_s, calls=1)
    keys = ["start_s", "endpoint", "why", "outcome"]
    summed = ["calls", "prompt_tokens", "cached_tokens", "output_tokens", "usd"]
    return calls.groupby(keys, observed=True)[summed].sum().reset_index()


class Saving(NamedTuple):
    """A run with the way out, beside the same requests without it."""

    usd: float
    """The other's bill less this one's. [USD]"""
    usd_spent_outside: float
    """[USD]"""
    requests_outside: int
    """Answered by endpoints."""
    good_more: int
    """Requests within the SLO, this run's less the other's."""
    usd_per_good_more: float
    """What each of those costs; NaN if there are none, negative if they come with a saving."""


def saving(result: Result, without: Result) -> Saving:
    """What overflow saved or cost against a fleet that does without, on the same traffic.

    Raises
    ------
    ValueError
        If the two runs are not of the same requests.
    """
    if not result.requests["arrival_s"].equals(without.requests["arrival_s"]):
        raise ValueError("the two runs are not of the same requests")
    usd = bill(without).usd_total - bill(result).usd_total
    more = int(meets_slo(result).sum()) - int(meets_slo(without).sum())
    return Saving(
        usd=usd,
        usd_spent_outside=float(result.calls["usd"].sum()),
        requests_outside=int((result.calls["outcome"] == "ok").sum()),
        good_more=more,
        usd_per_good_more=-usd / more if more > 0 else float("nan"),
    )
