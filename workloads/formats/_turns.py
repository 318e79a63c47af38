"""Turns of a conversation or an agent laid on the clock, where a file gives no times for them."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from workloads.segments import Ints

__all__ = [
    "ANSWER_S",
    "ANSWER_S_PER_TOKEN",
    "Chain",
    "assumption",
    "estimate",
    "predecessors",
    "starts",
]

ANSWER_S = 1.0
"""Assumed time to the first token of an answer [s]."""
ANSWER_S_PER_TOKEN = 0.02
"""Assumed time for each token of it [s]: 50 tokens a second."""


class Chain(NamedTuple):
    """Requests of which each follows the one before."""

    begins_s: float
    output_tokens: Sequence[int]
    delays_s: Sequence[float]
    """Time from the answer before to each request; that of the first does not count."""


def estimate(chain: Chain) -> list[float]:
    """Instants at which the requests would be sent if answers came as fast as assumed. [s]

    >>> estimate(Chain(10.0, [50, 100], [0.0, 3.0]))
    [10.0, 15.0]
    """
    instants = [chain.begins_s]
    for tokens, delay in zip(chain.output_tokens[:-1], chain.delays_s[1:], strict=True):
        instants.append(instants[-1] + ANSWER_S + ANSWER_S_PER_TOKEN * tokens + delay)
    return instants


def assumption() -> str:
    """What `estimate` assumes, for the notes of a trace."""
    return (
        f"requests that follow another are sent as if answers took {ANSWER_S:g} s + "
        f"{ANSWER_S_PER_TOKEN:g} s per token"
    )


def predecessors(sizes: Sequence[int]) -> Ints:
    """Row each row follows, for chains of these sizes under one another; -1 for the first of each.

    >>> predecessors([2, 1, 3]).tolist()
    [-1, 0, -1, -1, 3, 4]
    """
    follows = np.arange(-1, sum(sizes) - 1)
    follows[starts(sizes)] = -1
    return follows


def starts(sizes: Sequence[int]) -> Ints:
    """First row of each chain, for chains of these sizes under one another."""
    return np.asarray(np.cumsum([0, *sizes])[:-1], dtype=np.int64)
