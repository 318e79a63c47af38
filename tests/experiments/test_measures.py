"""Metrics by name are what the functions of that name say."""

import math

import pytest

from experiments.measures import check_names, known_names, measure
from hardware_profiles.errors import InputError
from simulator import Result, Scenario, bill, simulate
from simulator.record import metrics, usage


@pytest.fixture(scope="module")
def result() -> Result:
    scenario = {
        "traffic": "steady-chat",
        "model": "llama-3.1-8b",
        "gpu": "h100-sxm",
        "slo": {"ttft_s": 0.05},
        "horizon_s": 40,
    }
    return simulate(Scenario.parse(scenario))


def test_every_known_name_can_be_measured(result: Result) -> None:
    found = measure(result, known_names())
    assert set(found) == set(known_names())


def test_names_lead_to_what_they_say(result: Result) -> None:
    names = ["ttft.p99", "busy_share", "idle_time.gaps.max", "bill.usd_total", "bill.gpu_rent_idle"]
    found = measure(result, [*names, "summary.requests.preemptions", "state_shares.idle"])
    assert found["ttft.p99"] == metrics.ttft(result).p99
    assert found["busy_share"] == usage.busy_share(result)
    assert found["idle_time.gaps.max"] == usage.idle_time(result).gaps.max
    assert found["bill.usd_total"] == bill(result).usd_total
    assert found["bill.gpu_rent_idle"] == bill(result).usd_idle
    assert found["summary.requests.preemptions"] == result.requests["preemptions"].sum()
    assert found["state_shares.idle"] == usage.state_shares(result)["idle"]


def test_the_warm_up_is_left_out_of_what_users_see_alone(result: Result) -> None:
    names = ["ttft.n", "goodput.share", "busy_share", "bill.usd_total", "goodput.requests_per_s"]
    whole, late = measure(result, names), measure(result, names, warm_up=20.0)
    kept = result.requests["arrival_s"] >= 20
    assert late["ttft.n"] == kept.sum() < whole["ttft.n"]
    assert late["goodput.share"] == metrics.meets_slo(result)[kept].mean()
    for name in ("busy_share", "bill.usd_total", "goodput.requests_per_s"):
        assert late[name] == whole[name]


def test_a_warm_up_that_is_searched_for_is_told(result: Result) -> None:
    found = measure(result, ["ttft.mean"], "mser")
    assert 0 <= found["warm_up_s"] <= 40
    assert found["settled"] in (0, 1)


def test_what_nothing_can_be_said_of_is_nan(result: Result) -> None:
    assert math.isnan(measure(result, ["ttft.p99"], warm_up=1e9)["ttft.p99"])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("tttf.p99", "no metric is called 'tttf.p99'; did you mean 'ttft.p9"),
        ("ttft.p999", r"no metric is called 'ttft.p999'; did you mean 'ttft.p9"),
        ("ttft", "no metric is called 'ttft'; "),
        ("bill.usd_totl", "did you mean 'bill.usd_total'"),
        ("", "no metric is called ''"),
        ("gaps", "no metric is called 'gaps'"),
    ],
)
def test_a_name_that_no_run_could_answer_is_refused(name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_names([name])


@pytest.mark.parametrize("name", ["summary.latency", "summary.no.such", "state_shares.asleep"])
def test_a_name_that_leads_nowhere_is_refused(result: Result, name: str) -> None:
    with pytest.raises(InputError, match="metric"):
        measure(result, [name])
