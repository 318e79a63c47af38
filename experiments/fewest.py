"""The fewest replicas that keep the targets, under several loads, in few tries."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from experiments.judging import Ask, Verdict
from experiments.load import Load

__all__ = ["Fewest", "fewest"]


class Fewest(NamedTuple):
    """Replicas for one load."""

    load: Load
    replicas: int | None
    """None if even the most that were allowed do not keep the targets."""
    sure: bool
    """Whether it is beyond doubt that so many do, and that one fewer does not."""
    verdict: Verdict | None
    """Of that number of replicas; None if it follows from what was found under a greater load."""


class _Try(NamedTuple):
    replicas: int
    rate: float
    sure: bool


@dataclass
class _Tried:
    """What is known of one kind of load: more load never helps, more replicas never harm.

    What was found beyond doubt under one load holds for others too; what was found in doubt holds
    for its own load alone.
    """

    met: list[_Try] = field(default_factory=list)
    failed: list[_Try] = field(default_factory=list)

    def _failed(self, rate: float) -> list[_Try]:
        return [t for t in self.failed if t.rate == rate or (t.sure and t.rate < rate)]

    def _met(self, rate: float) -> list[_Try]:
        return [t for t in self.met if t.rate == rate or (t.sure and t.rate > rate)]

    def too_few(self, rate: float) -> int:
        """Most replicas known to be too few at this rate."""
        return max((t.replicas for t in self._failed(rate)), default=0)

    def enough(self, rate: float) -> int | None:
        """Fewest replicas known to do at this rate."""
        return min((t.replicas for t in self._met(rate)), default=None)

    def sure(self, rate: float, replicas: int | None) -> bool:
        """Whether clear verdicts say that so many do, and one fewer does not."""
        fewer = self.too_few(rate) if replicas is None else replicas - 1
        shown = any(t.sure for t in self._met(rate) if t.replicas == replicas)
        denied = any(t.sure for t in self._failed(rate) if t.replicas == fewer)
        return (replicas is None or shown) and (fewer == 0 or denied)

    def per_replica(self, guess: float) -> float:
        """Rate that a replica can probably bear, between what was borne and what was not."""
        borne = max((one.rate / one.replicas for one in self.met), default=None)
        not_borne = min((one.rate / one.replicas for one in self.failed), default=None)
        if borne is None and not_borne is None:
            return guess
        if borne is None:
            return min(guess, (not_borne or 0) / 2)
        if not_borne is None:
            return max(guess, borne * 2)
        return math.sqrt(borne * not_borne)


def fewest(
    probe: Callable[[int, Load], Ask[Verdict]],
    loads: Sequence[Load],
    rate_of: Callable[[Load], float],
    most: int,
    guess_per_s: float,
) -> Ask[list[Fewest]]:
    """Search every load, the greatest first; what it teaches spares tries for the smaller ones.

    Whether n replicas keep the targets is taken to depend on n and on the rate in one direction
    each. A number is the answer when it does and the next smaller one does not; both are tried
    unless they follow from a try under another load.

    Parameters
    ----------
    probe : asks whether so many replicas keep the targets under a load.
    rate_of : requests a second of a load; loads are compared within their kind (as it comes, held).
    most : replicas at most.
    guess_per_s : rate that one replica might bear; a bad guess costs tries, not the answer.
    """
    tried: dict[bool, _Tried] = {True: _Tried(), False: _Tried()}
    verdicts: dict[tuple[int, Load], Verdict] = {}
    answers: dict[Load, Fewest] = {}
    for load in sorted(loads, key=rate_of, reverse=True):
        rate, known = rate_of(load), tried[load.rate_per_s is None]
        if not known.met:  # what another kind of load taught is a better guess than none
            guess_per_s = tried[load.rate_per_s is not None].per_replica(guess_per_s)
        while True:
            too_few, enough = known.too_few(rate), known.enough(rate)
            if too_few >= most or (enough is not None and enough <= too_few + 1):
                break
            top = most if enough is None else enough - 1
            wanted = math.ceil(rate / known.per_replica(guess_per_s) - 1e-9)
            n = min(max(wanted, too_few + 1), top)
            verdict = yield from probe(n, load)
            verdicts[n, load] = verdict
            side = known.met if verdict.meets else known.failed
            side.append(_Try(n, rate, verdict.sure))
        found = known.enough(rate) if known.too_few(rate) < most else None
        sure = known.sure(rate, found)
        answers[load] = Fewest(load, found, sure, verdicts.get((found or 0, load)))
    return [answers[load] for load in loads]
