"""Arrival processes have the rate and the burstiness that they say they have."""

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from hardware_profiles.errors import InputError
from workloads.arrivals import MMPP, Arrivals, Constant, Gamma, Poisson, Spike, Weibull

STATIONARY = [
    Poisson(rate_per_s=4),
    Constant(rate_per_s=4),
    Gamma(rate_per_s=4, cv=0.4),
    Gamma(rate_per_s=4, cv=3),
    Weibull(rate_per_s=4, cv=0.5),
    Weibull(rate_per_s=4, cv=2),
    MMPP(on_rate_per_s=20, off_rate_per_s=1, on_s=3, off_s=9),
    MMPP(on_rate_per_s=9, on_s=2, off_s=2),
]
EVERY = [*STATIONARY, Spike(base_rate_per_s=2, spike_rate_per_s=30, start_s=40, duration_s=20)]


def ids(process):
    return f"{process.kind}-{process.gap_cv()}"


@pytest.mark.parametrize("process", STATIONARY, ids=ids)
def test_the_mean_rate_is_as_stated(process, rng):
    horizon = 100_000
    found = len(process.sample(rng, horizon_s=horizon)) / horizon
    assert found == pytest.approx(process.mean_rate(), rel=0.02)


@pytest.mark.parametrize("process", STATIONARY, ids=ids)
def test_gaps_have_the_stated_mean_and_cv(process, rng):
    gaps = np.diff(process.sample(rng, num_requests=400_000))
    assert gaps.mean() == pytest.approx(1 / process.mean_rate(), rel=0.02)
    assert gaps.std() / gaps.mean() == pytest.approx(process.gap_cv(), rel=0.02, abs=1e-6)


@pytest.mark.parametrize("process", EVERY, ids=ids)
def test_the_same_seed_gives_the_same_bytes(process):
    draws = [process.sample(np.random.default_rng(7), horizon_s=50).tobytes() for _ in range(2)]
    assert draws[0] == draws[1]


@pytest.mark.parametrize("process", EVERY, ids=ids)
def test_instants_are_in_order_and_before_the_horizon(process, rng):
    instants = process.sample(rng, horizon_s=75)
    assert (np.diff(instants) >= 0).all()
    assert instants[0] >= 0
    assert instants[-1] < 75


@pytest.mark.parametrize("process", EVERY, ids=ids)
def test_the_tighter_of_two_limits_holds(process, rng):
    assert len(process.sample(rng, num_requests=10, horizon_s=1e4)) == 10
    assert process.sample(rng, num_requests=10**6, horizon_s=60)[-1] < 60


def test_gamma_gaps_follow_the_gamma_distribution(rng):
    from scipy import stats

    gaps = np.diff(Gamma(rate_per_s=2, cv=1.5).sample(rng, num_requests=20_000))
    shape = 1 / 1.5**2
    assert stats.kstest(gaps, stats.gamma(shape, scale=0.5 / shape).cdf).pvalue > 0.01


def test_weibull_gaps_follow_the_weibull_distribution(rng):
    from math import gamma

    from scipy import stats

    from workloads.renewal import weibull_shape

    gaps = np.diff(Weibull(rate_per_s=2, cv=1.5).sample(rng, num_requests=20_000))
    shape = weibull_shape(1.5)
    scale = 0.5 / gamma(1 + 1 / shape)
    assert stats.kstest(gaps, stats.weibull_min(shape, scale=scale).cdf).pvalue > 0.01


def test_constant_arrivals_start_at_zero_and_fill_the_horizon(rng):
    assert Constant(rate_per_s=2).sample(rng, horizon_s=2).tolist() == [0, 0.5, 1, 1.5]


def test_counts_of_a_modulated_process_are_as_dispersed_as_theory_says(rng):
    process = MMPP(on_rate_per_s=20, off_rate_per_s=1, on_s=3, off_s=9)
    counts = np.histogram(process.sample(rng, horizon_s=2e6), bins=np.arange(0, 2e6, 500))[0]
    assert counts.var() / counts.mean() == pytest.approx(process.dispersion(), rel=0.05)


def test_equal_rates_would_be_poisson_so_dispersion_goes_to_one():
    assert MMPP(
        on_rate_per_s=2.0001, off_rate_per_s=2, on_s=1, off_s=1
    ).dispersion() == pytest.approx(1, abs=1e-6)


def test_a_spike_has_its_rate_inside_and_the_base_rate_outside(rng):
    spike = Spike(base_rate_per_s=2, spike_rate_per_s=200, start_s=1000, duration_s=500)
    instants = spike.sample(rng, horizon_s=10_000)
    inside = ((instants >= 1000) & (instants < 1500)).sum()
    assert inside == pytest.approx(200 * 500, rel=0.02)
    assert len(instants) - inside == pytest.approx(2 * 9500, rel=0.03)
    assert spike.mean_rate(10_000) == pytest.approx((2 * 9500 + 200 * 500) / 10_000)


def test_a_traffic_that_dies_out_cannot_make_more_requests(rng):
    spike = Spike(base_rate_per_s=0, spike_rate_per_s=5, start_s=10, duration_s=10)
    with pytest.raises(InputError, match="falls to nothing after some 50 requests, 500 were asked"):
        spike.sample(rng, num_requests=500)


def test_traffic_without_an_end_is_refused(rng):
    with pytest.raises(InputError, match="give num_requests, a duration, or both"):
        Poisson(rate_per_s=1).sample(rng)


def test_an_absurd_number_of_requests_is_refused_before_memory_is(rng):
    with pytest.raises(InputError, match=r"1e\+15 requests are too many"):
        Poisson(rate_per_s=1e9).sample(rng, horizon_s=1e6)
    with pytest.raises(InputError, match=r"1e\+12 requests are too many"):
        Poisson(rate_per_s=1).sample(rng, num_requests=10**12)
    assert len(Poisson(rate_per_s=1).sample(rng, num_requests=10**12, horizon_s=100)) < 200


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "poisson", "rate_per_s": 0},
        {"kind": "poisson", "rate_per_s": -1},
        {"kind": "poisson", "rate_per_s": float("nan")},
        {"kind": "poisson", "rate_per_s": 1, "cv": 2},
        {"kind": "gamma", "rate_per_s": 1},
        {"kind": "gamma", "rate_per_s": 1, "cv": 0},
        {"kind": "mmpp", "on_rate_per_s": 1, "off_rate_per_s": 2, "on_s": 1, "off_s": 1},
        {"kind": "spike", "base_rate_per_s": 1, "spike_rate_per_s": 2, "start_s": -1},
        {"kind": "poison", "rate_per_s": 1},
        {"rate_per_s": 1},
    ],
)
def test_impossible_processes_are_refused(wrong):
    with pytest.raises(ValidationError):
        TypeAdapter(Arrivals).validate_python(wrong)
