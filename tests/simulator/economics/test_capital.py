"""Payments over time: charges, present values and rates agree with each other."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.economics.capital import (
    annuity,
    capital_charge,
    depreciation_and_interest,
    irr,
    monthly_rate,
    net_present_value,
    payback_month,
)

rates = st.floats(0.0, 0.05)
months = st.integers(1, 120)
prices = st.floats(1.0, 1e6)
shares = st.floats(0.0, 0.9)


@given(rates, months)
def test_the_payments_of_an_annuity_are_worth_one_dollar(rate: float, n: int) -> None:
    payments = np.concatenate([[0.0], np.full(n, annuity(rate, n))])
    assert net_present_value(rate, payments) == pytest.approx(1.0, rel=1e-9)


@given(prices, shares, rates, months)
def test_a_capital_charge_pays_for_the_thing_less_its_salvage(
    price: float, share: float, rate: float, n: int
) -> None:
    charge = capital_charge(price, share * price, rate, n)
    flows = np.concatenate([[-price], np.full(n, charge)])
    flows[-1] += share * price
    assert net_present_value(rate, flows) == pytest.approx(0.0, abs=1e-6 * price)


@given(prices, shares, rates, months)
def test_depreciation_and_interest_are_worth_the_capital_charge(
    price: float, share: float, rate: float, n: int
) -> None:
    by_book = np.concatenate([[0.0], depreciation_and_interest(price, share * price, rate, n)])
    equal = np.concatenate([[0.0], np.full(n, capital_charge(price, share * price, rate, n))])
    assert net_present_value(rate, by_book) == pytest.approx(net_present_value(rate, equal))


def test_a_years_interest_compounds_from_its_months() -> None:
    assert (1 + monthly_rate(0.12)) ** 12 == pytest.approx(1.12)


@given(st.floats(0.001, 0.5), st.integers(2, 60))
def test_the_internal_rate_is_the_one_that_was_put_in(rate: float, n: int) -> None:
    flows = np.concatenate([[-1.0], np.full(n, annuity(rate, n))])
    assert irr(flows) == pytest.approx(rate, rel=1e-6)


@pytest.mark.parametrize("flows", [[1.0, 2.0], [-1.0, -2.0], [-1.0, 3.0, -2.0], []])
def test_there_is_not_always_one_internal_rate(flows: list[float]) -> None:
    assert math.isnan(irr(flows))


def test_discounting_puts_off_the_payback() -> None:
    flows = [-100.0, *[10.0] * 24]
    assert payback_month(flows) == 10
    assert payback_month(flows, rate=0.02) == 12
    assert payback_month(flows, rate=0.2) is None


def test_nothing_is_repaid_in_no_time() -> None:
    with pytest.raises(ValueError, match="periods must be positive"):
        annuity(0.1, 0)
