"""However the GPUs are had, the lines are of the quantities used, and add up."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hardware_profiles.errors import InputError
from hardware_profiles.offer import Offer
from simulator.economics.bill import bill
from simulator.economics.capital import monthly_rate
from simulator.economics.commitment import optimal_commitment, spot_price
from simulator.economics.contract import OnDemand, Reserved, Serverless, Spot
from simulator.economics.contract_owned import Owned
from simulator.economics.cost_line import by_group, total
from simulator.economics.terms import Terms
from simulator.economics.usage import Usage, usage_of
from tests.support.toy_run import toy_run

CONTRACTS: dict[str, dict[str, Any]] = {
    "on demand": {"kind": "on_demand", "offer": "nebius-h100-sxm-on-demand"},
    "reserved": {
        "kind": "reserved",
        "offer": "rental-h100-sxm-reserved",
        "overflow": "nebius-h100-sxm-on-demand",
    },
    "spot": {
        "kind": "spot",
        "offer": "nebius-h100-sxm-spot",
        "fallback": "nebius-h100-sxm-on-demand",
    },
    "serverless": {"kind": "serverless", "offer": "runpod-h100-sxm-serverless"},
    "owned": {"kind": "owned", "server": "8x-h100-sxm", "site": "us-colocation"},
}
hours = st.floats(0.0, 2000.0)


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    held = np.array(draw(st.lists(st.integers(0, 9), min_size=1, max_size=8)), float)
    lasted = np.array([draw(st.floats(1.0, 1e5)) for _ in held])
    whole = float((held * lasted).sum())
    cut = sorted(draw(st.lists(st.floats(0, 1), min_size=3, max_size=3)))
    shares = np.diff([0.0, *cut, 1.0])
    names = ("busy", "idle", "warming", "down")
    return Usage(
        seconds=float(lasted.sum()),
        gpu_s=dict(zip(names, (shares * whole).tolist(), strict=True)),
        held=held,
        lasted_s=lasted,
        life_s=lasted,
        standing=np.zeros(len(lasted), dtype=bool),
        idle_gaps_s=lasted,
        dynamic_kwh=draw(hours),
        e2e_mean_s=draw(st.floats(0, 100)),
        output_tokens=draw(st.floats(0, 1e9)),
    )


@pytest.mark.parametrize("name", CONTRACTS)
@given(used=usages())
def test_no_line_is_negative_and_work_and_idle_are_parts_of_it(name: str, used: Usage) -> None:
    lines = Terms.parse({"gpus": CONTRACTS[name], "overheads": "self-hosted"}).lines(used)
    for line in lines:
        assert 0 <= line.work + line.idle <= line.usd * (1 + 1e-9) + 1e-9
        assert -1e-9 <= line.marginal <= line.usd * (1 + 1e-9)
    assert math.fsum(by_group(lines).values()) == pytest.approx(total(lines))


@pytest.mark.parametrize("name", CONTRACTS)
@settings(max_examples=10)
@given(seed=st.integers(0, 500))
def test_the_parts_are_the_bill_under_every_contract(name: str, seed: int) -> None:
    toy = toy_run(seed, requests=25, horizon=5.0)
    found = bill(toy.result, Terms.parse({"gpus": CONTRACTS[name], "overheads": "self-hosted"}))
    assert found.lines["usd"].sum() == pytest.approx(found.usd_total)
    assert found.requests["usd"].sum() == pytest.approx(found.usd_total)
    assert found.tenants["usd"].sum() == pytest.approx(found.usd_total)
    served = found.requests[found.requests["usd"] > 0]
    tokens = served["prompt_tokens"].sum(), served["generated_tokens"].sum()
    prices = found.usd_per_million_input_tokens, found.usd_per_million_output_tokens
    assert (tokens[0] * prices[0] + tokens[1] * prices[1]) / 1e6 == pytest.approx(found.usd_total)
    assert 0 <= found.usd_idle <= found.usd_total


@settings(max_examples=20)
@given(used=usages(), factor=st.floats(0.1, 10.0))
def test_twice_the_price_is_twice_that_line_and_no_other(used: Usage, factor: float) -> None:
    offer = Offer.named("nebius-h100-sxm-on-demand")
    dear = offer.model_copy(update={"usd_per_gpu_hour": offer.usd_per_gpu_hour * factor})
    one = OnDemand(offer=offer).lines(used)
    other = OnDemand(offer=dear).lines(used)
    for a, b in zip(one, other, strict=True):
        assert b.usd == pytest.approx(factor * a.usd)
    cheap, costly = (
        Owned.parse({**CONTRACTS["owned"], "site": {"like": "us-colocation", "usd_per_kwh": usd}})
        for usd in (0.1, 0.2)
    )
    lines = zip(cheap.lines(used), costly.lines(used), strict=True)
    for a, b in lines:
        powered = a.group == "power and cooling" and a.line != "demand_charge"
        assert b.usd == pytest.approx((2 if powered else 1) * a.usd)


@settings(max_examples=20)
@given(used=usages())
def test_states_add_up_to_the_time_provisioned(used: Usage) -> None:
    lines = OnDemand.parse(CONTRACTS["on demand"]).lines(used)
    rent = [line for line in lines if line.line != "gpu_rent_rounding"]
    assert total(rent) == pytest.approx(float((used.held * used.lasted_s).sum()) / 3600 * 2.95)


@settings(max_examples=30)
@given(used=usages(), committed=st.integers(0, 9))
def test_a_commitment_costs_what_is_committed_and_what_overflows(
    used: Usage, committed: int
) -> None:
    terms = Reserved.parse({**CONTRACTS["reserved"], "committed": committed})
    lines = [line for line in terms.lines(used) if line.line != "gpu_rent_rounding"]
    over = float((np.maximum(used.held - committed, 0) * used.lasted_s).sum()) / 3600
    firm = committed * used.seconds / 3600
    expected = firm * terms.usd_per_gpu_hour + over * 2.95
    assert total(lines) == pytest.approx(expected)


@settings(max_examples=30)
@given(used=usages())
def test_the_newsvendor_commits_to_the_cheapest_number(used: Usage) -> None:
    terms = Reserved.parse(CONTRACTS["reserved"])
    chosen = terms.replicas(used)
    assert chosen == optimal_commitment(used.held, used.lasted_s, terms.usd_per_gpu_hour, 2.95)

    def cost(committed: int) -> float:
        fixed = Reserved.parse({**CONTRACTS["reserved"], "committed": committed})
        return total(x for x in fixed.lines(used) if x.line != "gpu_rent_rounding")

    assert cost(chosen) == pytest.approx(min(cost(k) for k in range(11)))


def test_paying_upfront_costs_interest() -> None:
    late = Reserved.parse({**CONTRACTS["reserved"], "wacc": 0.2})
    free = Reserved.parse({**CONTRACTS["reserved"], "wacc": 0.0})
    assert free.usd_per_gpu_hour == pytest.approx(1.30)
    assert late.usd_per_gpu_hour > 1.30


def test_leaving_early_costs_the_rest_of_the_term() -> None:
    used = Usage(
        seconds=730 * 3600, gpu_s={}, held=np.array([2.0]), lasted_s=np.array([730 * 3600])
    )
    terms = Reserved.parse({**CONTRACTS["reserved"], "committed": 2, "leave_after_months": 12})
    (exit_line,) = [line for line in terms.lines(used) if line.line == "commitment_exit"]
    assert exit_line.usd == pytest.approx(terms.usd_per_gpu_hour * 2 * 24 * 730 / 12)


def test_spot_is_the_effective_price_of_the_books() -> None:
    used = Usage(seconds=3600, gpu_s={"busy": 1800.0, "idle": 1800.0})
    terms = Spot.parse({**CONTRACTS["spot"], "share_without": 0.3, "load_s": 360})
    rho = terms.offer.reclaims_per_hour
    expected = spot_price(1.25, 2.95, rho, 0.1, 0.3)
    assert total(terms.lines(used)) == pytest.approx(expected)
    # With requests in flight, what was half done is done again.
    busy = Usage(seconds=3600, gpu_s={"busy": 1800.0, "idle": 1800.0}, e2e_mean_s=20.0)
    assert total(terms.lines(busy)) > expected


def test_serverless_pays_for_gaps_up_to_the_timeout() -> None:
    used = Usage(seconds=100, gpu_s={"busy": 10.0}, idle_gaps_s=np.array([30.0, 500.0]))
    terms = Serverless.parse({**CONTRACTS["serverless"], "idle_timeout_s": 60, "cold_start_s": 20})
    usd = {line.line: line.usd / terms.offer.usd_per_gpu_s for line in terms.lines(used)}
    expected = {"gpu_rent_busy": 10.0, "gpu_rent_idle": 90.0, "gpu_rent_warming": 20.0}
    assert usd == pytest.approx(expected)


def test_standing_replicas_are_not_rounded_and_released_ones_are() -> None:
    used = usage_of(toy_run(1).result)
    assert used.standing.all()
    assert used.rounding_gpu_s(3600.0) == 0.0
    freed = Usage(
        seconds=100.0, gpu_s={}, life_s=np.array([90.0, 60.0]), standing=np.zeros(2, dtype=bool)
    )
    assert freed.rounding_gpu_s(60.0) == pytest.approx(30.0)


def test_owned_servers_come_whole() -> None:
    used = Usage(seconds=3600, gpu_s={}, held=np.array([9.0]), lasted_s=np.array([3600.0]))
    owned = Owned.parse(CONTRACTS["owned"])
    assert owned.count(used) == 2
    assert owned.paid_usd(used) == pytest.approx(2 * 300_000 * 1.12)
    assert owned.model_copy(update={"spare_servers": 1}).count(used) == 3


def test_power_that_is_in_the_rent_is_not_paid_twice() -> None:
    used = Usage(seconds=3600, gpu_s={}, dynamic_kwh=5.0)
    owned = Owned.parse({**CONTRACTS["owned"], "site": "us-colocation-power-included"})
    assert "power and cooling" not in by_group(owned.lines(used))


def test_npf_agrees_on_the_capital() -> None:
    npf = pytest.importorskip("numpy_financial")
    used = Usage(seconds=730 * 3600, gpu_s={})
    owned = Owned.parse(CONTRACTS["owned"])
    (capital,) = [line for line in owned.lines(used) if line.line == "capital"]
    paid = 300_000 * 1.12
    expected = -npf.pmt(monthly_rate(0.10), 48, paid, -0.15 * paid)
    assert capital.usd == pytest.approx(float(expected), rel=1e-12)


@pytest.mark.parametrize(
    ("contract", "message"),
    [
        ({**CONTRACTS["reserved"], "offer": "nebius-h100-sxm-on-demand"}, "has no term_months"),
        ({**CONTRACTS["reserved"], "overflow": "aws-l4-on-demand"}, "is a price for l4"),
        ({**CONTRACTS["spot"], "offer": "nebius-h100-sxm-on-demand"}, "is on_demand, not spot"),
        ({**CONTRACTS["spot"], "share_without": 1.5}, "less than or equal to 1"),
        ({**CONTRACTS["serverless"], "offer": "aws-l4-on-demand"}, "not serverless"),
        ({**CONTRACTS["owned"], "servers": 0}, "greater than or equal to 1"),
        ({**CONTRACTS["owned"], "wacc": -0.1}, "greater than or equal to 0"),
        ({"kind": "leased"}, "leased"),
    ],
)
def test_terms_that_cannot_be_are_refused(contract: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Terms.parse({"gpus": contract})


def test_calls_to_others_are_on_the_bill_under_any_terms() -> None:
    toy = toy_run(3).result
    alone = bill(toy, Terms.parse({"gpus": CONTRACTS["owned"]}))
    calls = pd.DataFrame({**{name: [0] for name in toy.calls.columns}, "usd": [12.5]})
    found = bill(replace(toy, calls=calls), Terms.parse({"gpus": CONTRACTS["owned"]}))
    assert found.line("endpoint_calls") == pytest.approx(12.5)
    assert found.usd_total == pytest.approx(alone.usd_total + 12.5)
