"""What was sent to somebody else's API: what, when, whose, why, and for how much."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from simulator.record.distribution import describe
from simulator.record.fleet_size import most_at_once
from simulator.record.tables import frame
from simulator.record.timeline import round_bin_s

if TYPE_CHECKING:
    from simulator.record.result import Result

__all__ = ["ANSWERED", "overflow_by", "overflowed"]

ANSWERED = "ok"
"""Outcome of a call that was answered to the end."""
REFUSALS = ("limited", "down", "abandoned")
KEYS = ("start_s", "end_s", "endpoint", "why", "priority", "tenant", "outcome")
SUMS = ("calls", "prompt_tokens", "cached_tokens", "output_tokens", "usd")


def overflow_by(result: Result, bin_s: float | None = None) -> pd.DataFrame:
    """Table `overflow`: calls of endpoints by time, endpoint, reason, class, tenant and outcome.

    Parameters
    ----------
    bin_s : length of a bin [s]; that of the run's timeline if not given.

    Returns
    -------
    DataFrame: one row for each combination that occurred; its calls, tokens and dollars add up to
    those of the table `calls`.
    """
    if bin_s is None:
        bin_s = round_bin_s(result.horizon_s)
    if not bin_s > 0:
        raise ValueError(f"bin_s must be positive, found {bin_s}")
    calls = result.calls
    start_s = np.floor(calls["sent_s"] / bin_s) * bin_s
    told = calls.assign(start_s=start_s, end_s=start_s + bin_s, calls=1)
    told[["priority", "tenant"]] = _whose(result)
    summed = told.groupby(list(KEYS), observed=True)[list(SUMS)].sum().reset_index()
    return frame("overflow", {name: summed[name] for name in (*KEYS, *SUMS)})


def overflowed(result: Result) -> dict[str, Any]:
    """Section `overflow` of a run's summary, as plain values; units are in the keys."""
    calls, requests = result.calls, result.requests
    answered = calls[calls["outcome"] == ANSWERED]
    away = np.zeros(len(requests), dtype=bool)
    away[answered["request"].to_numpy()] = True
    taken = calls[calls["outcome"].isin([ANSWERED, "abandoned"])]
    replies = result.events["event"] == "graceful reply"
    usd = float(calls["usd"].sum())
    ttft = requests["ttft_s"]
    return {
        "requests": len(answered),
        "share": _ratio(len(answered), len(requests)),
        "first_s": float(taken["sent_s"].min()),
        "last_s": float(taken["sent_s"].max()),
        "at_once_peak": most_at_once(answered["sent_s"], answered["finish_s"]),
        "calls": len(calls),
        **_refused(calls),
        "graceful_replies": int(replies.sum()),
        "prompt_tokens": int(taken["prompt_tokens"].sum()),
        "cached_tokens": int(calls["cached_tokens"].sum()),
        "output_tokens": int(calls["output_tokens"].sum()),
        "usd": usd,
        "usd_per_request": _ratio(usd, len(answered)),
        "ttft_s": {
            "away": describe(ttft[away])._asdict(),
            "at_home": describe(ttft[~away])._asdict(),
        },
        "by": _by(result),
    }


def _by(result: Result) -> dict[str, dict[str, dict[str, Any]]]:
    """The same by reason, endpoint, class and tenant; those of whom none left are there too."""
    calls, requests = result.calls, result.requests
    whose = _whose(result)
    policy = result.scenario.overflow
    endpoints = [] if policy is None else [endpoint.name for endpoint in policy.endpoints]
    rules = [] if policy is None else [rule.kind for rule in policy.when]
    # A rejection is told by what it was: rejected, shed, too late.
    reasons = [rule for rule in rules if rule != "rejection"] + sorted(
        set(calls["why"].astype(str))
    )
    every = {
        "why": (calls["why"].astype(str), dict.fromkeys(reasons, len(requests))),
        "endpoint": (calls["endpoint"].astype(str), dict.fromkeys(endpoints, len(requests))),
        "class": (whose["priority"].astype(str), _counts(requests["priority"])),
        "tenant": (whose["tenant"].astype(str), _counts(requests["tenant"])),
    }
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for key, (label, groups) in every.items():
        found[key] = {}
        for name, of in groups.items():
            mine = calls[(label == name).to_numpy()]
            number = int((mine["outcome"] == ANSWERED).sum())
            found[key][name] = {
                "requests": number,
                "share": _ratio(number, of),
                **_refused(mine),
                "usd": float(mine["usd"].sum()),
            }
    return found


def _whose(result: Result) -> pd.DataFrame:
    """Class and tenant of the request of each call."""
    requests = result.requests[["priority", "tenant"]]
    return requests.take(result.calls["request"].to_numpy()).reset_index(drop=True)


def _counts(column: pd.Series[Any]) -> dict[str, int]:
    counts = column.value_counts().sort_index()
    return {str(name): int(number) for name, number in counts.items() if number}


def _refused(calls: pd.DataFrame) -> dict[str, int]:
    return {outcome: int((calls["outcome"] == outcome).sum()) for outcome in REFUSALS}


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > 0 else float("nan")
