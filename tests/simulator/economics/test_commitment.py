"""What to reserve: the rule finds the cheapest, and the parts add up."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.economics.commitment import (
    commitment_cost,
    exit_cost,
    optimal_commitment,
    reserved_price,
    serverless_cost,
    spot_price,
)

traces = st.lists(st.tuples(st.integers(0, 12), st.floats(1.0, 1e5)), min_size=1, max_size=20)


@given(traces, st.floats(0.01, 0.99))
def test_the_newsvendors_rule_is_the_cheapest_commitment(
    trace: list[tuple[int, float]], ratio: float
) -> None:
    needed, lasted = zip(*trace, strict=True)
    costs = [
        commitment_cost(needed, lasted, r, reserved=ratio, on_demand=1.0).total_usd
        for r in range(14)
    ]
    chosen = optimal_commitment(needed, lasted, reserved=ratio, on_demand=1.0)
    assert costs[chosen] == pytest.approx(min(costs))


@given(traces, st.integers(0, 12))
def test_what_is_not_stranded_was_needed(trace: list[tuple[int, float]], committed: int) -> None:
    needed, lasted = zip(*trace, strict=True)
    cost = commitment_cost(needed, lasted, committed, reserved=1.0, on_demand=1.0)
    used = cost.reserved_usd - cost.stranded_usd + cost.on_demand_usd
    hours = float(np.dot(needed, lasted)) / 3600
    assert used == pytest.approx(hours)


def test_nothing_is_reserved_for_nothing() -> None:
    assert optimal_commitment([], [], 1.0, 2.0) == 0
    assert optimal_commitment([0, 0], [1.0, 1.0], 1.0, 2.0) == 0


def test_a_reservation_dearer_than_demand_is_never_made() -> None:
    assert optimal_commitment([5, 5], [1.0, 1.0], 3.0, 2.0) == 0


def test_what_is_paid_upfront_costs_interest() -> None:
    hours = 730.0
    plain = reserved_price(36 * hours, 0.0, 0.0, 36)
    assert plain == pytest.approx(1.0)
    assert reserved_price(36 * hours, 0.0, 0.01, 36) > plain
    assert reserved_price(0.0, hours, 0.01, 36) == pytest.approx(plain)


def test_leaving_early_costs_the_rest_of_the_term() -> None:
    assert exit_cost(2.0, 3, months_left=0.5) == pytest.approx(2.0 * 3 * 365)


def test_spot_that_is_never_there_is_on_demand() -> None:
    assert spot_price(1.0, 3.0, 0.5, 0.1, share_without=1.0) == 3.0


def test_spot_pays_for_loading_again() -> None:
    assert spot_price(1.0, 3.0, 0.5, 0.1, share_without=0.0) == pytest.approx(1.05)


def test_serverless_rounds_each_stay_up() -> None:
    assert serverless_cost(1.0, [0.1] * 10) == 10.0
    assert serverless_cost(1.0, []) == 0.0
