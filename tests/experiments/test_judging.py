"""What is clear is decided by few runs, what is close by more, what breaks by none."""

import math
from collections.abc import Callable
from typing import Any

import pytest

from experiments.cell import Outcome
from experiments.judging import Patience, Verdict, judge
from experiments.targets import Target
from hardware_profiles.errors import InputError

TARGET = Target(metric="ttft.p99", at_most=1.0)


class FakeTask:
    """Stands for a run of that replication."""

    def __init__(self, replication: int) -> None:
        self.key = str(replication)


def decide(value: Callable[[int], float], **patience: Any) -> Verdict:
    return answer(lambda i: Outcome(str(i), {"ttft.p99": value(i)}), **patience)


def answer(outcome: Callable[[int], Outcome], **patience: Any) -> Verdict:
    task: Any = FakeTask
    question = judge(task, [TARGET], Patience(**patience))
    asked = next(question)
    outcomes: dict[str, Outcome] = {}
    while True:
        outcomes |= {one.key: outcome(int(one.key)) for one in asked}
        try:
            asked = question.send(outcomes)
        except StopIteration as answered:
            verdict: Verdict = answered.value
            return verdict


def alternating(centre: float, spread: float) -> Callable[[int], float]:
    return lambda i: centre + spread * (-1) ** i


def test_what_is_clear_takes_two_runs() -> None:
    assert decide(alternating(0.5, 0.01)) == (True, True, 2, {"ttft.p99": 0.5}, "")
    assert decide(alternating(5.0, 0.1))[:3] == (False, True, 2)


def test_what_is_close_takes_more_and_what_stays_close_is_marked() -> None:
    close = decide(alternating(0.9, 0.1))
    assert close.meets
    assert close.sure
    assert close.n > 2
    on_the_line = decide(alternating(0.999, 0.1))
    assert on_the_line[:3] == (True, False, 8)
    assert decide(alternating(1.001, 0.1))[:3] == (False, False, 8)


def test_what_is_far_beyond_in_every_run_is_clear_however_much_runs_differ() -> None:
    # Student's interval on 3, 8, 12 and 20 reaches below zero.
    overloaded = (3.0, 8.0, 12.0, 20.0, 5.0, 9.0, 30.0, 4.0)
    found = decide(lambda i: overloaded[i])
    assert found[:2] == (False, True)
    assert found.n <= 4
    # The other way round nothing is gained: one bad run in four may break the bound on the mean.
    assert decide(lambda i: (0.5, 0.1, 0.6, 2.0)[i % 4])[:2] == (True, False)


def test_a_run_without_chance_is_asked_once() -> None:
    assert decide(lambda i: 0.999, least=1, most=1)[:3] == (True, True, 1)


def test_what_cannot_be_said_is_not_kept() -> None:
    assert decide(lambda i: math.nan)[:2] == (False, True)


def test_a_run_that_cannot_be_keeps_nothing_and_says_why() -> None:
    found = answer(lambda i: Outcome(str(i), {}, "too large"))
    assert (found.meets, found.sure, found.error) == (False, True, "too large")


def test_a_run_that_breaks_down_is_no_verdict() -> None:
    with pytest.raises(InputError, match="a run broke down: MemoryError"):
        answer(lambda i: Outcome(str(i), {}, "MemoryError: ", final=False))
