"""Where the staircase crosses the line, found without a grid, is where a grid finds it."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from simulator.economics.breakeven import (
    SelfHosting,
    break_even_volume,
    crossing,
    hybrid_cost,
    replicas_to_own,
)

SECONDS = 730 * 3600

own_ways = st.builds(
    SelfHosting,
    fixed_usd=st.floats(0, 3e4),
    usd_per_h=st.floats(0.5, 20.0),
    requests_per_s=st.floats(0.5, 10.0),
    peak_to_mean=st.floats(1.0, 4.0),
    spares=st.integers(0, 2),
    lot=st.sampled_from([1, 1, 3, 4]),
    usd_per_request=st.sampled_from([0.0, 5e-5]),
)
prices = st.floats(1e-4, 1e-2)


@given(own_ways, prices, st.floats(0, 1e4))
def test_before_the_first_crossing_the_api_is_cheaper(
    own: SelfHosting, price: float, api_fixed: float
) -> None:
    first, _ = crossing(own, price, api_fixed)
    end = min(first, 100 * own.requests_per_s)
    assume(end > 1e-3)
    load = np.linspace(1e-6, end * (1 - 1e-9), 400)
    api = api_fixed + price * SECONDS * load
    assert (own.usd_per_month(load) >= api * (1 - 1e-9)).all()


@given(own_ways, prices, st.floats(0, 1e4))
def test_after_the_last_crossing_it_stays_cheaper(
    own: SelfHosting, price: float, api_fixed: float
) -> None:
    first, always = crossing(own, price, api_fixed)
    assert first <= always
    if np.isfinite(always):
        load = (max(always, 1e-6)) * np.geomspace(1 + 1e-9, 50, 400)
        api = api_fixed + price * SECONDS * load
        assert (own.usd_per_month(load) <= api * (1 + 1e-6)).all()


def test_a_staircase_may_be_crossed_again() -> None:
    own = SelfHosting(15_778, 5.90, 2.0, peak_to_mean=1.3, spares=1)
    first, always = crossing(own, 0.0021375, 4_125)
    between = (first + 2.0 * 4 / 1.3) / 2
    above = 2.0 * 4 / 1.3 + 0.01
    assert first < between < above < always
    for load, cheaper in ((between, True), (above, False), (always + 0.01, True)):
        api = 4_125 + 0.0021375 * SECONDS * load
        assert bool(own.usd_per_month(load) < api) == cheaper


def test_servers_hold_lots_of_replicas() -> None:
    own = SelfHosting(0.0, 1.0, 2.0, spares=1, lot=4, usd_per_request=0.001)
    assert own.replicas([0.1, 6.0, 6.1]).tolist() == [4, 4, 8]
    assert float(own.usd_per_month(6.0)) == pytest.approx(4 * 730 + 6.0 * SECONDS * 0.001)


def test_replicas_are_whole_and_provide_for_the_peak() -> None:
    own = SelfHosting(0.0, 1.0, 2.0, peak_to_mean=3.0, spares=1)
    assert own.replicas([0.0, 0.1, 2.0, 2.1]).tolist() == [1, 2, 4, 5]


def test_what_earns_nothing_has_no_break_even() -> None:
    assert break_even_volume(100.0, 0.001, 0.002) == float("inf")


@given(
    st.lists(st.tuples(st.floats(0, 20), st.floats(0.1, 1)), min_size=1, max_size=8),
    st.floats(0.5, 20.0),
    st.floats(0.5, 5.0),
    prices,
)
def test_the_replicas_to_own_are_the_cheapest_number(
    times: list[tuple[float, float]], usd_per_h: float, mu: float, price: float
) -> None:
    load = [rate for rate, _ in times]
    share = np.array([part for _, part in times])
    share /= share.sum()
    chosen = replicas_to_own(load, share, usd_per_h, mu, price)
    costs = [hybrid_cost(load, share, r, usd_per_h, mu, price) for r in range(chosen + 10)]
    assert costs[chosen] == pytest.approx(min(costs))
