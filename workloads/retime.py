"""New instants for requests that have none of their own, or whose own are not wanted."""

import numpy as np
from numpy.random import Generator

from workloads.arrivals import Arrivals
from workloads.process import Seconds
from workloads.segments import Ints
from workloads.think import Think
from workloads.trace import Trace

__all__ = ["Retime", "conversations_of"]


class Retime(Think):
    """Conversations (or single requests) begin when `arrivals` says, in the order of the file."""

    arrivals: Arrivals

    def apply(self, trace: Trace, rng: Generator, horizon_s: float | None = None) -> Trace:
        """The trace with new instants; conversations that begin after `horizon_s` are left out."""
        when, pause = rng.spawn(2)
        talk = conversations_of(trace)
        starts = self.arrivals.sample(when, int(talk.max(initial=-1)) + 1, horizon_s)
        kept = trace.take(np.flatnonzero(talk < len(starts)))
        talk = conversations_of(kept)
        order = np.argsort(talk, kind="stable")
        first = np.searchsorted(talk[order], talk[order], side="left")
        pauses = self.pauses(pause, len(kept))
        waits = pauses + self.answer_times(kept.output_tokens[order])
        elapsed = np.concatenate(([0.0], np.cumsum(waits)))[: len(kept)]
        within = elapsed - elapsed[first]
        arrival = np.empty(len(kept))
        arrival[order] = starts[talk[order]] + (0.0 if self.closed_loop else within)
        follows, delay = _links(order, first, pauses)
        meta = {name: value for name, value in kept.meta.items() if name != "no_times"}
        meta["arrivals"] = f"new: {self.arrivals.kind}"
        if (follows >= 0).any():
            meta["assumed_times"] = self.assumption()
        return Trace.from_columns(
            arrival,
            kept.prompt_tokens,
            kept.output_tokens,
            segments=kept.segments,
            meta=meta,
            closed_loop=self.closed_loop,
            clients=kept.clients,
            priority=kept.priority,
            tenant=kept.tenant,
            session=kept.session,
            follows=follows,
            delay_s=delay,
            client=kept.client,
        )


def conversations_of(trace: Trace) -> Ints:
    """Conversation of each row, numbered as they begin; a row without one is one by itself."""
    rows = np.arange(len(trace))
    if trace.session is None:
        return rows
    alone = trace.session < 0
    key = np.where(alone, int(trace.session.max(initial=-1)) + 1 + rows, trace.session)
    _, first, inverse = np.unique(key, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse]


def _links(order: Ints, first: Ints, pauses: Seconds) -> tuple[Ints, Seconds]:
    """Row each row follows and the pause between, for rows sorted by conversation."""
    place = np.arange(len(order))
    follows = np.full(len(order), -1, dtype=np.int64)
    later = place > first
    follows[order[later]] = order[place[later] - 1]
    delay = np.zeros(len(order))
    delay[order[later]] = pauses[place[later] - 1]
    return follows, delay
