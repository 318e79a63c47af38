"""A weighted distribution is that of the values written out."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.record.distribution import PERCENTILES, describe

samples = st.lists(
    st.tuples(st.floats(-1e6, 1e6), st.integers(0, 5)), min_size=1, max_size=40
).filter(lambda pairs: any(weight for _, weight in pairs))


@given(samples)
def test_a_weighted_distribution_is_that_of_repeated_values(
    pairs: list[tuple[float, int]],
) -> None:
    values, weights = (np.array(column) for column in zip(*pairs, strict=True))
    written_out = np.repeat(values, weights)
    found = describe(values, weights)
    assert found.n == len(written_out)
    assert found.mean == pytest.approx(written_out.mean(), abs=1e-6)
    assert found[2:6] == pytest.approx(np.quantile(written_out, PERCENTILES), abs=1e-6)
    assert found.max == written_out.max()


def test_nothing_has_no_distribution() -> None:
    nothing = describe([float("nan")])
    assert nothing.n == 0
    assert all(math.isnan(value) for value in nothing[1:])
