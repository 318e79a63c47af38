"""The way out to somebody else's API: who goes, when, what it costs, and what it bounds."""

from typing import Any

import numpy as np
import pytest

from simulator.economics.bill import bill
from tests.support.fleets import Draw, Play
from workloads.clients import Client
from workloads.trace import Trace

ENDPOINT: dict[str, Any] = {
    "name": "elsewhere", "source": "made up for tests", "checked": "2026-01-01",
    "confidence": "C", "provider": "nobody", "model": "m", "ttft_s": 0.2, "tokens_per_s": 100,
    "usd_per_million_input_tokens": 1, "usd_per_million_output_tokens": 2,
}  # fmt: skip


def out(when: dict[str, Any], endpoint: dict[str, Any] | None = None, **more: Any) -> Any:
    return {"when": [when], "endpoints": [{**ENDPOINT, **(endpoint or {})}], **more}


def test_an_endpoint_without_limits_bounds_the_wait(play: Play, draw: Draw) -> None:
    trace = draw(800, 200)
    alone = play(trace)
    helped = play(trace, overflow=out({"kind": "ttft", "ttft_s": 0.2}))
    assert alone.requests["ttft_s"].max() > 2
    assert helped.requests["ttft_s"].max() < 0.45
    assert (helped.requests["outcome"] == "completed").all()
    assert (helped.calls["why"] == "ttft").all()


def test_every_call_is_priced_and_on_the_bill(play: Play, draw: Draw) -> None:
    result = play(draw(400, 200), overflow=out({"kind": "queue", "max_waiting": 3}))
    calls, requests = result.calls, result.requests
    served = calls[calls["outcome"] == "ok"]
    rows = requests.loc[served["request"]]
    usd = (rows["prompt_tokens"] + 2 * rows["output_tokens"]) / 1e6
    assert served["usd"].to_numpy() == pytest.approx(usd.to_numpy())
    assert bill(result).line("endpoint_calls") == pytest.approx(usd.sum())
    assert (rows["replica"] == -1).all()


def test_with_nothing_at_home_all_is_bought(play: Play, draw: Draw) -> None:
    result = play(draw(50), replicas=0, overflow=out({"kind": "always"}))
    assert result.requests["ttft_s"].to_numpy() == pytest.approx(0.2)
    tpot = result.requests["tpot_s"].dropna()
    assert tpot.to_numpy() == pytest.approx(0.01)
    assert bill(result).usd_total == pytest.approx(result.calls["usd"].sum())


def test_over_the_limit_it_says_429_and_the_next_is_asked(play: Play) -> None:
    trace = Trace.from_columns(np.arange(30) * 0.01, np.full(30, 10), np.full(30, 2))
    second = {**ENDPOINT, "name": "another"}
    overflow = {
        "when": [{"kind": "always"}],
        "endpoints": [{**ENDPOINT, "requests_per_minute": 10}, second],
    }
    calls = play(trace, replicas=0, overflow=overflow).calls
    counts = calls.groupby(["endpoint", "outcome"], observed=True).size().to_dict()
    expected = {("elsewhere", "ok"): 10, ("elsewhere", "limited"): 20, ("another", "ok"): 20}
    assert counts == expected


def test_a_prefix_sent_lately_is_charged_as_cached(play: Play) -> None:
    rows = [{"arrival_s": t, "prompt": [["s", 2000], [f"u{t}", 10]], "output_tokens": 1}
            for t in (0.0, 10.0, 400.0)]  # fmt: skip
    cached = {"usd_per_million_cached_input_tokens": 0.1, "cache_ttl_s": 300}
    trace = Trace.from_requests(rows)
    result = play(trace, replicas=0, overflow=out({"kind": "always"}, cached))
    assert result.calls["cached_tokens"].tolist() == [0, 2000, 0]


def test_some_may_never_leave(play: Play) -> None:
    n = 300
    tenant = np.array(["private", "other"] * (n // 2), dtype=object)
    trace = Trace.from_columns(np.arange(n) * 0.003, np.full(n, 200), np.full(n, 50), tenant=tenant)
    overflow = out({"kind": "queue", "max_waiting": 1}, stay=["private"])
    result = play(trace, overflow=overflow)
    away = result.requests.loc[result.calls["request"], "tenant"]
    assert len(away)
    assert (away == "other").all()


def test_an_outage_at_home_is_bridged(play: Play, draw: Draw) -> None:
    crash = {"kind": "engine_crash", "at_s": [1.0], "restart_s": 1.0}
    result = play(draw(200, 60), faults=[crash], overflow=out({"kind": "outage"}))
    sent = result.calls["sent_s"]
    assert sent.between(1.0, 2.0).all()
    assert len(sent)
    assert (result.requests["outcome"] == "completed").all()


def test_turned_away_everywhere_one_gets_a_graceful_reply(play: Play, draw: Draw) -> None:
    overflow = out({"kind": "rejection"}, {"requests_per_minute": 5}, graceful_reply=True)
    admission = {"kind": "bounded_queue", "max_waiting": 2}
    result = play(draw(300, 300), admission=admission, overflow=overflow)
    replies = result.events.loc[result.events["event"] == "graceful reply", "request"]
    rejected = result.requests.index[result.requests["outcome"] == "rejected"]
    assert len(rejected)
    assert sorted(replies) == sorted(rejected)
    assert (result.calls["outcome"] == "ok").sum() == 5


def test_what_a_client_abandons_is_paid_as_far_as_it_came(play: Play) -> None:
    trace = Trace.from_columns([0.0], [100], [1000]).sent_by(Client(timeout_s=1.2))
    call = play(trace, replicas=0, overflow=out({"kind": "always"})).calls.iloc[0]
    assert call["outcome"] == "abandoned"
    assert call["output_tokens"] == 101
