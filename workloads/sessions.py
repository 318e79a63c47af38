"""Conversations: turns, the time between them, and what each turn repeats of those before."""

from typing import Annotated

import numpy as np
from pydantic import Field

from workloads.lengths import Lengths
from workloads.segments import Ints, Segments, offsets_of
from workloads.think import Think

__all__ = ["Sessions", "grown_prompts"]


class Sessions(Think):
    """A request is a turn of a conversation and its prompt holds all that was said before."""

    turns: Lengths
    """Number of turns of a conversation."""
    max_prompt_tokens: Annotated[int, Field(ge=1)] | None = None
    """A conversation ends before the turn whose prompt would be longer."""


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
