"""Conversations: turns, the time between them, and what each turn repeats of those before."""

from typing import Annotated, NamedTuple

import numpy as np
from numpy.random import Generator
from pydantic import Field

from workloads.closed_loop import ClosedLoop, Concurrency
from workloads.lengths import Lengths
from workloads.process import Process, Seconds
from workloads.segments import Ints, Segments, offsets_of
from workloads.think import Think

__all__ = ["Order", "Sessions", "grown_prompts", "laid_out"]


class Sessions(Think):
    """A request is a turn of a conversation and its prompt holds all that was said before."""

    turns: Lengths
    """Number of turns of a conversation."""
    max_prompt_tokens: Annotated[int, Field(ge=1)] | None = None
    """A conversation ends before the turn whose prompt would be longer."""


class Order(NamedTuple):
    """When requests come, or what they wait for."""

    arrival_s: Seconds
    follows: Ints | None
    delay_s: Seconds | None
    closed_loop: bool
    max_concurrency: int | None


def laid_out(
    arrivals: Process,
    sessions: Sessions | None,
    rng: Generator,
    starts: Seconds,
    turns: Ints,
    output_tokens: Ints,
) -> Order:
    """Instants of the turns of conversations that begin at `starts`, and what each follows.

    Parameters
    ----------
    turns : number of turns of each conversation.
    output_tokens : length of each answer; the turns of a conversation stand under one another.
    """
    limit = arrivals.max_concurrency if isinstance(arrivals, Concurrency) else None
    closed = arrivals.closed or (sessions is not None and sessions.closed_loop)
    rows = np.arange(len(output_tokens))
    first = np.repeat(offsets_of(turns)[:-1], turns)
    later = rows > first
    follows, delay = np.full(len(rows), -1, dtype=np.int64), np.zeros(len(rows))
    instants = np.repeat(starts, turns)
    if sessions is not None:
        pauses = sessions.pauses(rng, len(rows))
        before = np.concatenate(([0.0], pauses))[: len(rows)]
        follows, delay = np.where(later, rows - 1, -1), np.where(later, before, 0.0)
        if not closed:
            elapsed = np.cumsum(pauses + sessions.answer_times(output_tokens))
            elapsed = np.concatenate(([0.0], elapsed))[: len(rows)]
            instants = instants + elapsed - elapsed[first]
    if isinstance(arrivals, ClosedLoop):
        _link_users(arrivals, rng, turns, follows, delay)
    linked = sessions is not None or isinstance(arrivals, ClosedLoop)
    return Order(instants, follows if linked else None, delay if linked else None, closed, limit)


def _link_users(
    loop: ClosedLoop, rng: Generator, turns: Ints, follows: Ints, delay: Seconds
) -> None:
    """Let each user's next conversation follow the last answer of the one before."""
    ends = offsets_of(turns)
    talks = np.flatnonzero(turns > 0)
    talks = talks[talks >= loop.users]
    begins, last = ends[:-1][talks], ends[1:][talks - loop.users] - 1
    follows[begins] = last
    delay[begins] = loop.pauses(rng, len(talks))


def grown_prompts(first_turn: Ints, said: Segments, output_tokens: Ints) -> Segments:
    """Prompts that hold all earlier turns of their conversation and the answers to them.

    Parameters
    ----------
    first_turn : row of the first turn of each row's conversation; the turns of one conversation
        stand under one another. Shape (rows,).
    said : what is new in each turn.
    output_tokens : length of each answer. Shape (rows,). [tokens]

    >>> said = Segments(np.array([0, 1, 2]), np.array([5, 6]), np.array([10, 20]))
    >>> grown = grown_prompts(np.array([0, 0]), said, np.array([7, 8]))
    >>> grown.ids.tolist(), grown.lengths.tolist()
    ([5, 5, -1, 6], [10, 10, 7, 20])
    """
    rows = len(output_tokens)
    counts = np.diff(said.offsets) + 1
    ends = offsets_of(counts)
    answers = ends[1:] - 1
    ids = np.empty(ends[-1], dtype=np.int64)
    lengths = np.empty(ends[-1], dtype=np.int64)
    text = np.ones(ends[-1], dtype=np.bool_)
    text[answers] = False
    ids[text], lengths[text] = said.ids, said.lengths
    ids[answers], lengths[answers] = -1 - np.arange(rows), output_tokens
    # A prompt is one stretch of (turn, answer, turn, answer, …, turn): all but its own answer.
    begins = ends[first_turn]
    offsets = offsets_of(answers - begins)
    entries = np.arange(offsets[-1]) + np.repeat(begins - offsets[:-1], np.diff(offsets))
    return Segments(offsets, ids[entries], lengths[entries])
