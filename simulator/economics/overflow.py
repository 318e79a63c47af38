"""What it saved to send requests to somebody else's API."""

from __future__ import annotations

from typing import NamedTuple

from simulator.economics.bill import bill
from simulator.record.metrics import meets_slo
from simulator.record.result import Result

__all__ = ["Saving", "saving"]


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


def saving(result: Result, without: Result, *, closed_loop: bool = False) -> Saving:
    """What overflow saved or cost against a fleet that does without, on the same traffic.

    Both bills are those of whole runs: rent is paid until the last answer, which without a way out
    may come later.

    Parameters
    ----------
    result, without : the two runs; the other fleet may have more replicas.
    closed_loop : whether instants follow from answers, so that only what was asked is the same.

    Raises
    ------
    ValueError
        If the two runs are not of the same requests.
    """
    same = ["prompt_tokens", "output_tokens", *([] if closed_loop else ["arrival_s"])]
    if not result.requests[same].equals(without.requests[same]):
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
