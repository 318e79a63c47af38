"""The search finds what trying everything would find, in few tries."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.fewest import Fewest, fewest
from experiments.judging import Ask, Verdict
from experiments.load import Load

MOST = 64


class Fleet:
    """Replicas that bear so much each, and a little more together; counts how often it is asked."""

    def __init__(self, bears: float, pooling: float = 0.0, doubt: float = 0.0) -> None:
        self.bears, self.pooling, self.doubt = bears, pooling, doubt
        self.tries = 0

    def meets(self, replicas: int, rate: float) -> bool:
        return rate <= self.bears * replicas ** (1 + self.pooling)

    def probe(self, replicas: int, load: Load) -> Ask[Verdict]:
        self.tries += 1
        rate = rate_of(load)
        near = abs(rate / (self.bears * replicas ** (1 + self.pooling)) - 1) < self.doubt
        return Verdict(self.meets(replicas, rate), not near, 2, {"rate": rate})
        yield []


def rate_of(load: Load) -> float:
    return load.rate_scale * (3.0 if load.rate_per_s is None else load.rate_per_s)


def search(fleet: Fleet, loads: list[Load], guess: float = 1.0, most: int = MOST) -> list[Fewest]:
    question = fewest(fleet.probe, loads, rate_of, most, guess)
    with pytest.raises(StopIteration) as answered:
        next(question)
    found: list[Fewest] = answered.value.value
    return found


def by_brute_force(fleet: Fleet, load: Load, most: int = MOST) -> int | None:
    return next((n for n in range(1, most + 1) if fleet.meets(n, rate_of(load))), None)


rates = st.floats(0.05, 200.0)


@given(
    bears=st.floats(0.05, 50.0),
    pooling=st.floats(0.0, 0.3),
    doubt=st.sampled_from([0.0, 0.1]),
    guess=st.floats(1e-3, 1e3),
    held=st.lists(rates, min_size=1, max_size=5, unique=True),
)
def test_the_answer_is_that_of_brute_force_whatever_the_guess(
    bears: float, pooling: float, doubt: float, guess: float, held: list[float]
) -> None:
    fleet = Fleet(bears, pooling, doubt)
    loads = [Load(str(i), rate_per_s=rate) for i, rate in enumerate(held)]
    loads += [load.faster(1.2) for load in loads] + [Load()]
    found = search(fleet, loads, guess)
    assert [answer.load for answer in found] == loads
    assert [answer.replicas for answer in found] == [by_brute_force(fleet, load) for load in loads]


def test_ten_loads_take_fewer_than_three_tries_each() -> None:
    fleet = Fleet(1.3, pooling=0.05)
    loads = [Load(str(rate), rate_per_s=rate) for rate in (5.0, 9.0, 14.0, 21.0, 30.0)]
    search(fleet, loads + [load.faster(1.2) for load in loads])
    assert fleet.tries < 30


def test_what_is_too_small_however_large_is_told_so() -> None:
    (found,) = search(Fleet(0.01), [Load("a", rate_per_s=100.0)])
    assert found.replicas is None
    assert found.verdict is None
    assert found.sure


def test_an_answer_in_doubt_is_marked() -> None:
    sure, unsure = (search(Fleet(1.0, doubt=d), [Load("a", rate_per_s=5.98)])[0] for d in (0, 0.05))
    assert (sure.replicas, sure.sure) == (6, True)
    assert (unsure.replicas, unsure.sure) == (6, False)


def test_doubt_under_one_load_is_no_answer_for_another() -> None:
    fleet = Fleet(1.0, doubt=0.05)
    found = search(fleet, [Load("big", rate_per_s=5.98), Load("small", rate_per_s=5.5)])
    assert [one.sure for one in found] == [False, True]


def test_an_answer_tried_for_itself_has_its_values() -> None:
    (found,) = search(Fleet(1.0), [Load("a", rate_per_s=4.5)])
    assert found.verdict is not None
    assert math.isclose(found.verdict.values["rate"], 4.5)
