"""Draws are what they are asked to be, and the decision is read off them without bias."""

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.economics.uncertainty import Draws, Range, decide, draw, sobol, tornado

RANGES = {"price": Range(1.0, 2.0, 4.0), "load": Range(0.0, 5.0, 10.0), "fixed": Range(3, 3, 3)}


def model(x: Draws) -> np.ndarray:
    return x["price"] * 10.0 + x["load"] + x["fixed"]


def rng() -> np.random.Generator:
    return np.random.default_rng(1)


@given(st.floats(-10, 10), st.floats(0, 10), st.floats(0, 10))
def test_quantiles_of_a_range_rise_from_its_low_to_its_high(
    low: float, left: float, right: float
) -> None:
    found = Range(low, low + left, low + left + right).at(np.linspace(0, 1, 21))
    assert found[0] == pytest.approx(low)
    assert found[-1] == pytest.approx(low + left + right)
    assert (np.diff(found) >= -1e-9).all()


def test_a_range_in_the_wrong_order_is_refused() -> None:
    with pytest.raises(ValueError, match="low <= mode <= high"):
        Range(3.0, 2.0, 4.0).at(0.5)


def test_draws_have_the_mean_and_the_correlation_asked_for() -> None:
    found = draw(RANGES, 5000, rng(), {("price", "load"): 0.5})
    assert found["price"].mean() == pytest.approx((1 + 2 + 4) / 3, rel=0.01)
    assert np.corrcoef(found["price"], found["load"])[0, 1] == pytest.approx(0.5, abs=0.05)
    assert (found["fixed"] == 3).all()


def test_the_same_seed_draws_the_same() -> None:
    one, other = draw(RANGES, 100, rng()), draw(RANGES, 100, rng())
    assert all((one[name] == other[name]).all() for name in RANGES)


def test_correlations_must_be_possible_and_of_known_inputs() -> None:
    with pytest.raises(ValueError, match="there are: price, load, fixed"):
        draw(RANGES, 10, rng(), {("price", "weather"): 0.5})
    impossible = {("price", "load"): 0.9, ("load", "fixed"): 0.9, ("price", "fixed"): -0.9}
    with pytest.raises(ValueError, match="at once"):
        draw(RANGES, 10, rng(), impossible)


def test_what_moves_both_ways_does_not_part_them() -> None:
    # Common random numbers: the dearer by a constant is never the cheapest.
    shared = draw(RANGES, 1000, rng())
    found = decide({"a": model(shared), "b": model(shared) + 0.01})
    assert found.best == "a"
    assert found.table.loc["a", "p_cheapest"] == 1.0
    assert found.evpi_usd == pytest.approx(0.0)


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 100)), min_size=1, max_size=30))
def test_knowing_is_worth_the_regret_of_the_best(costs: list[tuple[float, float]]) -> None:
    a, b = (np.array(column) for column in zip(*costs, strict=True))
    found = decide({"a": a, "b": b})
    assert found.evpi_usd == pytest.approx(found.table["expected_regret"].min(), abs=1e-9)
    assert found.evpi_usd >= -1e-12
    assert found.table["p_cheapest"].sum() == pytest.approx(1.0)


def test_the_tornado_puts_the_widest_first() -> None:
    found = tornado(model, RANGES)
    assert found.index[0] == "price"
    assert found.loc["fixed", "swing"] == 0
    assert found.loc["load", "low"] == pytest.approx(-found.loc["load", "high"])


def test_sobol_indices_of_a_sum_are_its_shares_of_variance() -> None:
    found = sobol(model, RANGES, 1024, rng())
    variance = {
        name: (r.low**2 + r.mode**2 + r.high**2 - r.low * r.mode - r.low * r.high - r.mode * r.high)
        / 18
        for name, r in RANGES.items()
    }
    of_price = 100 * variance["price"] / (100 * variance["price"] + variance["load"])
    assert found.loc["price", "first_order"] == pytest.approx(of_price, abs=0.02)
    assert found["first_order"].sum() == pytest.approx(1.0, abs=0.02)
    assert found["total_order"].to_numpy() == pytest.approx(
        found["first_order"].to_numpy(), abs=0.03
    )


def test_twenty_thousand_draws_of_three_years_take_seconds() -> None:
    begin = time.perf_counter()
    shared = draw(RANGES, 20_000, rng())
    months = np.arange(36)
    ways = {
        name: (model(shared)[:, None] * factor**months).sum(axis=1)
        for name, factor in (("a", 1.0), ("b", 1.001), ("c", 0.999))
    }
    assert decide(ways).best == "c"
    assert time.perf_counter() - begin < 10
