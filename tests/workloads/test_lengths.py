"""Length distributions have the moments they say they have, and stay in their bounds."""

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from hardware_profiles.errors import InputError
from workloads.lengths import Empirical, Fixed, Lengths, Lognormal, Mixture, Uniform, Zipf

EVERY = [
    Fixed(tokens=128),
    Uniform(min=10, max=30),
    Lognormal(mean=1000, cv=1.0),
    Lognormal(mean=300, cv=2.0, min=50, max=2000),
    Lognormal(median=200, sigma=0.8),
    Empirical(values=(10, 100, 1000)),
    Empirical(values=(10, 100, 1000), weights=(5, 3, 2)),
    Zipf(exponent=1.2, min=4, max=5000),
    Zipf(exponent=0, min=1, max=9),
    Mixture.parse(
        {
            "parts": [
                {"weight": 3, "lengths": 100},
                {"weight": 1, "lengths": {"kind": "lognormal", "mean": 900, "cv": 0.5}},
            ]
        }
    ),
]


def ids(lengths):
    return f"{lengths.kind}-{lengths.mean_tokens():.0f}"


@pytest.mark.parametrize("lengths", EVERY, ids=ids)
def test_the_mean_is_as_stated(lengths, rng):
    assert lengths.sample(rng, 400_000).mean() == pytest.approx(lengths.mean_tokens(), rel=0.01)


@pytest.mark.parametrize("lengths", EVERY, ids=ids)
def test_lengths_are_whole_and_at_least_one(lengths, rng):
    drawn = lengths.sample(rng, 1000)
    assert drawn.dtype == np.int64
    assert drawn.min() >= 1


def test_a_lognormal_has_the_cv_asked_for(rng):
    drawn = Lognormal(mean=1000, cv=1.5).sample(rng, 1_000_000)
    assert drawn.std() / drawn.mean() == pytest.approx(1.5, rel=0.03)


def test_a_lognormal_has_the_median_asked_for(rng):
    assert np.median(Lognormal(median=200, sigma=0.8).sample(rng, 100_000)) == pytest.approx(
        200, rel=0.01
    )


def test_bounds_hold(rng):
    drawn = Lognormal(mean=300, cv=2.0, min=50, max=2000).sample(rng, 100_000)
    assert (drawn.min(), drawn.max()) == (50, 2000)


def test_a_uniform_draws_both_its_ends_and_has_its_variance(rng):
    drawn = Uniform(min=10, max=30).sample(rng, 100_000)
    assert (drawn.min(), drawn.max()) == (10, 30)
    assert drawn.var() == pytest.approx((21**2 - 1) / 12, rel=0.02)


def test_an_empirical_draws_in_proportion_to_its_weights(rng):
    drawn = Empirical(values=(10, 100, 1000), weights=(5, 3, 2)).sample(rng, 100_000)
    shares = [(drawn == value).mean() for value in (10, 100, 1000)]
    assert shares == pytest.approx([0.5, 0.3, 0.2], abs=0.01)


def test_zipf_lengths_fall_off_by_their_exponent(rng):
    drawn = Zipf(exponent=2, min=10, max=10_000).sample(rng, 400_000)
    assert (drawn == 10).sum() / (drawn == 20).sum() == pytest.approx(4, rel=0.05)


def test_a_mixture_has_as_many_humps_as_parts(rng):
    parts = [{"weight": 2, "lengths": 50}, {"weight": 1, "lengths": 800}]
    drawn = Mixture.parse({"parts": parts}).sample(rng, 30_000)
    assert set(drawn.tolist()) == {50, 800}
    assert (drawn == 50).mean() == pytest.approx(2 / 3, abs=0.01)


def test_an_empirical_can_be_read_from_a_file(tmp_path, rng):
    (tmp_path / "seen.csv").write_text("﻿10,1\r\n\r\n30,3\r\n", "utf-8")
    lengths = Empirical(path="seen.csv")
    assert lengths.mean_tokens(tmp_path) == 25
    assert set(lengths.sample(rng, 100, tmp_path).tolist()) == {10, 30}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("10\nx\n", "line 2: expected `tokens` or `tokens,weight`, found 'x'"),
        ("0\n", "line 1: expected at least 1 token"),
        ("5,-1\n", "line 1: expected at least 1 token and a weight of at least 0"),
        ("5,nan\n", "line 1"),
        ("5,0\n", "expected a weight above 0"),
        ("\n", "holds no lengths"),
    ],
)
def test_a_bad_file_of_lengths_is_refused(tmp_path, rng, text, message):
    (tmp_path / "seen.csv").write_text(text)
    with pytest.raises(InputError, match=message):
        Empirical(path="seen.csv").sample(rng, 1, tmp_path)


def test_a_missing_file_of_lengths_is_refused(tmp_path, rng):
    with pytest.raises(InputError, match="cannot be read"):
        Empirical(path="none.csv").sample(rng, 1, tmp_path)


def test_a_bare_number_is_a_fixed_length():
    assert TypeAdapter(Lengths).validate_python(64) == Fixed(tokens=64)


@pytest.mark.parametrize(
    "wrong",
    [
        0,
        -4,
        True,
        2**31,
        {"kind": "fixed", "tokens": 1.5},
        {"kind": "uniform", "min": 9, "max": 3},
        {"kind": "lognormal", "mean": 10},
        {"kind": "lognormal", "mean": 10, "cv": 1, "median": 4, "sigma": 1},
        {"kind": "lognormal", "mean": 10, "sigma": 1},
        {"kind": "lognormal", "mean": 10, "cv": 1, "min": 20, "max": 10},
        {"kind": "empirical"},
        {"kind": "empirical", "values": [1, 0]},
        {"kind": "empirical", "values": [1, 2], "weights": [1]},
        {"kind": "empirical", "values": [1, 2], "weights": [0, 0]},
        {"kind": "empirical", "values": [1], "path": "x"},
        {"kind": "normal", "mean": 3},
        {"kind": "zipf", "exponent": -1, "max": 5},
        {"kind": "zipf", "exponent": 1, "min": 9, "max": 5},
        {"kind": "mixture", "parts": []},
        {"kind": "mixture", "parts": [{"weight": 0, "lengths": 5}]},
        {"kind": "mixture", "parts": [{"weight": 1, "lengths": 0}]},
    ],
)
def test_impossible_lengths_are_refused(wrong):
    with pytest.raises(ValidationError):
        TypeAdapter(Lengths).validate_python(wrong)
