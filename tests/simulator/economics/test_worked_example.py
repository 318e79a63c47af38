"""One decision worked out by hand: a 70B model on pairs of H100s, or somebody's API.

A replica of 2 GPUs serves 2 requests/s of 1,500 tokens in (500 cached) and 300 out; 2 requests/s
arrive on average. A month has 730 hours.
"""

import numpy as np
import pytest

from simulator.economics.breakeven import (
    SelfHosting,
    break_even_utilization,
    burst_ceiling,
    crossing,
    hybrid_cost,
    replicas_to_own,
)
from simulator.economics.capital import capital_charge, monthly_rate
from simulator.economics.commitment import spot_price
from simulator.economics.people import people_cost, staging_cost
from simulator.economics.token_price import request_price

GPUS, MU, LOAD = 2, 2.0, 2.0
REQUESTS = LOAD * 3600 * 730
MILLIONS_IN, MILLIONS_OUT = REQUESTS * 1500 / 1e6, REQUESTS * 300 / 1e6
FIXED, API_FIXED = 15_778, 4_125
NEBIUS, AWS = 2.95, 6.88
GPT_5_4_MINI = request_price(1500, 300, 0.75, 4.50, cached_tokens=500, usd_cached=0.075)


def cloud(price: float, par: float, fixed: float = 0.0) -> float:
    own = SelfHosting(fixed, GPUS * price, MU, peak_to_mean=par, spares=1)
    return float(own.usd_per_month(LOAD))


def test_the_volumes() -> None:
    assert pytest.approx(5.256e6) == REQUESTS
    assert pytest.approx(7884) == MILLIONS_IN
    assert pytest.approx(1576.8) == MILLIONS_OUT


@pytest.mark.parametrize(
    ("price", "par", "usd"),
    [(NEBIUS, 1.3, 12_921), (NEBIUS, 3.0, 17_228), (AWS, 3.0, 40_179), (0.7 * NEBIUS, 3.0, 12_060)],
)
def test_compute_by_the_hour(price: float, par: float, usd: float) -> None:
    assert cloud(price, par) == pytest.approx(usd, abs=1)


def test_spot_with_a_fallback_on_demand() -> None:
    effective = spot_price(1.25, NEBIUS, reclaims_per_h=0.0, load_h=0.0, share_without=0.30)
    assert cloud(effective, 3.0) == pytest.approx(10_304, abs=26)


def test_requests_cost_what_the_month_costs() -> None:
    assert 1e3 * cloud(NEBIUS, 1.3, FIXED) / REQUESTS == pytest.approx(5.46, abs=0.005)
    assert 1e3 * cloud(NEBIUS, 3.0, FIXED) / REQUESTS == pytest.approx(6.28, abs=0.005)
    # 98.5 % within the SLO.
    good = 0.985 * REQUESTS
    assert cloud(NEBIUS, 3.0, FIXED) / good == pytest.approx(0.006375, abs=2e-6)


def test_the_api_by_the_request() -> None:
    assert pytest.approx(0.0021375) == GPT_5_4_MINI
    month = GPT_5_4_MINI * REQUESTS
    assert month == pytest.approx(11_235, abs=1)


def test_the_api_at_the_same_price_for_all_tokens() -> None:
    together = request_price(1500, 300, 0.88, 0.88)
    assert together * REQUESTS == pytest.approx(8_326, abs=1)


def test_people_and_staging() -> None:
    assert people_cost(0.5, 240_000) == 10_000
    assert staging_cost(cloud(NEBIUS, 3.0), 0.05, 0, 0.0, 0.0) == pytest.approx(861, abs=1)


def test_the_capital_of_eight_gpus() -> None:
    paid = 300_000 * 1.12
    assert capital_charge(paid, 0.2 * paid, monthly_rate(0.10), 36) == pytest.approx(9_155, abs=1)
    all_lines = 12_982  # with power, cooling, colocation, maintenance and spares
    assert all_lines / (8 * 730) == pytest.approx(2.22, abs=0.005)


def test_attributable_and_fully_loaded_tokens() -> None:
    # 18 % of the time prefilling, 24 % decoding, the rest idle or warming.
    month, prefill, decode = cloud(NEBIUS, 3.0), 0.18, 0.24
    usd_in, usd_out = month * prefill / MILLIONS_IN, month * decode / MILLIONS_OUT
    assert (usd_in, usd_out) == pytest.approx((0.393, 2.622), abs=5e-4)
    loaded_in, loaded_out = usd_in / (prefill + decode), usd_out / (prefill + decode)
    assert (loaded_in, loaded_out) == pytest.approx((0.937, 6.243), abs=5e-4)
    assert loaded_in * MILLIONS_IN + loaded_out * MILLIONS_OUT == pytest.approx(month)


# The loads were found on a grid of 0.02 requests/s.
@pytest.mark.parametrize(
    ("par", "first", "always"), [(1.0, 5.16, None), (1.3, 5.92, 6.66), (3.0, np.inf, np.inf)]
)
def test_break_even_staircase(par: float, first: float, always: float | None) -> None:
    own = SelfHosting(FIXED, GPUS * NEBIUS, MU, peak_to_mean=par, spares=1)
    found = crossing(own, GPT_5_4_MINI, API_FIXED)
    assert found.first == pytest.approx(first, abs=0.02)
    if always is not None:
        assert found.always == pytest.approx(always, abs=0.02)


def test_above_the_burst_ceiling_there_is_no_break_even() -> None:
    ceiling = burst_ceiling(GPUS * NEBIUS, MU, GPT_5_4_MINI)
    assert ceiling == pytest.approx(2.61, abs=0.005)
    for par, reached in ((0.99 * ceiling, True), (1.01 * ceiling, False)):
        own = SelfHosting(FIXED, GPUS * NEBIUS, MU, peak_to_mean=par, spares=1)
        assert np.isfinite(crossing(own, GPT_5_4_MINI, API_FIXED).first) == reached


def test_hybrid_keeps_the_replica_that_is_used_enough() -> None:
    load, share = [1, 3, 5], [0.6, 0.3, 0.1]
    price = (GPUS * NEBIUS, MU, GPT_5_4_MINI)
    costs = [hybrid_cost(load, share, owned, *price) for owned in range(4)]
    assert costs == pytest.approx([11_235, 7_677, 9_176, 12_921], abs=1)
    assert 100 * break_even_utilization(*price) == pytest.approx(38, abs=0.5)
    assert replicas_to_own(load, share, *price) == int(np.argmin(costs)) == 1
