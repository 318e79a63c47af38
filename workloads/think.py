"""Time between an answer and the next question, and what is assumed of the answer's own time."""

from typing import Annotated

import numpy as np
from numpy.random import Generator
from pydantic import Field

from hardware_profiles.value import Value
from workloads.process import NotNegative, Seconds
from workloads.segments import Ints

__all__ = ["Think"]


class Think(Value):
    """Pauses of a user, and the answer time assumed for users who do not wait for the server.

    In an open loop (the default) the next turn is sent a think time after the answer *should* be
    there by `answer_s` and `answer_s_per_token`, so a slow server does not slow its users down. In
    a closed loop it is sent a think time after the answer *is* there.
    """

    think_s: NotNegative = 30.0
    """Mean time from an answer to the next question [s]."""
    think_cv: Annotated[float, Field(ge=0, le=10)] = 1.0
    """Coefficient of variation of that time: 1 is exponential, 0 always the same."""
    answer_s: NotNegative = 1.0
    """Assumed time to the first token of an answer [s]; for the open loop."""
    answer_s_per_token: NotNegative = 0.02
    """Assumed time for each token of it [s]; for the open loop."""
    closed_loop: bool = False

    def pauses(self, rng: Generator, number: int) -> Seconds:
        """Think times [s], shape (number,)."""
        if self.think_cv == 0:
            return np.full(number, self.think_s)
        shape = 1 / self.think_cv**2
        return rng.gamma(shape, self.think_s / shape, number)

    def answer_times(self, output_tokens: Ints) -> Seconds:
        """Assumed time from a question to the end of its answer [s]."""
        return np.asarray(self.answer_s + self.answer_s_per_token * output_tokens)

    def assumption(self) -> str:
        """What is assumed of answers, for the notes of a trace."""
        if self.closed_loop:
            return (
                "closed-loop conversations: a turn follows the answer before after its think time"
            )
        return (
            "open-loop conversations: a turn follows the one before after its think time and an "
            f"assumed answer time of {self.answer_s:g} s + {self.answer_s_per_token:g} s per token"
        )
