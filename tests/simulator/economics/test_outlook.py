"""Months and years of several ways, and that what is worse is never ranked better."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.economics.breakeven import SelfHosting, hybrid_cost
from simulator.economics.capital import monthly_rate, net_present_value
from simulator.economics.outlook import CORRELATIONS, RANGES, cash_flows, present_values
from simulator.economics.uncertainty import Range, decide, draw, sobol
from simulator.economics.way import (
    Way,
    best_month,
    hybrid_sizes,
    load_at,
    overflow,
    sized,
    steady_month,
)

CLOUD = Way(
    name="cloud", kind="rented", requests_per_s=2.0, gpus_per_replica=2, spares=1,
    usd_per_gpu_h=2.95, people_usd=11_000, fixed_usd=4_778,
)  # fmt: skip
API = Way(name="api", kind="endpoint", price_per_request=0.0021375, people_usd=2000, fixed_usd=2125)
OWN = Way(
    name="own", kind="owned", requests_per_s=2.0, gpus_per_replica=2, spares=1,
    usd_per_gpu_h=2.95, server_usd=336_000, server_month_usd=3_700, life_months=36, lead_months=3,
    salvage_share=0.2, people_usd=16_000, fixed_usd=5_000,
)  # fmt: skip
RESERVED = CLOUD.with_(
    name="reserved", kind="reserved", usd_per_gpu_h=2.065, usd_per_gpu_h_beyond=2.95, committed=3,
    term_months=12,
)  # fmt: skip
HYBRID = CLOUD.with_(name="hybrid", kind="hybrid", committed=1, price_per_request=0.0021375)
ELASTIC = CLOUD.with_(name="elastic", elastic=True)
WAYS = (CLOUD, API, OWN, RESERVED, HYBRID, ELASTIC)
FIXED = {name: Range(r.mode, r.mode, r.mode) for name, r in RANGES.items()}
loads, pars = st.floats(0.05, 50.0), st.floats(1.0, 6.0)


def drawn(n: int = 200) -> dict[str, np.ndarray]:
    return draw(RANGES, n, np.random.default_rng(0), CORRELATIONS)


@given(pars)
def test_the_load_has_the_mean_and_the_peak_asked_for(par: float) -> None:
    q = (np.arange(200_000) + 0.5) / 200_000
    assert load_at(q, par).mean() == pytest.approx(1.0, rel=2e-3)
    assert float(load_at(1.0, par)) == pytest.approx(par)


@given(loads, pars, st.floats(0.0, 100.0))
def test_overflow_is_the_integral_of_what_lies_above(load: float, par: float, room: float) -> None:
    q = (np.arange(100_000) + 0.5) / 100_000
    expected = np.maximum(load * load_at(q, par) - room, 0.0).mean()
    assert float(overflow(load, room, par)) == pytest.approx(expected, rel=5e-3, abs=2e-3 * load)


@given(loads, pars)
def test_a_month_on_the_cloud_is_the_staircase(load: float, par: float) -> None:
    books = SelfHosting(15_778, 5.90, 2.0, peak_to_mean=par, spares=1)
    assert float(steady_month(CLOUD, load, par)) == pytest.approx(float(books.usd_per_month(load)))


@given(loads)
def test_a_hybrid_under_even_load_is_that_of_the_books(load: float) -> None:
    ours = float(steady_month(HYBRID, load, 1.0)) - HYBRID.overhead_usd
    books = hybrid_cost([load], [1.0], 1, 5.90, 2.0, 0.0021375)
    assert ours == pytest.approx(books, rel=1e-4, abs=1.0)


@given(loads, pars, st.floats(2e-4, 2e-2))
def test_the_best_hybrid_is_the_best_of_all_numbers(load: float, par: float, price: float) -> None:
    way = HYBRID.with_(price_per_request=price)
    best = hybrid_sizes(way, load, par)["usd_per_month"].min()
    assert float(best_month(way, load, par)) == pytest.approx(best)
    assert float(steady_month(sized(way, load, par), load, par)) == pytest.approx(best)


@given(load=loads, par=pars)
@pytest.mark.parametrize("elastic", [False, True])
def test_the_best_commitment_is_the_best_of_all_numbers(
    load: float, par: float, elastic: bool
) -> None:
    way = RESERVED.with_(elastic=elastic)
    best = float(best_month(way, load, par))
    assert float(steady_month(sized(way, load, par), load, par)) == pytest.approx(best)
    for committed in range(0, 60, 7):
        other = float(steady_month(way.with_(committed=committed), load, par))
        # The fleet is looked at at 40 moments, the rule at every one.
        assert best <= other * (1 + (0.02 if elastic else 0)) + 1e-6


@given(loads, pars)
def test_a_fleet_that_follows_the_load_is_never_larger(load: float, par: float) -> None:
    fixed = float(steady_month(CLOUD, load, par))
    follows = float(steady_month(CLOUD.with_(elastic=True), load, par))
    least = CLOUD.overhead_usd + (load / 2.0 + CLOUD.spares) * CLOUD.replica_month_usd
    assert 0.97 * least <= follows <= fixed + 1e-6


@settings(max_examples=40)
@given(
    st.sampled_from(WAYS),
    loads,
    pars,
    st.sampled_from(
        ["usd_per_gpu_h", "people_usd", "fixed_usd", "price_per_request", "server_usd",
         "server_month_usd", "requests_per_s"]
    ),
    st.floats(1.01, 5.0),
)  # fmt: skip
def test_a_way_that_is_worse_in_an_input_is_never_ranked_better(
    way: Way, load: float, par: float, field: str, factor: float
) -> None:
    value = getattr(way, field)
    worse = way.with_(**{field: value / factor if field == "requests_per_s" else value * factor})
    assert float(steady_month(worse, load, par)) >= float(steady_month(way, load, par)) - 1e-6
    x = drawn(20)
    names = worse.with_(name="worse"), way.with_(name="better")
    values = present_values(names, x, load, 24, 0.10)
    assert (values["worse"] >= values["better"] - 1e-6).all()
    assert decide({"worse": values["worse"], "better": values["better"]}).best in (
        "better", "worse" if np.allclose(values["worse"], values["better"]) else "better",
    )  # fmt: skip


def test_a_month_that_never_changes_is_discounted_as_in_the_books() -> None:
    x = draw({**FIXED, **{n: Range(0, 0, 0) for n in ("growth", "software", "api_price", "wages")}},
             3, np.random.default_rng(0))  # fmt: skip
    (value,) = present_values([API], x, 2.0, 36, 0.10).values()
    month = float(steady_month(API, 2.0))
    expected = net_present_value(monthly_rate(0.10), [0.0] + [month] * 36)
    assert value == pytest.approx(np.full(3, expected))


def test_a_commitment_keeps_its_price_for_its_term() -> None:
    x = {**draw(FIXED, 1, np.random.default_rng(0)), "gpu_price": np.array([-0.5]),
         "growth": np.array([0.0]), "software": np.array([0.0])}  # fmt: skip
    firm = RESERVED.with_(committed=100, spares=0)
    flows = cash_flows(firm, {**x, "wages": np.array([0.0])}, 2.0, 25)[0, 1:]
    assert flows[0] == pytest.approx(flows[11])
    assert flows[12] - firm.overhead_usd == pytest.approx((flows[0] - firm.overhead_usd) / 2)


def test_what_is_left_of_the_last_commitment_is_owed() -> None:
    x = {**draw(FIXED, 1, np.random.default_rng(0)), "growth": np.array([0.0])}
    firm = RESERVED.with_(committed=4, spares=0, term_months=12)
    whole, cut = (cash_flows(firm, x, 2.0, months)[0].sum() for months in (12, 7))
    paid = 4 * firm.replica_month_usd
    beyond = whole - 12 * paid - 12 * firm.overhead_usd
    assert cut == pytest.approx(12 * paid + 7 * firm.overhead_usd + beyond * 7 / 12, rel=0.02)


def test_an_announced_price_is_paid_from_its_month_on() -> None:
    x = {**draw(FIXED, 1, np.random.default_rng(0)), "api_price": np.array([0.0]),
         "growth": np.array([0.0])}  # fmt: skip
    flat, doubled = (
        cash_flows(API.with_(price_path=path), x, 2.0, 12)[0] for path in ((), (1.0, 1.0, 2.0))
    )
    spent = 2.0 * 730 * 3600 * API.price_per_request
    expected = [0.0] * 3 + [spent] * 10
    assert doubled - flat == pytest.approx(np.array(expected))


def test_electricity_of_servers_follows_its_price() -> None:
    x = {**draw(FIXED, 1, np.random.default_rng(0)), "electricity": np.array([0.10])}
    dear = cash_flows(OWN.with_(server_power_usd=500.0), x, 2.0, 13)[0]
    cheap = cash_flows(OWN, x, 2.0, 13)[0]
    assert dear[1] - cheap[1] == pytest.approx(500.0)
    assert dear[13] - cheap[13] == pytest.approx(550.0)


def test_the_noise_has_the_standard_error_that_was_measured() -> None:
    x = draw(RANGES, 20_000, np.random.default_rng(0))
    assert x["noise"].std() == pytest.approx(1.0, abs=0.01)


def test_servers_come_late_and_are_bridged() -> None:
    x = {**draw(FIXED, 1, np.random.default_rng(0)), "growth": np.array([3.0])}
    late, now = (cash_flows(OWN.with_(lead_months=months), x, 2.0, 24)[0] for months in (6, 0))
    assert late.sum() != now.sum()
    assert late[1] == pytest.approx(now[1])  # the first ones are there in time


def test_a_server_that_is_worn_out_is_replaced() -> None:
    x = {**draw(FIXED, 1, np.random.default_rng(0)), "growth": np.array([0.0]),
         "gpu_price": np.array([0.0]), "software": np.array([0.0])}  # fmt: skip
    flows = cash_flows(OWN.with_(life_months=12), x, 2.0, 36)[0]
    assert (flows > 300_000).sum() == 3


def test_twenty_thousand_futures_of_five_ways_take_seconds() -> None:
    x = draw(RANGES, 20_000, np.random.default_rng(0), CORRELATIONS)
    begin = time.perf_counter()
    found = decide(present_values(WAYS, x, 2.0, 36, 0.10))
    assert time.perf_counter() - begin < 20
    assert found.table["p_cheapest"].sum() == pytest.approx(1.0)
    assert found.evpi_usd >= 0


def test_salib_finds_the_same_shares_of_the_variance() -> None:
    analyze = pytest.importorskip("SALib.analyze.sobol")
    sample = pytest.importorskip("SALib.sample.sobol")
    names = ["gpu_price", "peak_to_mean", "fte", "volume"]

    def model(x: dict[str, np.ndarray]) -> np.ndarray:
        whole = {n: np.full(len(x["fte"]), RANGES[n].mode) for n in RANGES} | dict(x)
        values = present_values([CLOUD, API], whole, 2.0, 36, 0.10)
        return values["cloud"] - values["api"]

    ranges = {name: RANGES[name] for name in names}
    ours = sobol(model, ranges, 512, np.random.default_rng(0))
    problem = {"num_vars": 4, "names": names, "bounds": [[0, 1]] * 4}
    points = sample.sample(problem, 512, calc_second_order=False, seed=1)
    values = model({name: ranges[name].at(points[:, i]) for i, name in enumerate(names)})
    theirs = analyze.analyze(problem, values, calc_second_order=False, seed=1)
    for name, total_order in zip(names, theirs["ST"], strict=True):
        assert ours.loc[name, "total_order"] == pytest.approx(total_order, abs=0.06)
