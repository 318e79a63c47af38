"""Months add up, servers come in whole and late, and money later is worth less."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.economics.projection import path, project, purchases, resale_value

needs = st.lists(st.floats(0, 20), min_size=1, max_size=48)


def test_growth_compounds_over_the_months() -> None:
    grown = path(2.0, 0.5, 25)
    assert grown[[0, 12, 24]] == pytest.approx([2.0, 3.0, 4.5])


def test_prices_may_rise_or_fall_and_differ_by_draw() -> None:
    paths = path(np.array([1.0, 1.0]), np.array([0.1, -0.1]), 13)
    assert paths.shape == (2, 13)
    assert paths[:, -1] == pytest.approx([1.1, 0.9])


def test_a_season_comes_back_every_year() -> None:
    season = np.linspace(0.8, 1.2, 12)
    assert path(1.0, 0.0, 24, season)[12:] == pytest.approx(season)
    with pytest.raises(ValueError, match="12 factors"):
        path(1.0, 0.0, 24, [1.0, 2.0])


@given(needs, st.integers(0, 6), st.integers(6, 48))
def test_servers_are_bought_whole_and_only_when_needed(
    needed: list[float], lead: int, life: int
) -> None:
    found = purchases(needed, lead, life)
    assert found.held.max(initial=0) <= max(np.ceil(needed))
    assert found.held.min(initial=0) >= 0
    if lead == 0:
        assert (found.short == 0).all()


@given(needs, st.integers(1, 6))
def test_until_the_first_delivery_there_is_nothing(needed: list[float], lead: int) -> None:
    assert (purchases(needed, lead).held[:lead] == 0).all()


def test_a_server_is_replaced_at_the_end_of_its_life() -> None:
    found = purchases([1] * 10, life_months=4)
    assert found.bought.tolist() == [1, 0, 0, 0, 1, 0, 0, 0, 1, 0]
    assert (found.held == 1).all()


def test_servers_owned_at_the_start_need_not_be_bought() -> None:
    assert purchases([2, 2, 3], owned=2).bought.tolist() == [0, 0, 1]


def test_a_used_server_loses_the_same_share_every_year() -> None:
    values = resale_value(100.0, [0, 12, 24], 0.7)
    assert values.tolist() == pytest.approx([100.0, 70.0, 49.0])


def test_lines_add_up_month_by_month() -> None:
    found = project({"rent": [10.0, 10.0], "people": [5.0, 6.0]}, wacc=0.0, start_usd=100.0)
    assert found.monthly_usd.tolist() == [100.0, 15.0, 16.0]
    assert found.present_value_usd == pytest.approx(131.0)


def test_what_is_had_back_at_the_end_counts_against_the_cost() -> None:
    plain = project({"rent": [1.0] * 12}, wacc=0.1)
    back = project({"rent": [1.0] * 12}, wacc=0.1, end_usd=5.5)
    assert plain.present_value_usd - back.present_value_usd == pytest.approx(5.5 / 1.1)


def test_payback_is_the_month_from_which_it_stays_cheaper() -> None:
    own = project({"own": [10.0] * 12}, wacc=0.0, start_usd=50.0)
    api = project({"api": [20.0] * 12}, wacc=0.0)
    assert own.payback_month(api) == 5
    assert api.payback_month(own) is None
    assert api.payback_month(api) == 0
