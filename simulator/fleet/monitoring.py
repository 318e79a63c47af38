"""A rehearsal of monitoring: would the alerts have told of what went wrong, and how soon?

Rules are looked at as Prometheus would: with every scrape, over what has been scraped by then
(`simulator.fleet.scrapes`), and an alert fires when its condition has held for a while.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simulator.fleet.alerts import Rule
from simulator.fleet.incidents import Incident, incidents
from simulator.fleet.scrapes import Scrapes

if TYPE_CHECKING:
    from simulator.record.result import Result

__all__ = ["Incident", "Rehearsal", "incidents", "rehearse"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
DETECTED, FIRING, MISSED = "detected", "firing already", "missed"


class Rehearsal(NamedTuple):
    """What the alerts would have told."""

    alerts: pd.DataFrame
    """One row an alert: rule, fired_s, cleared_s (infinite if it fired to the end), true (whether
    it was about an incident), incident (row of the first it was about, -1 if of none)."""
    incidents: pd.DataFrame
    """One row an incident: what, start_s, end_s, replicas, outcome (detected; firing already: an
    alert about another incident hid it; missed), detected_s and rule (of the first alert about it,
    or of the one that hid it), delay_s (NaN unless detected; below 0 if it was warned of)."""
    series: pd.DataFrame
    """One row a look: time_s, and by the name of each rule what was held against its bound."""

    @property
    def missed(self) -> int:
        """Incidents that no alert told of."""
        return int((self.incidents["outcome"] == MISSED).sum())

    @property
    def hidden(self) -> int:
        """Incidents that began while an alert about another one was firing, and had none of their
        own. An alert about nothing hides nothing: who has learnt to ignore it is not told."""
        return int((self.incidents["outcome"] == FIRING).sum())

    @property
    def false_alerts(self) -> int:
        """Alerts about nothing."""
        return int((~self.alerts["true"].astype(bool)).sum())


def rehearse(
    result: Result,
    rules: Sequence[Rule],
    interval_s: float = 15.0,
    grace_s: float = 300.0,
    known: Sequence[Incident] | None = None,
    early_s: float = 120.0,
    table: pd.DataFrame | None = None,
) -> Rehearsal:
    """Look at the rules every ``interval_s`` of the run, and hold the alerts against incidents.

    An alert is about the incidents that are under way when it fires; if there is none, about those
    that ended at most ``grace_s`` ago; else about those that begin within ``early_s``. An incident
    is detected when the first alert about it fires.

    Parameters
    ----------
    known : incidents; those that `incidents` finds, if not given.
    table : the table `timeline`, where the result has no steps.

    Raises
    ------
    InputError
        If there is no look at the run, or there are too many.
    """
    scrapes = Scrapes(result, interval_s, table)
    known = incidents(result) if known is None else known
    series, rows = {"time_s": scrapes.at_s}, []
    for place, rule in enumerate(rules):
        series[rule.name] = value = scrapes.value(rule)
        for first, last in _firing(value > rule.bound, rule, interval_s):
            ends = float(scrapes.at_s[last]) if last < len(value) else np.inf
            rows.append((float(scrapes.at_s[first]), place, rule.name, ends))
    rows.sort()
    about = [_about(known, fired_s, grace_s, early_s) for fired_s, *_ in rows]
    alerts = pd.DataFrame(
        {
            "rule": [name for _, _, name, _ in rows],
            "fired_s": np.array([fired_s for fired_s, *_ in rows], dtype=np.float64),
            "cleared_s": np.array([ends for *_, ends in rows], dtype=np.float64),
            "true": np.array([bool(found) for found in about], dtype=bool),
            "incident": np.array([found[0] if found else -1 for found in about], dtype=np.int64),
        }
    )
    return Rehearsal(alerts, _detected(known, alerts, about), pd.DataFrame(series))


def _about(known: Sequence[Incident], fired_s: float, grace_s: float, early_s: float) -> list[int]:
    """Incidents that an alert fired at this instant is about."""
    now, late, early = list[int](), list[int](), list[int]()
    for number, incident in enumerate(known):
        if incident.start_s <= fired_s <= incident.end_s:
            now.append(number)
        elif incident.end_s < fired_s <= incident.end_s + grace_s:
            late.append(number)
        elif incident.start_s - early_s <= fired_s < incident.start_s:
            early.append(number)
    return now or late or early


def _detected(
    known: Sequence[Incident], alerts: pd.DataFrame, about: Sequence[Sequence[int]]
) -> pd.DataFrame:
    told = list(zip(alerts["rule"], alerts["fired_s"], alerts["cleared_s"], about, strict=True))
    rows = []
    for number, incident in enumerate(known):
        begin_s, nan = incident.start_s, np.nan
        first = next(((rule, at) for rule, at, _, of in told if number in of), None)
        hides = next((rule for rule, at, end, of in told if of and at <= begin_s < end), None)
        if first is not None:
            rows.append((*incident, DETECTED, first[1], first[0], first[1] - begin_s))
        elif hides is not None:
            rows.append((*incident, FIRING, nan, hides, nan))
        else:
            rows.append((*incident, MISSED, nan, "", nan))
    columns = [*Incident._fields, "outcome", "detected_s", "rule", "delay_s"]
    return pd.DataFrame(rows, columns=columns)


def _firing(condition: Bools, rule: Rule, interval_s: float) -> list[tuple[int, int]]:
    """From which to which look an alert fires, the last not included.

    Pending from the first look at which the condition holds; firing from the look at which it has
    held for ``hold_s``; clear at the look at which it has not held for ``keep_firing_s``.
    """
    hold, keep = (
        math.ceil(min(s / interval_s, len(condition)) - 1e-9)
        for s in (rule.hold_s, rule.keep_firing_s)
    )
    edges = np.flatnonzero(np.diff(condition, prepend=False, append=False)).tolist()
    alerts: list[tuple[int, int]] = []
    for first, last in zip(edges[::2], edges[1::2], strict=True):
        if alerts and first <= alerts[-1][1]:  # it is still kept firing
            alerts[-1] = (alerts[-1][0], last + keep)
        elif first + hold < last:
            alerts.append((first + hold, last + keep))
    return [(first, min(last, len(condition))) for first, last in alerts]
