"""Each rule on who leaves, held against what the tables say of the fleet at that instant."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from simulator import Result
from tests.simulator.fleet.test_overflow import ENDPOINT, out
from tests.support.fleets import Draw, Play
from workloads.clients import Client
from workloads.trace import Trace


def away(result: Result) -> pd.Series:  # type: ignore[type-arg]
    """For each request whether an endpoint answered it."""
    calls = result.calls
    return result.requests["request_id"].isin(calls.loc[calls["outcome"] == "ok", "request"])


def waiting(result: Result) -> np.ndarray[Any, Any]:
    """Requests that waited at home when each arrived, itself apart."""
    at_home = result.requests[~away(result)]
    came, began = at_home["arrival_s"].to_numpy(), at_home["scheduled_s"].to_numpy()
    at = result.requests["arrival_s"].to_numpy()[:, None]
    return ((came < at) & (began > at)).sum(axis=1)  # type: ignore[no-any-return]


@pytest.mark.parametrize("held", [{}, {"queue": {"kind": "fifo", "max_per_replica": 18}}])
@pytest.mark.parametrize(("replicas", "at_most"), [(1, 3), (2, 2), (1, 0)])
def test_on_a_queue_those_leave_who_find_it_long(
    play: Play, draw: Draw, replicas: int, at_most: int, held: dict[str, Any]
) -> None:
    overflow = out({"kind": "queue", "max_waiting": at_most})
    router = {"kind": "least_loaded"}
    trace = draw(600, 70 * replicas)
    result = play(trace, replicas=replicas, overflow=overflow, router=router, **held)
    left, found = away(result).to_numpy(), waiting(result)
    assert 20 < left.sum() < 580
    longest = max(1, at_most * replicas)
    assert found[left].min() >= longest
    assert found[~left].max() < longest


def test_on_a_late_first_token_long_prompts_leave_an_idle_fleet_and_short_ones_stay(
    play: Play,
) -> None:
    n = 40  # one every ten seconds: nobody is in anybody's way
    prompt = np.tile([100, 2000, 4000, 6000], n // 4)
    trace = Trace.from_columns(np.arange(n) * 10.0, prompt, np.full(n, 5))
    engine = {"num_gpu_blocks_override": 4000}
    alone = play(trace, engine=engine).requests["ttft_s"].to_numpy()
    assert alone[prompt == 2000].max() < 0.1 < alone[prompt == 4000].min()
    result = play(trace, engine=engine, overflow=out({"kind": "ttft", "ttft_s": 0.1}))
    assert (away(result).to_numpy() == (prompt > 2000)).all()


@pytest.mark.parametrize("bound", [0.1, 0.3, 1.0])
def test_on_a_late_first_token_those_at_home_wait_about_so_long(
    play: Play, draw: Draw, bound: float
) -> None:
    trace = draw(800, 200)
    assert play(trace).requests["ttft_s"].max() > 2.5
    result = play(trace, overflow=out({"kind": "ttft", "ttft_s": bound}))
    ttft = result.requests.loc[~away(result), "ttft_s"]
    assert len(ttft) > 150
    # What is expected is the middle of what comes: not biased, and not far off.
    assert 0.8 * bound < ttft.median() < bound
    assert ttft.max() < bound + 0.3


def test_a_bound_that_nobody_misses_sends_nobody_away(play: Play, draw: Draw) -> None:
    assert not len(play(draw(800, 200), overflow=out({"kind": "ttft", "ttft_s": 1e6})).calls)


def test_in_an_outage_those_leave_who_wait_and_who_come(play: Play, draw: Draw) -> None:
    crash = {"kind": "engine_crash", "at_s": [1.0], "restart_s": 2.0}
    trace = draw(400, 100)
    result = play(trace, faults=[crash], overflow=out({"kind": "outage"}))
    calls = result.calls
    assert calls["sent_s"].min() == 1.0  # who waited, or ran, at that very instant
    assert (calls["sent_s"] == 1.0).sum() > 5
    came = result.requests["arrival_s"].between(1.0, 3.0, inclusive="neither")
    assert away(result)[came].all()
    later = result.requests["arrival_s"] > 3.0
    assert later.any()
    assert not away(result)[later].any()
    without = play(trace, faults=[crash])
    assert (without.requests["ttft_s"] > result.requests["ttft_s"].max()).any()


def test_an_outage_is_not_a_full_house(play: Play, draw: Draw) -> None:
    admission = {"kind": "bounded_queue", "max_waiting": 1}
    trace = draw(300, 200)
    on_outage = play(trace, admission=admission, overflow=out({"kind": "outage"}))
    assert not len(on_outage.calls)
    assert (on_outage.requests["outcome"] == "rejected").sum() > 50
    on_rejection = play(trace, admission=admission, overflow=out({"kind": "rejection"}))
    assert (on_rejection.requests["outcome"] == "completed").all()
    assert set(on_rejection.calls["why"]) == {"rejected"}


@pytest.mark.parametrize(
    ("policy", "may"),
    [
        ({"priorities": [1]}, lambda r: r["priority"] == 1),
        ({"priorities": [0, 2]}, lambda r: r["priority"] != 1),
        ({"tenants": ["a"]}, lambda r: r["tenant"] == "a"),
        ({"stay": ["a"]}, lambda r: r["tenant"] != "a"),
        (
            {"stay": ["a"], "priorities": [2]},
            lambda r: (r["tenant"] != "a") & (r["priority"] == 2),
        ),
        (
            {"tenants": ["a"], "priorities": [0]},
            lambda r: (r["tenant"] == "a") & (r["priority"] == 0),
        ),
    ],
)
@pytest.mark.parametrize("kind", ["always", "outage", "rejection"])
def test_only_those_leave_who_may(
    play: Play, draw: Draw, policy: dict[str, Any], may: Any, kind: str
) -> None:
    rng = np.random.default_rng(5)
    whose = {"tenant": rng.choice(["a", "b"], 300), "priority": rng.integers(0, 3, 300)}
    crash = {"kind": "engine_crash", "at_s": [1.0], "restart_s": 1.0}
    fleet = {
        "faults": [crash],
        "admission": {"kind": "bounded_queue", "max_waiting": 6},
        "queue": {"kind": "fifo", "max_per_replica": 8},  # so that some wait when it crashes
    }
    result = play(draw(300, 100, **whose), overflow=out({"kind": kind}, **policy), **fleet)
    left, allowed = away(result), may(result.requests)
    assert left.any()
    assert not left[~allowed].any()
    assert result.requests.loc[result.calls["request"]].pipe(may).all()  # nor were they shown
    if kind == "always":
        assert left[allowed].all()


def test_a_graceful_reply_ends_the_matter(play: Play, draw: Draw) -> None:
    trace = draw(300, 300).sent_by(Client(timeout_s=60, max_retries=3, backoff_s=0.2))
    admission = {"kind": "bounded_queue", "max_waiting": 2}
    limits = {"requests_per_minute": 30}
    insisting = play(trace, admission=admission, overflow=out({"kind": "rejection"}, limits))
    kind = play(
        trace, admission=admission, overflow=out({"kind": "rejection"}, limits, graceful_reply=True)
    )
    replies = kind.events[kind.events["event"] == "graceful reply"]
    assert replies["request"].is_unique
    rejected = kind.requests["outcome"] == "rejected"
    assert set(replies["request"]) == set(kind.requests.index[rejected])
    asked = kind.calls.groupby("request").size()
    assert asked.max() == 1  # nobody tries again after a reply
    assert insisting.calls.groupby("request").size().max() == 4  # else they do
    said_at = replies.set_index("request")["time_s"]
    arrived = kind.requests.loc[said_at.index, "arrival_s"]
    assert said_at.to_numpy() == pytest.approx(arrived.to_numpy())


def test_a_graceful_reply_is_the_last_resort(play: Play, draw: Draw) -> None:
    endpoints = [{**ENDPOINT, "requests_per_minute": 10}, {**ENDPOINT, "name": "another"}]
    overflow = {"when": [{"kind": "rejection"}], "endpoints": endpoints, "graceful_reply": True}
    admission = {"kind": "bounded_queue", "max_waiting": 2}
    result = play(draw(300, 300), admission=admission, overflow=overflow)
    assert (result.calls["endpoint"] == "another").any()
    assert not (result.events["event"] == "graceful reply").any()
    assert (result.requests["outcome"] == "completed").all()


def test_the_first_rule_that_holds_is_the_reason(play: Play, draw: Draw) -> None:
    rules = [{"kind": "queue", "max_waiting": 2}, {"kind": "ttft", "ttft_s": 0.05}]
    overflow = {"when": rules, "endpoints": [ENDPOINT]}
    trace = draw(400, 150)
    why = play(trace, overflow=overflow).calls["why"]
    assert set(why) == {"queue", "ttft"}
    turned = play(trace, overflow={**overflow, "when": rules[::-1]}).calls["why"]
    assert (turned == "ttft").sum() > (why == "ttft").sum()


def test_refused_everywhere_a_request_is_served_at_home(play: Play, draw: Draw) -> None:
    overflow = out({"kind": "queue", "max_waiting": 1}, {"requests_per_minute": 1})
    result = play(draw(200, 100), overflow=overflow)
    limited = result.calls.loc[result.calls["outcome"] == "limited", "request"]
    assert len(limited) > 20
    assert (result.requests.loc[limited, "outcome"] == "completed").all()
    assert (result.requests.loc[limited, "replica"] == 0).all()
