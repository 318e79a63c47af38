"""Traces changed on their way: looped, thinned, made anonymous."""

from dataclasses import replace

import numpy as np
from numpy.random import Generator

from hardware_profiles.errors import InputError
from workloads import segments as ragged
from workloads.merge import merge
from workloads.process import refuse_too_many
from workloads.retime import conversations_of
from workloads.trace import Trace

__all__ = ["anonymise", "loop", "thin"]


def loop(trace: Trace, times: int, period_s: float | None = None) -> Trace:
    """The trace so many times in a row; no text is shared between the rounds.

    Parameters
    ----------
    period_s : from the beginning of one round to that of the next; when not given, the length of
        the trace and one mean gap more.

    >>> loop(Trace.from_columns([0, 1], [1, 1], [1, 1]), 2).arrival_s.tolist()
    [0.0, 1.0, 2.0, 3.0]
    """
    if times < 1:
        raise InputError(f"loop: expected at least 1 time, found {times}")
    refuse_too_many(times * len(trace))
    length = float(trace.arrival_s[-1])
    gap = (length - float(trace.arrival_s[0])) / max(len(trace) - 1, 1)
    period = length + gap if period_s is None else period_s
    if not period > 0 or period < length:
        raise InputError(f"loop: expected a period of at least {length:g} s, found {period:g}")
    rows = np.arange(len(trace))
    rounds = [trace.take(rows, shift_s=-period * number) for number in range(times)]
    return merge(rounds, {**trace.meta, "looped": times, "loop_period_s": period})


def thin(trace: Trace, share: float, rng: Generator) -> Trace:
    """A share of the requests, each kept or not by chance; conversations are kept whole.

    Thinning a Poisson process leaves one; a bursty trace becomes more like Poisson, which
    `Trace.rate_scaled` does not do to it.
    """
    if not 0 < share <= 1:
        raise InputError(f"thin: expected a share above 0 and not above 1, found {share}")
    key = np.arange(len(trace)) if trace.session is None else trace.session
    alone = key < 0
    top = int(key.max(initial=-1)) + 1
    key = np.where(alone, top + np.arange(len(trace)), key)
    kept = rng.random(top + len(trace)) < share
    return trace.take(np.flatnonzero(kept[key]), thinned_to=share)


def anonymise(trace: Trace) -> Trace:
    """The trace without names, date and source; who shares what, and who is who, stays.

    Tenants are numbered by how much they ask, conversations and segments by when they begin.
    Arrival times and lengths are kept to the last digit: whoever has the log can still find them.
    """
    tenant = None
    if trace.tenant is not None:
        known = np.array([name is not None for name in trace.tenant], dtype=np.bool_)
        names, place, counts = np.unique(
            trace.tenant[known].astype(str), return_inverse=True, return_counts=True
        )
        rank = np.empty(len(names), dtype=np.int64)
        rank[np.argsort(-counts, kind="stable")] = np.arange(1, len(names) + 1)
        tenant = np.full(len(trace), None, dtype=object)
        tenant[known] = [f"tenant-{number}" for number in rank[place]]
    session = trace.session
    if session is not None:
        session = np.where(session < 0, -1, conversations_of(trace))
    segments = trace.segments
    return replace(
        trace.with_(segments=None if segments is None else ragged.densify(segments)),
        tenant=tenant,
        session=session,
        meta={"source": "anonymous", "format": "anonymous"},
    )
