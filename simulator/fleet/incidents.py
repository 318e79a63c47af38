"""What went wrong in a run, as one knows who sees all of it: what alerts are held against."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hardware_profiles.errors import InputError
from simulator.fleet.reclaims import Gaps, Incident

if TYPE_CHECKING:
    from simulator.record.result import Result

__all__ = ["Incident", "faults", "hurt_s", "incidents"]

Floats = NDArray[np.float64]
MOST_BINS = 1_000_000
BROKEN = ("gpu_failure", "engine_crash", "zone_outage")
"""Events after which a replica is out of order until it is ready again."""
RECLAIMS = ("reclaim notice", "was leaving", "to be replaced", "replaces")
TOLD = (*BROKEN, "ready", "slow_gpu", "fast again", *RECLAIMS)


def incidents(
    result: Result,
    bin_s: float = 60.0,
    bad_share: float = 0.05,
    join_s: float = 0.0,
    least: int = 1,
) -> list[Incident]:
    """What a perfect observer would call incidents.

    Faults that struck, until what they took is back; and times in which more than a share of the
    requests that arrived became bad (`hurt_s`), from the first that did to the last. What overlaps
    is one incident.

    Parameters
    ----------
    bin_s : requests are judged by the bin in which they arrived. [s]
    bad_share : of the requests of a bin, above which it is an incident.
    join_s : what begins at most so long after another has ended is the same incident. [s]
    least : bad requests that a bin has at least if it is an incident.

    Raises
    ------
    InputError
        If the bins are so short that there are more than a million.
    """
    found = [*faults(result), *_bad_times(result, bin_s, bad_share, least)]
    merged: list[Incident] = []
    for incident in sorted(found, key=lambda i: (i.start_s, i.end_s)):
        if merged and incident.start_s <= merged[-1].end_s + join_s:
            merged[-1] = _joined(merged[-1], incident)
        else:
            merged.append(incident)
    return merged


def _joined(one: Incident, other: Incident) -> Incident:
    found = dict.fromkeys([*one.what.split(", "), *other.what.split(", ")])
    kinds = sorted(found, key=lambda kind: kind == "slo")  # causes first
    end_s = max(one.end_s, other.end_s)
    replicas = tuple(sorted({*one.replicas, *other.replicas}))
    return Incident(", ".join(kinds), one.start_s, end_s, replicas)


def faults(result: Result) -> list[Incident]:
    """Faults that struck a replica, each to its end; several may overlap.

    A failure ends when the replica is ready again, its weights loaded, or has been given back. A
    slow GPU ends when it is as fast as it was. A spot reclaim begins with the notice, from which on
    the replica takes nothing new, and ends when the one that replaces it is ready, or is given up.
    Where none is to replace it, it ends when its pool has another one ready, asked for by whomever,
    or with the run. Who was leaving anyway, or is a staging copy, leaves no gap.
    """
    events = result.events
    events = events[events["event"].isin(TOLD)]
    lives = result.replicas[["replica", "stopped_s"]].to_numpy().tolist()
    stopped_s = {int(number): stop_s for number, stop_s in lives}
    found: list[Incident] = []
    for pool in events["pool"].unique():
        mine = events[events["pool"] == pool]
        columns = (mine[name].to_list() for name in ("time_s", "event", "replica", "value"))
        rows = zip(*columns, strict=True)
        found += _of_pool(rows, stopped_s, result.horizon_s)
    return found


def _of_pool(
    events: Iterable[tuple[float, str, int, float]], stopped_s: Mapping[int, float], end_s: float
) -> list[Incident]:
    """Faults at one pool, from its events in order."""
    found: list[Incident] = []
    broken: dict[int, Incident] = {}
    slow: dict[int, list[float]] = {}
    gaps = Gaps(stopped_s, end_s)
    for time_s, event, number, value in events:
        if event in BROKEN:
            fault = Incident(event, time_s, stopped_s[number], (number,))
            # What is broken anew before it was mended is one incident.
            broken[number] = _joined(broken[number], fault) if number in broken else fault
        elif event == "ready" and number in broken:
            found.append(broken.pop(number)._replace(end_s=time_s))
        elif event == "slow_gpu":
            slow.setdefault(number, []).append(time_s)
        elif event == "fast again":
            slow[number].append(-1.0)
            if 2 * slow[number].count(-1.0) == len(slow[number]):
                over_s = min(time_s, stopped_s[number])
                found.append(Incident("slow_gpu", slow.pop(number)[0], over_s, (number,)))
        gaps.take(time_s, event, number, value)
    for number, instants in slow.items():
        found.append(Incident("slow_gpu", instants[0], stopped_s[number], (number,)))
    return [*found, *broken.values(), *gaps.found.values()]


def hurt_s(result: Result) -> Floats:
    """When each request became a bad one: it missed a bound of the SLO, or ended without an answer.

    Returns
    -------
    Shape (requests,): the instant at which the first token or the last was due and had not come,
    or at which it ended; infinite if it is good, or under way and not late yet. [s]
    """
    requests, slo = result.requests, result.scenario.slo
    arrival_s, e2e_s = (requests[name].to_numpy() for name in ("arrival_s", "e2e_s"))
    completed = (requests["outcome"] == "completed").to_numpy(dtype=bool)
    left_s = requests["finish_s"].to_numpy()
    ends_s = np.where(completed, arrival_s + e2e_s, left_s)
    known_s = np.where(np.isnan(ends_s), result.horizon_s, ends_s)
    hurt = np.where(completed | np.isnan(left_s), np.inf, left_s)
    for bound, took_s in ((slo.ttft_s, requests["ttft_s"].to_numpy()), (slo.e2e_s, e2e_s)):
        if bound is not None:
            late = ~(took_s <= bound) & (completed | (arrival_s + bound <= known_s))
            hurt = np.where(late, np.minimum(hurt, arrival_s + bound), hurt)
    if slo.tpot_s is not None:
        slow = completed & (requests["tpot_s"].to_numpy() > slo.tpot_s)
        hurt = np.where(slow, np.minimum(hurt, ends_s), hurt)
    return hurt


def _bad_times(result: Result, bin_s: float, bad_share: float, least: int) -> list[Incident]:
    """Bad bins in a row, from when the first of their requests became bad to the last."""
    arrival_s = result.requests["arrival_s"].to_numpy()
    if len(arrival_s) == 0:
        return []
    if arrival_s.max() / bin_s > MOST_BINS:
        raise InputError(
            f"incidents.bin_s: {bin_s:g} s makes more than {MOST_BINS:,} bins of this run"
        )
    number = (arrival_s // bin_s).astype(np.int64)
    hurt = hurt_s(result)
    order = np.argsort(number, kind="stable")
    order = order[np.isfinite(hurt[order])]
    number_of_bad, hurt = number[order], hurt[order]
    total = np.bincount(number)
    missed = np.bincount(number_of_bad, minlength=len(total))
    over = (missed > bad_share * total) & (missed >= least)
    edges = np.flatnonzero(np.diff(over, prepend=False, append=False))
    ends = np.searchsorted(number_of_bad, edges).tolist()
    found = []
    for first, last in zip(ends[::2], ends[1::2], strict=True):
        mine = hurt[first:last]
        found.append(Incident("slo", float(mine.min()), float(mine.max())))
    return found
