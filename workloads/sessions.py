"""Conversations: turns, the time between them, and what each turn repeats of those before."""

from typing import Annotated

import numpy as np
from numpy.random import Generator
from pydantic import Field

from hardware_profiles.value import Value
from workloads.lengths import Lengths
from workloads.process import NotNegative, Seconds
from workloads.segments import Ints, Segments, offsets_of

__all__ = ["Sessions", "grown_prompts"]


class Sessions(Value):
    """A request is a turn of a conversation and its prompt holds all that was said before.

    The next turn arrives a think time after the answer *should* be there, by a service time that
    is assumed (`answer_s`, `answer_s_per_token`). So a slow server does not slow its users down:
    the load is open-loop.
    """

    turns: Lengths
    """Number of turns of a conversation."""
    think_s: NotNegative = 30.0
    """Mean time from an answer to the next question [s]."""
    think_cv: Annotated[float, Field(ge=0, le=10)] = 1.0
    """Coefficient of variation of that time: 1 is exponential, 0 always the same."""
    answer_s: NotNegative = 1.0
    """Assumed time to the first token of an answer [s]."""
    answer_s_per_token: NotNegative = 0.02
    """Assumed time for each token of it [s]."""
    max_prompt_tokens: Annotated[int, Field(ge=1)] | None = None
    """A conversation ends before the turn whose prompt would be longer."""

    def waits(self, rng: Generator, output_tokens: Ints) -> Seconds:
        """Time from each turn to the next one of its conversation [s], shape (turns,)."""
        number = len(output_tokens)
        if self.think_cv > 0:
            shape = 1 / self.think_cv**2
            think = rng.gamma(shape, self.think_s / shape, number)
        else:
            think = np.full(number, self.think_s)
        return np.asarray(think + self.answer_s + self.answer_s_per_token * output_tokens)


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
