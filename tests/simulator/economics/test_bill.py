"""The bill adds up, from whichever side it is added."""

import json
import math
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.economics.bill import Bill, bill
from simulator.scenario import Scenario
from simulator.simulate import simulate
from tests.support.toy_run import Toy, scenario, toy_run

seeds = st.integers(0, 1000)
few = settings(max_examples=25)


def priced(toy: Toy, usd_per_gpu_hour: float = 3.6, quantum_s: float = 1.0) -> Bill:
    offer = {"usd_per_gpu_hour": usd_per_gpu_hour, "billing_quantum_s": quantum_s}
    return bill(toy.with_scenario(scenario(**offer)))


OVERFULL = {
    "traffic": {"like": "steady-chat", "arrivals": {"kind": "poisson", "rate_per_s": 20.0}},
    "model": "llama-3.1-8b", "gpu": "l40s", "horizon_s": 40, "replicas": 1,
    "overflow": {
        "when": [{"kind": "queue", "max_waiting": 2}], "endpoints": ["novita-llama-3.1-8b"],
    },
}  # fmt: skip


@few
@given(seeds, st.floats(0.01, 1e3), st.sampled_from([1.0, 60.0, 3600.0]))
def test_the_bill_is_the_hours_held_at_the_hourly_price(
    seed: int, price: float, quantum_s: float
) -> None:
    toy = toy_run(seed, requests=20, horizon=4.0)
    replicas = toy.result.replicas
    quanta = [math.ceil(4.0 / quantum_s)] * len(replicas)
    paid_h = sum(g * q * quantum_s for g, q in zip(replicas["gpus"], quanta, strict=True)) / 3600
    assert priced(toy, price, quantum_s).usd_total == pytest.approx(paid_h * price, rel=1e-12)


@few
@given(seeds)
def test_input_and_output_at_their_prices_are_the_whole_bill(seed: int) -> None:
    toy = toy_run(seed, requests=30, horizon=6.0)
    found = priced(toy, usd_per_gpu_hour=1e3)
    served = found.requests[found.requests["usd"] > 0]
    usd = (
        found.usd_per_million_input_tokens * served["prompt_tokens"].sum()
        + found.usd_per_million_output_tokens * served["generated_tokens"].sum()
    ) / 1e6
    assert usd == pytest.approx(found.usd_total, rel=1e-9)


@few
@given(seeds)
def test_requests_tenants_lines_and_work_each_add_up(seed: int) -> None:
    found = priced(toy_run(seed, requests=30, horizon=6.0))
    busy = found.line("gpu_rent_busy")
    assert found.lines["usd"].sum() == pytest.approx(found.usd_total)
    assert found.lines["share"].sum() == pytest.approx(1.0)
    assert found.requests["usd"].sum() == pytest.approx(found.usd_total)
    assert found.tenants["usd"].sum() == pytest.approx(found.usd_total)
    assert found.classes["usd"].sum() == pytest.approx(found.usd_total)
    assert found.requests["usd_attributable"].sum() == pytest.approx(busy)
    assert found.work["usd"].sum() == pytest.approx(busy)


@few
@given(seeds, st.floats(0.1, 100))
def test_twice_the_price_is_twice_every_line(seed: int, price: float) -> None:
    toy = toy_run(seed, requests=20, horizon=4.0)
    once, twice = priced(toy, price), priced(toy, 2 * price)
    assert twice.lines["usd"].to_numpy() == pytest.approx(2 * once.lines["usd"].to_numpy())
    assert twice.usd_per_good_request == pytest.approx(2 * once.usd_per_good_request, nan_ok=True)


@few
@given(seeds)
def test_nothing_on_the_bill_is_negative(seed: int) -> None:
    found = priced(toy_run(seed, requests=20, horizon=4.0), quantum_s=60.0)
    assert (found.lines["usd"] >= 0).all()
    assert (found.requests["usd"] >= 0).all()


def test_idle_time_is_a_line_and_a_mark_up() -> None:
    found = priced(toy_run(1))
    assert found.usd_idle == found.line("gpu_rent_idle") > 0
    assert found.markup == pytest.approx(found.usd_total / found.line("gpu_rent_busy"))
    attributable, loaded = found.units.loc["attributable"], found.units.loc["fully_loaded"]
    assert loaded["usd_per_million_output_tokens"] == pytest.approx(
        found.markup * attributable["usd_per_million_output_tokens"]
    )
    assert (found.units.loc["marginal"] == 0).all()


def test_a_good_request_costs_no_less_than_a_request() -> None:
    found = priced(toy_run(6, requests=200))
    assert found.usd_per_good_request >= found.usd_per_request


def test_quanta_are_paid_whole_from_the_request_on() -> None:
    toy = toy_run(2)
    minute, hour = priced(toy, quantum_s=60.0), priced(toy, quantum_s=3600.0)
    gpus = int(toy.result.replicas["gpus"].sum())
    assert hour.usd_total == pytest.approx(gpus * 3.6)
    assert minute.usd_total == pytest.approx(gpus * 3.6 / 60)
    assert hour.line("gpu_rent_busy") == minute.line("gpu_rent_busy")


def test_a_length_of_whole_quanta_is_not_rounded_up() -> None:
    # 12 s is 120 tenths, though not in binary.
    found = priced(toy_run(0), quantum_s=0.1)
    assert found.line("gpu_rent_rounding") == pytest.approx(0.0, abs=1e-12)


def test_work_for_requests_that_did_not_complete_is_waste() -> None:
    toy = toy_run(2, requests=300, horizon=1.5)
    found = priced(toy)
    assert (found.requests["outcome"] == "unfinished").any()
    work = found.work.set_index("part")["usd"]
    assert work["not_completed"] > 0
    assert work["recompute"] > 0


def test_a_fleet_that_served_nobody_still_pays_its_rent() -> None:
    found = priced(toy_run(0, requests=0))
    assert found.usd_total > 0
    assert found.usd_idle + found.line("gpu_rent_warming") == pytest.approx(found.usd_total)
    assert math.isnan(found.usd_per_request)
    assert math.isnan(found.usd_per_million_output_tokens)


def test_the_saved_bill_says_the_same(tmp_path: Path) -> None:
    found = priced(toy_run(1))
    found.save(tmp_path)
    told = json.loads((tmp_path / "bill.json").read_text(encoding="utf-8"))
    assert told["usd_total"] == found.usd_total
    assert sum(line["usd"] for line in told["lines"]) == pytest.approx(found.usd_total)
    requests = pd.read_parquet(tmp_path / "bill_requests.parquet")
    pd.testing.assert_frame_equal(requests, found.requests)


def test_a_request_sent_away_costs_what_the_endpoint_charged_for_it() -> None:
    result = simulate(Scenario.parse(OVERFULL))
    found = bill(result)
    charged = result.calls.groupby("request")["usd"].sum()
    cost = found.requests["usd_attributable"]
    assert len(charged) > 10
    assert cost.loc[charged.index].to_numpy() == pytest.approx(charged.to_numpy())
    at_home = cost.drop(charged.index).sum()
    assert at_home == pytest.approx(found.line("gpu_rent_busy") + found.line("gpu_rent_draining"))
    assert found.requests["usd"].sum() == pytest.approx(found.usd_total)
    assert found.units.loc["marginal", "usd"] == pytest.approx(charged.sum())
    done = found.requests[found.requests["usd_attributable"] > 0]
    whole = (
        found.usd_per_million_input_tokens * done["prompt_tokens"].sum()
        + found.usd_per_million_output_tokens * done["generated_tokens"].sum()
    )
    assert whole / 1e6 == pytest.approx(found.usd_total)
