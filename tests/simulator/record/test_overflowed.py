"""What is told of overflow adds up to the calls that were made, however it is divided."""

import numpy as np
import pytest

from simulator import Result, Scenario, simulate
from simulator.economics.bill import bill
from simulator.record.metrics import prefix_hit_rate
from simulator.record.overflowed import overflow_by, overflowed
from simulator.record.summary import summarise
from tests.simulator.fleet.conftest import BASE
from tests.simulator.fleet.test_overflow import ENDPOINT
from workloads.clients import Client
from workloads.trace import Trace

SUMS = ["calls", "prompt_tokens", "cached_tokens", "output_tokens", "usd"]
NOTHING = {"requests": 0, "share": 0.0, "limited": 0, "down": 0, "abandoned": 0, "usd": 0.0}


@pytest.fixture(scope="module")
def result() -> Result:
    rng = np.random.default_rng(3)
    n = 600
    trace = Trace.from_columns(
        np.cumsum(rng.exponential(1 / 150, n)),
        rng.integers(5, 400, n),
        rng.integers(1, 80, n),
        tenant=rng.choice(["acme", "beta", "private"], n),
        priority=rng.integers(0, 2, n),
    ).sent_by(Client(timeout_s=0.8))
    overflow = {
        "when": [{"kind": "queue", "max_waiting": 3}, {"kind": "rejection"}],
        "endpoints": [
            {**ENDPOINT, "requests_per_minute": 60, "mtbf_h": 1 / 3600, "outage_s": 0.3},
            {**ENDPOINT, "name": "second", "requests_per_minute": 120},
        ],
        "stay": ["private"],
        "graceful_reply": True,
    }
    admission = {"kind": "bounded_queue", "max_waiting": 4}
    scenario = Scenario.parse({**BASE, "overflow": overflow, "admission": admission})
    return simulate(scenario, trace)


@pytest.mark.parametrize("bin_s", [None, 0.25, 1000.0])
def test_the_table_adds_up_to_the_calls(result: Result, bin_s: float | None) -> None:
    table, calls = overflow_by(result, bin_s), result.calls.assign(calls=1)
    assert table[SUMS].sum().to_numpy() == pytest.approx(calls[SUMS].sum().to_numpy())
    assert set(table["outcome"]) == {"ok", "limited", "down", "abandoned"}
    assert not table.duplicated(
        ["start_s", "endpoint", "why", "priority", "tenant", "outcome"]
    ).any()
    first = table.iloc[0]
    mine = calls[
        calls["sent_s"].between(first["start_s"], first["end_s"], inclusive="left")
        & (calls["endpoint"] == first["endpoint"])
        & (calls["why"] == first["why"])
        & (calls["outcome"] == first["outcome"])
    ]
    whose = result.requests.loc[mine["request"]]
    of_it = (whose["tenant"] == first["tenant"]) & (whose["priority"] == first["priority"])
    assert first["calls"] == of_it.sum()


def test_every_way_of_dividing_it_gives_the_whole(result: Result) -> None:
    told = overflowed(result)
    for groups in told["by"].values():
        for key in ("requests", "limited", "down", "abandoned", "usd"):
            assert sum(group[key] for group in groups.values()) == pytest.approx(told[key])
    assert told["calls"] == sum(told[k] for k in ("requests", "limited", "down", "abandoned"))
    assert told["usd"] == pytest.approx(bill(result).line("endpoint_calls"))
    assert told["usd_per_request"] == pytest.approx(told["usd"] / told["requests"])


def test_what_is_told_is_what_the_tables_say(result: Result) -> None:
    told, calls, requests = overflowed(result), result.calls, result.requests
    away = calls[calls["outcome"] == "ok"]
    assert told["requests"] == len(away) == away["request"].nunique() > 50
    assert told["share"] == pytest.approx(len(away) / len(requests))
    assert told["first_s"] == calls.loc[calls["outcome"].isin(["ok", "abandoned"]), "sent_s"].min()
    at_once = [((away["sent_s"] <= t) & (away["finish_s"] > t)).sum() for t in away["sent_s"]]
    assert told["at_once_peak"] == max(at_once)
    assert told["ttft_s"]["away"]["n"] == len(away)
    acme = requests.index[requests["tenant"] == "acme"]
    share = away["request"].isin(acme).sum() / len(acme)
    assert told["by"]["tenant"]["acme"]["share"] == pytest.approx(share)
    replies = result.events["event"] == "graceful reply"
    assert told["graceful_replies"] == replies.sum() > 0


def test_those_of_whom_none_left_are_told_too(result: Result) -> None:
    private = overflowed(result)["by"]["tenant"]["private"]
    assert private == NOTHING


def test_a_run_with_a_way_out_that_nobody_took_says_so() -> None:
    overflow = {"when": [{"kind": "outage"}], "endpoints": [ENDPOINT]}
    trace = Trace.from_columns([0.0, 1.0], [10, 10], [5, 5])
    result = simulate(Scenario.parse({**BASE, "overflow": overflow}), trace)
    told = summarise(result)["overflow"]
    assert (told["requests"], told["calls"], told["at_once_peak"], told["usd"]) == (0, 0, 0, 0)
    assert np.isnan(told["first_s"])
    assert np.isnan(told["usd_per_request"])
    assert told["by"]["why"] == {"outage": NOTHING}
    assert overflow_by(result).empty


def test_a_run_without_a_way_out_has_no_section() -> None:
    plain = simulate(Scenario.parse(BASE), Trace.from_columns([0.0], [10], [5]))
    assert "overflow" not in summarise(plain)
    assert overflow_by(plain).empty


def test_hits_of_ones_own_cache_are_counted_at_home() -> None:
    rows = [
        {"arrival_s": t, "prompt": [["s", 160], [f"u{t}", 16]], "output_tokens": 2, "tenant": who}
        for t, who in ((0.0, "a"), (1.0, "a"), (2.0, "b"))
    ]
    overflow = {"when": [{"kind": "always"}], "endpoints": [ENDPOINT], "tenants": ["b"]}
    result = simulate(Scenario.parse({**BASE, "overflow": overflow}), Trace.from_requests(rows))
    assert (result.calls["outcome"] == "ok").sum() == 1
    assert prefix_hit_rate(result) == pytest.approx(160 / (2 * 176))


def test_how_sure_a_run_is_does_not_vouch_for_endpoints() -> None:
    overflow = {"when": [{"kind": "always"}], "endpoints": [ENDPOINT], "tenants": ["b"]}
    base = {**BASE, "step_time": {"kind": "roofline"}, "overflow": overflow}
    columns = ([0.0, 1.0], [10, 10], [5, 5])
    both = Trace.from_columns(*columns, tenant=["a", "b"])
    certainty = summarise(simulate(Scenario.parse(base), both))["certainty"]
    assert "1 answers are of endpoints" in certainty["sentence"]
    assert certainty["interval_s"]["ttft_s"]
    none_here = Trace.from_columns(*columns, tenant=["b", "b"])
    certainty = summarise(simulate(Scenario.parse(base), none_here))["certainty"]
    assert certainty["interval_s"] == {}


def test_a_bin_of_no_length_is_refused(result: Result) -> None:
    with pytest.raises(ValueError, match="bin_s must be positive"):
        overflow_by(result, 0.0)
