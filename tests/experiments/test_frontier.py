"""The frontier is enclosed, and the search stops where noise begins."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.frontier import Capacity, capacity
from experiments.judging import Ask, Verdict


def search(truth: float, noise: float, guess: float, narrow: float = 1.02) -> Capacity:
    def probe(rate: float) -> Ask[Verdict]:
        sure = abs(math.log(rate / truth)) >= noise if truth > 0 else True
        return Verdict(rate <= truth, sure, 2, {})
        yield []

    question = capacity(probe, guess, narrow)
    with pytest.raises(StopIteration) as answered:
        next(question)
    found: Capacity = answered.value.value
    return found


@given(truth=st.floats(1e-2, 1e3), guess=st.floats(0.1, 100.0))
def test_without_noise_the_bounds_are_as_near_as_asked(truth: float, guess: float) -> None:
    found = search(truth, 0.0, guess)
    assert found.borne_per_s <= truth < found.not_borne_per_s
    assert found.not_borne_per_s <= 1.02 * found.borne_per_s
    assert found.sure
    assert found.tries < 30


@given(truth=st.floats(1e-1, 1e2), guess=st.floats(0.5, 20.0), noise=st.floats(0.02, 0.3))
def test_with_noise_the_bounds_enclose_what_is_in_doubt_and_little_more(
    truth: float, guess: float, noise: float
) -> None:
    found = search(truth, noise, guess)
    assert found.borne_per_s <= truth <= found.not_borne_per_s
    width = math.log(found.not_borne_per_s / found.borne_per_s)
    assert width <= 2 * noise + 2 * math.log(1.02**4) + 1e-9
    assert found.tries < 30


def test_a_fleet_that_keeps_nothing_bears_nothing() -> None:
    found = search(0.0, 0.0, 1.0)
    assert found.borne_per_s == 0
    assert found.rate_per_s == 0
    assert not found.sure


@pytest.mark.parametrize(
    ("guess", "narrow"), [(0, 1.1), (-1, 1.1), (math.nan, 1.1), (math.inf, 1.1), (1, 1.0)]
)
def test_a_search_from_nowhere_is_refused(guess: float, narrow: float) -> None:
    with pytest.raises(ValueError, match="expected a rate above 0"):
        search(1.0, 0.0, guess, narrow)
