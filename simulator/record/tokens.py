"""Who got a token when: the chunks and decode stays of each request, in order of time."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simulator.record.runs import Runs
from simulator.record.tables import frame

if TYPE_CHECKING:
    from simulator.record.result import Result

__all__ = ["Work", "passed_over", "token_gaps", "work"]

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


class Work(NamedTuple):
    """Chunks and decode stays together, sorted by request, then by time. Shape (n,) each."""

    request: Ints
    is_stay: Bools
    is_draft: Bools
    """A chunk beside a stay in the same step: draft tokens that are verified with it."""
    replica: Ints
    first_serial: Ints
    """Fleet-wide number of its first step."""
    last_serial: Ints
    tokens_given: Ints
    """Times it gave output: one a step of a stay, one for a chunk that catches up, else none.

    Of draft tokens it is not recorded how many were accepted; they come with the stay's own."""
    recomputed: Ints
    """Tokens whose KV this request had computed before and lost. [tokens]"""
    row: Ints
    """Row in `chunks` or in `decodes`."""


def work(result: Result, runs: Runs) -> Work:
    """Merge `chunks` and `decodes` and find out what each gave.

    A chunk gives a token when it reaches the last token known so far: when it ends beyond the
    prompt's last token but one, and beyond everything the request ever computed before.
    """
    chunks, decodes = result.chunks, result.decodes
    both = {
        name: np.concatenate([chunks[left].to_numpy(), decodes[right].to_numpy()])
        for name, left, right in (
            ("request", "request", "request"),
            ("replica", "replica", "replica"),
            ("first", "step", "first_step"),
            ("last", "step", "last_step"),
            ("context", "context", "context"),
        )
    }
    row = np.concatenate([np.arange(len(chunks)), np.arange(len(decodes))])
    is_stay = np.arange(len(row)) >= len(chunks)
    first = runs.serial(both["replica"], both["first"])
    order = np.lexsort((~is_stay, runs.start_of(first), both["request"]))
    request, context, is_stay = both["request"][order], both["context"][order], is_stay[order]
    first, row = first[order], row[order]
    last = first + (both["last"] - both["first"])[order]
    stay_steps = last - first + 1
    computed = stay_steps.copy()
    computed[~is_stay] = chunks["tokens"].to_numpy()[row[~is_stay]]
    is_draft = np.zeros(len(row), dtype=bool)
    is_draft[1:] = (request[1:] == request[:-1]) & (first[1:] == first[:-1])
    end = np.where(is_draft, 0, context + computed)
    before = _highest_before(request, end)
    prompt = result.requests["prompt_tokens"].to_numpy()[request]
    catches_up = end > np.maximum(before, prompt - 1)
    return Work(
        request=request,
        is_stay=is_stay,
        is_draft=is_draft,
        replica=both["replica"][order],
        first_serial=first,
        last_serial=last,
        tokens_given=np.where(is_stay, stay_steps, catches_up.astype(np.int64)),
        recomputed=np.where(is_stay, 0, np.clip(np.minimum(end, before) - context, 0, None)),
        row=row,
    )


def _highest_before(group: Ints, values: Ints) -> Ints:
    """Largest value earlier in the same group, 0 if it is the first; groups are sorted."""
    if len(group) == 0:
        return values
    span = int(values.max()) + 1
    highest = np.maximum.accumulate(group * span + values)
    earlier = np.concatenate([[0], highest[:-1]]) - group * span
    return np.clip(earlier, 0, None)


class _Follow(NamedTuple):
    """Consecutive token-giving pieces of one request: indices into `Work`."""

    previous: Ints
    this: Ints
    direct: Bools
    """This is a stay that goes on in the very next step."""


def _follow(done: Work) -> _Follow:
    giving = np.flatnonzero(done.tokens_given > 0)
    previous, this = giving[:-1], giving[1:]
    same = done.request[previous] == done.request[this]
    previous, this = previous[same], this[same]
    direct = (
        done.is_stay[this]
        & (done.first_serial[this] == done.last_serial[previous] + 1)
        & (done.replica[this] == done.replica[previous])
    )
    return _Follow(previous, this, direct)


def token_gaps(done: Work, runs: Runs) -> pd.DataFrame:
    """Table `gaps`: waits between tokens of one request that were more than the next step."""
    pairs = _follow(done)
    previous, this = pairs.previous[~pairs.direct], pairs.this[~pairs.direct]
    start = runs.end_of(done.last_serial[previous])
    end = runs.end_of(done.first_serial[this])
    columns = {"request": done.request[this], "start_s": start, "end_s": end, "gap_s": end - start}
    return frame("gaps", columns)


def passed_over(done: Work) -> Ints:
    """Serial numbers of the first steps of stays whose token before came not in the step before."""
    pairs = _follow(done)
    direct = np.zeros(len(done.request), dtype=bool)
    direct[pairs.this[pairs.direct]] = True
    return done.first_serial[done.is_stay & ~direct]
