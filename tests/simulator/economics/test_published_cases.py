"""Cases that others have published come out as they published them."""

import numpy as np
import pytest

from simulator.economics.breakeven import break_even_hours, break_even_months
from simulator.economics.commitment import break_even_utilization, serverless_break_even_duty
from simulator.economics.gpu_mix import GPUType, cheapest_mix
from simulator.economics.ownership import failure_rate, lifetime_cost
from simulator.economics.quality import escalated_cost, samples_to_detect
from simulator.economics.token_price import margin, tokens_per_month, usd_per_million_tokens

FIVE_YEARS_H = 5 * 8760


def test_inferencex_dollars_per_million_tokens() -> None:
    # SemiAnalysis InferenceX: an H100 at 1.30 USD/h and 1,000 tokens/s.
    assert usd_per_million_tokens(1.30, 1000) == pytest.approx(0.3611, abs=5e-5)


def test_margins_of_an_endpoint() -> None:
    # InferenceX on Crusoe's DeepSeek-R1: prices 1.35 and 5.40, costs 0.226 and 2.955.
    assert round(100 * margin(1.35, 0.226)) == 83
    assert round(100 * margin(5.40, 2.955)) == 45


# Mélange's example.json: sizes of requests as two rows of two, rates 30/s shared out over them.
A10G = GPUType(1.01, [[2, 1], [5, 2]])
A100 = GPUType(3.67, [[20, 20], [40, 20]])
RATES = 30 * np.array([[0.2, 0.1], [0.5, 0.2]])


@pytest.mark.parametrize(
    ("slices", "gpus", "usd"),
    [(1, {"A10G": 3, "A100": 1}, 6.70), (4, {"A10G": 2, "A100": 1}, 5.69)],
)
def test_melange_mixes_gpus(slices: int, gpus: dict[str, int], usd: float) -> None:
    found = cheapest_mix({"A10G": A10G, "A100": A100}, RATES, slices)
    assert found.gpus == gpus
    assert found.usd_per_h == pytest.approx(usd)


@pytest.mark.parametrize(("kind", "usd"), [(A10G, 12.12), (A100, 7.34)])
def test_melange_with_one_kind_alone_is_dearer(kind: GPUType, usd: float) -> None:
    assert cheapest_mix({"only": kind}, RATES).usd_per_h == pytest.approx(usd)


def test_a_request_that_no_gpu_can_serve_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot be served"):
        cheapest_mix({"small": GPUType(1.0, [1.0, 0.0])}, [1.0, 1.0])


@pytest.mark.parametrize(
    ("rent_per_h", "hours"),
    [(98.32, 8_556), (77.43, 10_891), (53.95, 15_709), (55.04, 15_392), (23.6, 36_683)],
)
def test_lenovo_break_even_hours(rent_per_h: float, hours: float) -> None:
    # Lenovo LP2225: 833,806 USD and 0.87 USD/h against p5.48xlarge, on demand and reserved; the
    # last two are later prices.
    assert break_even_hours(833_806, rent_per_h, 0.87) == pytest.approx(hours, abs=0.6)


def test_lenovo_five_years() -> None:
    assert round(98.32 * FIVE_YEARS_H) == 4_306_416
    assert round(833_806 + 0.87 * FIVE_YEARS_H) == 871_912


def test_what_never_saves_is_never_paid_back() -> None:
    assert break_even_hours(1000.0, 1.0, 2.0) == float("inf")
    assert break_even_months(1000.0, 1e6, 1.0, 1.0, 2.0) == float("inf")


def test_pan_et_al_months_scale_with_the_price_of_output() -> None:
    # arXiv 2509.18101: without running costs, t* is inversely as (P_in + 2 P_out) / 3.
    cheap = break_even_months(30_000, 1e8, 1.25, 10.0, 0.0)
    dear = break_even_months(30_000, 1e8, 15.0, 75.0, 0.0)
    assert cheap / dear == pytest.approx((15 + 2 * 75) / (1.25 + 2 * 10))


def test_llmtco_crossing_and_what_it_should_be() -> None:
    # llmtco.com multiplies a GPU that is rented day and night by its utilization.
    usd_per_month = 1.59 * 730
    assert usd_per_month * 0.30 / 5.00 == pytest.approx(69.6, abs=0.05)  # million tokens
    assert usd_per_month / 5.00 == pytest.approx(232, abs=0.5)
    # 750 USD of API a month against 1,095 of rent.
    assert break_even_utilization(750, 1095) == pytest.approx(0.685, abs=5e-4)


@pytest.mark.parametrize(
    ("usd_per_h", "tokens_per_s", "usd"),
    [(2.00, 85, 6.54), (2.60, 140, 5.16), (2.00, 120, 4.63), (2.00, 400, 1.39)],
)
def test_gmi_dollars_per_million_tokens(usd_per_h: float, tokens_per_s: float, usd: float) -> None:
    assert round(usd_per_million_tokens(usd_per_h, tokens_per_s), 2) == usd


@pytest.mark.parametrize(
    ("usd_per_gpu", "watts", "millions"),
    [(30_000, 700, 32.83), (35_000, 700, 37.95), (40_000, 1000, 43.97)],
)
def test_aiinframap_five_years_of_1024_gpus(
    usd_per_gpu: float, watts: float, millions: float
) -> None:
    found = lifetime_cost(1024, usd_per_gpu, watts, 0.70, pue=1.2, usd_per_kwh=0.08, years=5)
    assert found / 1e6 == pytest.approx(millions, abs=0.006)


def test_manning_hybrid() -> None:
    # Rearchitecting LLMs, 12.9: 2,950 requests/h on 2.50 USD/h, 4.2 % escalated at 0.004 USD.
    assert 2.50 / 0.004 == 625  # requests/h at which the GPU is as cheap as the API
    each = escalated_cost(2.50 / 2950, 1 - 0.042, 0.004)
    assert each == pytest.approx(0.001015, abs=5e-7)
    assert each / 0.004 - 1 == pytest.approx(-0.746, abs=5e-4)


def test_meta_llama_3_faulty_gpus() -> None:
    assert 100 * failure_rate(148, 16_384, 54) == pytest.approx(6.1, abs=0.05)


def test_runpod_flex_against_active() -> None:
    assert 100 * serverless_break_even_duty(0.00093, 0.00116) == pytest.approx(80.2, abs=0.05)


def test_samples_to_see_a_drop_of_two_points() -> None:
    assert round(samples_to_detect(0.95, 0.02)) == 1864


def test_a_month_of_tokens_at_a_price_is_the_rent() -> None:
    millions = tokens_per_month(100.0) / 1e6
    assert millions * usd_per_million_tokens(2.0, 100.0) == pytest.approx(2.0 * 730)


# dstack benchmarks (github.com/dstackai/benchmarks, Apache-2.0, 2024-12), Llama-3.1-405B FP8, batch
# of 4, 8 … 256 requests of 128 + 2048 tokens: USD/h, then tokens/s and USD per million tokens.
DSTACK = {
    23.92: [
        (122.1203704, 54.40897716), (231.9335981, 28.64804625), (459.1652319, 14.47070462),
        (888.5026806, 7.478249182), (1130.839668, 5.875673301), (1297.443, 5.121184086),
        (1393.8654, 4.766919707),
    ],
    36.0: [
        (31.1841897, 320.6753196), (60.4843484, 165.3320283), (119.645651, 83.58013782),
        (237.092056, 42.17771008), (453.167565, 22.06689263), (817.124897, 12.23803122),
        (1271.22552, 7.866424834),
        (128.3952055, 77.88452817), (253.3977842, 39.46364421), (476.4952304, 20.98656894),
        (853.0866271, 11.72213897), (1401.496028, 7.135232495), (2115.901414, 4.726118114),
        (2450.880809, 4.080165777),
        (184.849684, 54.09800972), (355.8484478, 28.10185084), (686.0161914, 14.57691542),
        (1224.515199, 8.166497243), (2033.959302, 4.91651922), (2849.006348, 3.509995689),
        (2581.25998, 3.874077031),
    ],
    18.0: [
        (92.42484198, 54.09800972), (177.9242239, 28.10185084), (343.0081957, 14.57691542),
        (612.2575997, 8.166497243), (1016.979651, 4.91651922), (1424.503174, 3.509995689),
        (1290.62999, 3.874077031),
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("usd_per_h", "tokens_per_s", "usd"),
    [(price, *row) for price, rows in DSTACK.items() for row in rows],
)
def test_dstack_dollars_per_million_tokens(
    usd_per_h: float, tokens_per_s: float, usd: float
) -> None:
    assert usd_per_million_tokens(usd_per_h, tokens_per_s) == pytest.approx(usd, rel=1e-6)
