"""Text that many prompts begin with or quote: system prompts, and documents looked up."""

from pathlib import Path
from typing import Annotated, Self

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from pydantic import Field, model_validator

from hardware_profiles.errors import InputError
from hardware_profiles.value import Value
from workloads.lengths import Lengths
from workloads.segments import Ints

__all__ = ["Documents", "SharedPrefixes", "popularity"]

Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=1)]
Exponent = Annotated[float, Field(ge=0, le=10)]


class SharedPrefixes(Value):
    """System prompts: a share of the conversations begins with one of so many texts."""

    number: Count = 1
    tokens: Lengths | None = None
    """Length of each text; drawn once, then it stays."""
    each_tokens: tuple[Annotated[int, Field(ge=1)], ...] = ()
    """The length of each, the most used first, in place of `tokens`."""
    share: Share = 1.0
    """Share of conversations (of requests, where there are no conversations) that have one."""
    zipf_exponent: Exponent = 0.0
    """How unequal: the text of rank k is used in proportion to k to the minus this."""

    @model_validator(mode="after")
    def _lengths_once(self) -> Self:
        if (self.tokens is None) == (not self.each_tokens):
            raise InputError("shared_prefixes: give either tokens or each_tokens")
        if self.each_tokens and len(self.each_tokens) != self.number:
            raise InputError(
                f"shared_prefixes: expected {self.number} each_tokens, one for each text, found "
                f"{len(self.each_tokens)}"
            )
        return self

    def lengths(self, rng: Generator, base_dir: Path = Path()) -> Ints:
        """Length of each text, shape (number,). [tokens]"""
        if self.tokens is None:
            return np.array(self.each_tokens, dtype=np.int64)
        return self.tokens.sample(rng, self.number, base_dir)

    def choose(self, rng: Generator, number: int) -> Ints:
        """Text of each of `number` conversations, -1 for none."""
        which = rng.choice(self.number, number, p=popularity(self.number, self.zipf_exponent))
        return np.where(rng.random(number) < self.share, which, -1)


class Documents(Value):
    """Retrieved passages that stand before the question, the most relevant first."""

    number: Count
    """Passages there are."""
    tokens: Lengths
    per_request: Count = 4
    """Passages in a prompt."""
    zipf_exponent: Exponent = 1.0
    """How unequal their popularity is; 0 is even."""

    def choose(self, rng: Generator, number: int) -> Ints:
        """Passages of each of `number` requests, shape (number, per_request).

        They are drawn independently, so a prompt may, rarely, quote the same one twice.
        """
        chance = popularity(self.number, self.zipf_exponent)
        return np.asarray(rng.choice(self.number, (number, self.per_request), p=chance))


def popularity(number: int, exponent: float) -> NDArray[np.float64]:
    """Zipf's law over ranks: chance of rank k in proportion to ``k ** -exponent``.

    >>> popularity(3, 1.0).round(4).tolist()
    [0.5455, 0.2727, 0.1818]
    """
    weight = np.arange(1, number + 1, dtype=np.float64) ** -exponent
    return np.asarray(weight / weight.sum())
