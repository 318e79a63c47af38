"""A rehearsal of monitoring: would the alerts have told of what went wrong, and how soon?

Rules are looked at every ``interval_s``, and see what a monitoring system would have scraped by
then: requests that have ended, and the fleet's gauges.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simulator.fleet.alerts import Burn, Level, Quantile, Rule
from simulator.record.metrics import meets_slo
from simulator.record.timeline import timeline

if TYPE_CHECKING:
    from simulator.record.result import Result

__all__ = ["Incident", "Rehearsal", "incidents", "rehearse"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
TROUBLE = ("gpu_failure", "engine_crash", "slow_gpu", "zone_outage", "reclaimed")
"""Events that begin an incident."""


class Incident(NamedTuple):
    """Something went wrong."""

    what: str
    start_s: float
    end_s: float


class Rehearsal(NamedTuple):
    """What the alerts would have told."""

    alerts: pd.DataFrame
    """One row an alert: rule, fired_s, cleared_s, true (whether it was about an incident)."""
    incidents: pd.DataFrame
    """One row an incident: what, start_s, end_s, detected_s and rule (of the first alert, if any),
    delay_s (NaN if it was missed)."""

    @property
    def missed(self) -> int:
        """Incidents that no alert told of."""
        return int(self.incidents["delay_s"].isna().sum())

    @property
    def false_alerts(self) -> int:
        """Alerts about nothing."""
        return int((~self.alerts["true"].astype(bool)).sum())


def incidents(result: Result, bin_s: float = 60.0, bad_share: float = 0.05) -> list[Incident]:
    """What a perfect observer would call incidents.

    Faults that struck, to their repair; and times in which more than ``bad_share`` of the requests
    that arrived missed the SLO. What overlaps is one incident.
    """
    found = [*_faults(result), *_bad_times(result, bin_s, bad_share)]
    merged: list[Incident] = []
    for incident in sorted(found, key=lambda i: (i.start_s, i.end_s)):
        if merged and incident.start_s <= merged[-1].end_s:
            last = merged[-1]
            what = last.what if incident.what in last.what else f"{last.what}, {incident.what}"
            merged[-1] = Incident(what, last.start_s, max(last.end_s, incident.end_s))
        else:
            merged.append(incident)
    return merged


def _faults(result: Result) -> list[Incident]:
    events = result.events
    found = []
    trouble = events[events["event"].isin(TROUBLE)]
    columns = (trouble[name].to_list() for name in ("event", "replica", "time_s"))
    for what, replica, time_s in zip(*columns, strict=True):
        later = events[(events["replica"] == replica) & (events["time_s"] > time_s)]
        over = later.loc[later["event"].isin(["ready", "fast again"]), "time_s"]
        found.append(Incident(what, time_s, float(over.iloc[0]) if len(over) else time_s))
    return found


def _bad_times(result: Result, bin_s: float, bad_share: float) -> list[Incident]:
    number = (result.requests["arrival_s"].to_numpy() // bin_s).astype(np.int64)
    if len(number) == 0:
        return []
    total = np.bincount(number)
    bad = np.bincount(number, weights=~meets_slo(result), minlength=len(total))
    over = np.flatnonzero(bad > bad_share * np.maximum(total, 1))
    return [Incident("slo", float(i * bin_s), float((i + 1) * bin_s)) for i in over]


def rehearse(
    result: Result,
    rules: Sequence[Rule],
    interval_s: float = 15.0,
    grace_s: float = 300.0,
    known: Sequence[Incident] | None = None,
) -> Rehearsal:
    """Look at the rules every ``interval_s`` of the run, and hold the alerts against incidents.

    Parameters
    ----------
    grace_s : an alert that fires so long after an incident has ended is still about it. [s]
    known : incidents; those that `incidents` finds, if not given.
    """
    looks = np.arange(interval_s, result.horizon_s + interval_s, interval_s)
    known = incidents(result) if known is None else known
    rows = []
    for rule in rules:
        firing = _held(_conditions(rule, result, looks), rule.hold_s, interval_s)
        for fired_s, cleared_s in _spans(firing, looks):
            about = any(i.start_s <= fired_s <= i.end_s + grace_s for i in known)
            rows.append((rule.name, fired_s, cleared_s, about))
    alerts = pd.DataFrame(rows, columns=["rule", "fired_s", "cleared_s", "true"])
    alerts = alerts.sort_values(["fired_s", "rule"], ignore_index=True)
    return Rehearsal(alerts, _detected(known, alerts, grace_s))


def _detected(known: Sequence[Incident], alerts: pd.DataFrame, grace_s: float) -> pd.DataFrame:
    rows = []
    for incident in known:
        # An alert that was firing already when the incident began tells of it at once.
        told = alerts[
            (alerts["cleared_s"] > incident.start_s)
            & (alerts["fired_s"] <= incident.end_s + grace_s)
        ]
        first = told.iloc[0] if len(told) else None
        at = np.nan if first is None else max(float(first["fired_s"]), incident.start_s)
        rule = "" if first is None else str(first["rule"])
        rows.append((*incident, at, rule, at - incident.start_s))
    columns = ["what", "start_s", "end_s", "detected_s", "rule", "delay_s"]
    return pd.DataFrame(rows, columns=columns)


def _held(condition: Bools, hold_s: float, interval_s: float) -> Bools:
    """Looks at which the condition holds, and has held for ``hold_s``."""
    since = np.where(condition, 0, np.arange(1, len(condition) + 1))
    run = np.arange(1, len(condition) + 1) - np.maximum.accumulate(since)
    firing: Bools = condition & ((run - 1) * interval_s >= hold_s)
    return firing


def _spans(firing: Bools, looks: Floats) -> list[tuple[float, float]]:
    edges = np.flatnonzero(np.diff(firing, prepend=False, append=False))
    ends = np.append(looks, np.inf)
    return [(float(looks[a]), float(ends[b])) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _conditions(rule: Rule, result: Result, looks: Floats) -> Bools:
    """Whether the rule's condition holds at each look."""
    if isinstance(rule, Quantile):
        return _quantile(rule, result, looks)
    if isinstance(rule, Burn):
        return _burn(rule, result, looks)
    return _level(rule, result, looks)


def _quantile(rule: Quantile, result: Result, looks: Floats) -> Bools:
    requests = result.requests
    seen_s = requests["finish_s" if rule.latency in ("tpot_s", "e2e_s") else "first_token_s"]
    table = pd.DataFrame({"at": seen_s, "value": requests[rule.latency]}).dropna().sort_values("at")
    at, value = table["at"].to_numpy(), table["value"].to_numpy()
    first = np.searchsorted(at, looks - rule.window_s, side="right")
    last = np.searchsorted(at, looks, side="right")
    return np.array(
        [
            b - a >= rule.least and np.quantile(value[a:b], rule.q) > rule.above_s
            for a, b in zip(first.tolist(), last.tolist(), strict=True)
        ],
        dtype=bool,
    )


def _burn(rule: Burn, result: Result, looks: Floats) -> Bools:
    order = np.argsort(result.requests["finish_s"].fillna(np.inf), kind="stable")
    at = result.requests["finish_s"].to_numpy()[order]
    bad = np.concatenate([[0], np.cumsum(~meets_slo(result)[order])])

    def rate(window_s: float) -> Floats:
        first = np.searchsorted(at, looks - window_s, side="right")
        last = np.searchsorted(at, looks, side="right")
        share: Floats = (bad[last] - bad[first]) / np.maximum(last - first, 1)
        return share / (1 - rule.objective)

    over: Bools = (rate(rule.long_s) > rule.above) & (rate(rule.short_s) > rule.above)
    return over


def _level(rule: Level, result: Result, looks: Floats) -> Bools:
    mean = _down(result) if rule.of == "down" else _gauge(result, rule.of)
    above: Bools = np.array([mean(t - rule.window_s, t) > rule.above for t in looks], dtype=bool)
    return above


def _gauge(result: Result, name: str) -> Callable[[float, float], float]:
    table = timeline(result, bin_s=max(1.0, result.horizon_s / 5000))
    edges = np.append(table["start_s"].to_numpy(), result.horizon_s)
    total = np.concatenate([[0.0], np.cumsum(table[name].to_numpy() * np.diff(edges))])

    def mean(from_s: float, to_s: float) -> float:
        low, high = np.interp([max(from_s, 0.0), to_s], edges, total)
        return float(high - low) / (to_s - max(from_s, 0.0))

    return mean


def _down(result: Result) -> Callable[[float, float], float]:
    spans = result.intervals[result.intervals["state"] == "down"]
    start, end = spans["start_s"].to_numpy(), spans["end_s"].to_numpy()

    def mean(from_s: float, to_s: float) -> float:
        inside = np.minimum(end, to_s) - np.maximum(start, from_s)
        return float(np.clip(inside, 0, None).sum()) / (to_s - max(from_s, 0.0))

    return mean
