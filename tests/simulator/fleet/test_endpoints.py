"""An endpoint at work: how fast it is at which hour, what it refuses, and what it charges."""

from typing import Any
from unittest import mock

import numpy as np
import pytest
from scipy import stats

from simulator.fleet import endpoints
from tests.simulator.fleet.test_overflow import ENDPOINT, out
from tests.support.fleets import Play
from workloads.trace import Trace

ALWAYS = {"kind": "always"}


def calls(play: Play, trace: Trace, endpoint: dict[str, Any], **policy: Any) -> Any:
    """What becomes of requests that all go to one endpoint."""
    overflow = {"when": [ALWAYS], "endpoints": [{**ENDPOINT, **endpoint}], **policy}
    return play(trace, replicas=0, overflow=overflow).calls


def equal(at: Any, prompt: int = 100, output: int = 11) -> Trace:
    """Requests of one size at these instants."""
    n = len(at)
    return Trace.from_columns(at, np.full(n, prompt), np.full(n, output))


def taken_at(found: Any) -> list[float]:
    return found.loc[found["outcome"] == "ok", "sent_s"].tolist()  # type: ignore[no-any-return]


# -- how fast --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("start_h", "slow_from_s"), [(0.0, 9 * 3600), (8.5, 1800), (23.0, 36000)])
def test_it_is_slow_at_its_slow_hours(play: Play, start_h: float, slow_from_s: float) -> None:
    at = slow_from_s + np.array([-1.0, 0.0, 3599.0, 3600.0])
    by_hour = [1.0] * 9 + [3.0] + [1.0] * 14
    found = calls(play, equal(at), {"by_hour": by_hour}, start_h=start_h)
    factor = np.array([1, 3, 3, 1])
    assert (found["first_token_s"] - found["sent_s"]).to_numpy() == pytest.approx(0.2 * factor)
    rest = (found["finish_s"] - found["first_token_s"]).to_numpy()
    assert rest == pytest.approx(10 * 0.01 * factor)


def test_times_are_lognormal_about_their_medians(play: Play) -> None:
    n, prompt = 3000, np.tile([500, 4000], 1500)
    trace = Trace.from_columns(np.arange(n) * 0.01, prompt, np.full(n, 101))
    spread = {"ttft_sigma": 0.5, "ttft_s_per_1k_prompt_tokens": 0.05, "tokens_per_s_sigma": 0.25}
    found = calls(play, trace, spread)
    ttft = (found["first_token_s"] - found["sent_s"]).to_numpy() - 0.05 * prompt / 1000
    speed = 100 / (found["finish_s"] - found["first_token_s"]).to_numpy()
    assert stats.kstest(np.log(ttft), stats.norm(np.log(0.2), 0.5).cdf).pvalue > 1e-4
    assert stats.kstest(np.log(speed), stats.norm(np.log(100), 0.25).cdf).pvalue > 1e-4
    assert abs(np.corrcoef(ttft, speed)[0, 1]) < 4 / np.sqrt(n)


def test_a_request_has_the_same_luck_whenever_it_is_sent(play: Play) -> None:
    trace = equal(np.arange(200) * 0.002, prompt=300, output=40)
    spread = {"ttft_sigma": 0.5}
    every = calls(play, trace, spread).set_index("request")
    some = play(trace, overflow=out({"kind": "queue", "max_waiting": 2}, spread)).calls
    some = some.set_index("request")
    assert 0 < len(some) < 200
    took = (some["first_token_s"] - some["sent_s"]).to_numpy()
    before = (every["first_token_s"] - every["sent_s"]).loc[some.index].to_numpy()
    assert took == pytest.approx(before)


# -- what it refuses: outages ----------------------------------------------------------------------


def test_an_outage_refuses_from_its_beginning_to_its_end(play: Play) -> None:
    at = [9.95, 9.999, 10.0, 15.0, 19.999, 20.0, 20.1]

    def one(self: Any, up_s: float) -> tuple[float, float]:
        return (10.0, 20.0) if up_s < 10 else (1e9, 2e9)

    with mock.patch.object(endpoints._Outages, "_next", one):
        found = calls(play, equal(at), {"mtbf_h": 1.0})
    assert found["outcome"].tolist() == ["ok", "ok", "down", "down", "down", "ok", "ok"]
    under_way = found.iloc[1]
    assert under_way["finish_s"] == pytest.approx(9.999 + 0.2 + 0.1)  # goes on into the outage
    assert (found.loc[found["outcome"] == "down", "usd"] == 0).all()


def test_outages_come_and_last_as_long_as_they_should(play: Play) -> None:
    found = calls(play, equal(np.arange(30_000.0)), {"mtbf_h": 100 / 3600, "outage_s": 50})
    down = (found["outcome"] == "down").to_numpy()
    begins = np.flatnonzero(~down[:-1] & down[1:])
    ends = np.flatnonzero(down[:-1] & ~down[1:])
    n = len(ends)
    assert n > 150
    # Seen once a second, so that short ones are missed and the others blurred by a second or so.
    lasted = (ends[:n] - begins[:n])[1:]
    between = begins[1:n] - ends[: n - 1]
    for lengths, mean in ((lasted, 50), (between, 100)):
        assert lengths.mean() == pytest.approx(mean + 1, abs=4 * mean / np.sqrt(n))
        assert lengths.std() == pytest.approx(mean, rel=0.3)  # exponential: as wide as long


def test_outages_do_not_move_with_the_policy(play: Play) -> None:
    trace = equal(np.arange(0, 400, 0.5), prompt=300, output=40)
    frail = {"mtbf_h": 30 / 3600, "outage_s": 20}
    every = calls(play, trace, frail).set_index("request")["outcome"]
    always_busy = {"kind": "token_bucket", "rate_per_s": 0.5, "burst": 1}
    overflow = out({"kind": "rejection"}, frail)
    some = play(trace, admission=always_busy, overflow=overflow).calls
    some = some.set_index("request")["outcome"]
    assert 0 < len(some) < len(every)
    assert (some == "down").any()
    assert (some.astype(str) == every.loc[some.index].astype(str)).all()


# -- what it refuses: limits -----------------------------------------------------------------------


def test_requests_over_the_limit_are_refused_and_the_limit_fills_evenly(play: Play) -> None:
    at = [*[0.0] * 100, 0.5, 1.0, 1.5, 200.0, *[200.0] * 99]
    found = calls(play, equal(at), {"requests_per_minute": 60})
    taken = taken_at(found)
    assert taken.count(0.0) == 60
    assert [t for t in taken if 0 < t < 200] == [1.0]  # one a second comes back; 0.5 is not one
    assert taken.count(200.0) == 60  # no more than a minute's worth is saved up
    assert (found["outcome"].isin(["ok", "limited"])).all()


def test_a_refusal_does_not_count(play: Play) -> None:
    at = np.concatenate([np.zeros(60), np.full(1000, 0.25), [1.0]])
    assert taken_at(calls(play, equal(at), {"requests_per_minute": 60}))[-1] == 1.0


@pytest.mark.parametrize(
    ("limit", "again_at"),
    [
        ("tokens_per_minute", 40.0),  # six prompts and six answers: 9,000 of 6,000, and 1,000 more
        ("input_tokens_per_minute", 10.0),  # 1,000 at a hundred a second
    ],
)
def test_tokens_over_the_limit_are_refused(play: Play, limit: str, again_at: float) -> None:
    at = np.concatenate([np.zeros(10), np.arange(1.0, 60.0)])
    trace = equal(at, prompt=1000, output=500)
    taken = taken_at(calls(play, trace, {limit: 6000}))
    assert taken[:7] == [0.0] * 6 + [again_at]


def test_answers_count_when_they_end(play: Play) -> None:
    at = np.concatenate([np.zeros(10), [5.0], np.arange(6.0, 600.0)])
    trace = equal(at, prompt=1000, output=500)
    taken = taken_at(calls(play, trace, {"output_tokens_per_minute": 600}))
    # All eleven are asked before the first answer ends, at 5.19 s. Ten a second come back: of
    # 5,000 tokens less the 600 there were the last is made up for at 440.19 s, and of the eleventh
    # answer's 500, which end at 10.19 s, at 495.19 s.
    assert taken[:11] == [0.0] * 10 + [5.0]
    assert taken[11] == 496.0


def test_a_prompt_larger_than_a_minutes_worth_is_never_taken(play: Play) -> None:
    at = np.arange(0, 600, 60.0)
    found = calls(play, equal(at, prompt=1001), {"tokens_per_minute": 1000})
    assert (found["outcome"] == "limited").all()


def test_less_than_one_request_a_minute_is_one_now_and_then(play: Play) -> None:
    taken = taken_at(calls(play, equal(np.arange(0, 601, 30.0)), {"requests_per_minute": 0.5}))
    assert taken == [0.0, 120.0, 240.0, 360.0, 480.0, 600.0]


# -- what it charges -------------------------------------------------------------------------------


def prefixed(times: list[float], shared: int = 2000) -> Trace:
    rows = [
        {"arrival_s": t, "prompt": [["s", shared], [f"u{t}", 10]], "output_tokens": 10}
        for t in times
    ]
    return Trace.from_requests(rows)


CACHED = {"usd_per_million_cached_input_tokens": 0.1, "cache_ttl_s": 300}


def test_each_use_keeps_a_prefix_known_for_longer(play: Play) -> None:
    found = calls(play, prefixed([0.0, 250.0, 500.0, 801.0]), CACHED)
    assert found["cached_tokens"].tolist() == [0, 2000, 2000, 0]
    fresh, known = (2010 + 2 * 10) / 1e6, (10 + 0.1 * 2000 + 2 * 10) / 1e6
    assert found["usd"].to_numpy() == pytest.approx([fresh, known, known, fresh])


def test_an_endpoint_remembers_prefixes_though_engines_here_do_not(play: Play) -> None:
    overflow = out({"kind": "queue", "max_waiting": 1}, {**CACHED, "requests_per_minute": 3})
    trace = prefixed([0.0, 0.001, 0.002, 0.003, 0.004, 0.005, 0.006])
    found = play(trace, overflow=overflow, engine={"enable_prefix_caching": False})
    assert found.calls.loc[found.calls["outcome"] == "ok", "cached_tokens"].tolist() == [
        0,
        2000,
        2000,
    ]
    assert (found.requests["replica"] == 0).sum() == 4
    assert (found.requests["cached_tokens"] == 0).all()


def test_a_short_prefix_is_charged_in_full(play: Play) -> None:
    assert calls(play, prefixed([0.0, 1.0], 1008), CACHED)["cached_tokens"].tolist() == [0, 0]
    assert calls(play, prefixed([0.0, 1.0], 1024), CACHED)["cached_tokens"].tolist() == [0, 1024]


def test_what_one_endpoint_has_seen_another_has_not(play: Play) -> None:
    first = {**ENDPOINT, **CACHED, "requests_per_minute": 1}
    overflow = {"when": [ALWAYS], "endpoints": [first, {**ENDPOINT, **CACHED, "name": "another"}]}
    found = play(prefixed([0.0, 1.0, 2.0]), replicas=0, overflow=overflow).calls
    served = found[found["outcome"] == "ok"]
    assert served["endpoint"].tolist() == ["elsewhere", "another", "another"]
    assert served["cached_tokens"].tolist() == [0, 0, 2000]
