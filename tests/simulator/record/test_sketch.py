"""A sketch is as right as it says; what is counted bit by bit is what is counted at once."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.record.at_once import AtOnce
from simulator.record.distribution import describe
from simulator.record.sketch import RELATIVE_ERROR, Sketch

SECONDS = st.floats(1e-6, 1e5) | st.just(0.0)


@given(st.lists(SECONDS, min_size=1, max_size=60))
def test_percentiles_are_right_to_the_relative_error(values):
    sketch = Sketch()
    sketch.add(values[: len(values) // 2])
    sketch.add([*values[len(values) // 2 :], float("nan")])
    found, exact = sketch.distribution(), describe(values)
    assert found.n == exact.n
    assert found.max == exact.max
    assert found.mean == pytest.approx(exact.mean)
    for one, other in zip(found, exact, strict=True):
        assert one == pytest.approx(other, rel=1.01 * RELATIVE_ERROR)


def test_a_million_values_of_every_size_take_the_room_of_none():
    rng = np.random.default_rng(3)
    values = rng.lognormal(0, 3, 1_000_000)
    sketch = Sketch()
    sketch.add(values)
    probabilities = np.linspace(0, 1, 1001)
    exact = np.quantile(values, probabilities)
    np.testing.assert_allclose(sketch.quantiles(probabilities), exact, rtol=1.01 * RELATIVE_ERROR)
    assert sketch.counts.nbytes < 200_000


@given(st.lists(st.tuples(SECONDS, st.integers(1, 5)), min_size=1, max_size=30), st.data())
def test_what_is_taken_back_was_never_counted(rows, data):
    kept = data.draw(st.integers(0, len(rows)))
    values, weights = (np.array(column) for column in zip(*rows, strict=True))
    whole, part = Sketch(), Sketch()
    whole.add(values, weights)
    whole.add(values[kept:], -weights[kept:])
    part.add(values[:kept], weights[:kept])
    assert whole.counts.tolist() == part.counts.tolist()
    assert whole.total == pytest.approx(part.total, abs=1e-6 * abs(values @ weights))


def test_the_percentiles_of_nothing_are_unknown():
    found = Sketch().distribution()
    assert found.n == 0
    assert np.isnan(found.p99)


@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 20)), min_size=1, max_size=40),
    st.lists(st.integers(0, 60), max_size=6),
)
def test_requests_at_once_are_the_same_settled_bit_by_bit(visits, stops):
    visits = sorted(visits)
    came = np.array([begin for begin, _ in visits], dtype=float)
    left = came + np.array([length for _, length in visits])
    whole = AtOnce()
    whole.add(came, left)
    whole.settle(61.0)
    bits = AtOnce()
    rest = np.ones(len(came), dtype=bool)
    for stop in [*sorted(stops), 61.0]:
        # All that came before has left: only then is the time before settled.
        ended = rest & (left <= stop)
        bits.add(came[ended], left[ended])
        rest &= ~ended
        bits.settle(min(float(stop), came[rest].min(initial=np.inf) - 1))
    bits.settle(61.0)
    assert bits.lasted_s.sum() == pytest.approx(61.0)
    size = max(len(bits.lasted_s), len(whole.lasted_s))
    assert np.pad(bits.lasted_s, (0, size - len(bits.lasted_s))).tolist() == pytest.approx(
        np.pad(whole.lasted_s, (0, size - len(whole.lasted_s))).tolist()
    )
    assert whole.concurrency().mean == pytest.approx((left - came).sum() / 61.0)
