"""What queueing theory and common sense know of fleets."""

from typing import Any

import numpy as np
import pytest

from tests.support.fleets import Draw, Play
from workloads.trace import Trace


def test_stale_loads_make_the_shortest_queue_worse_than_chance(play: Play, draw: Draw) -> None:
    trace = draw(1500, 150)
    p99 = {
        stale_s: play(trace, replicas=4, router={"kind": "least_loaded", "stale_s": stale_s})
        .requests["ttft_s"]
        .quantile(0.99)
        for stale_s in (0, 2)
    }
    chance = play(trace, replicas=4, router={"kind": "random"}).requests["ttft_s"].quantile(0.99)
    assert p99[0] < chance < p99[2]


def conversations(sessions: int = 40, turns: int = 5, seed: int = 0) -> Trace:
    rng = np.random.default_rng(seed)
    rows: list[dict[str, Any]] = []
    starts = rng.uniform(0, 10, sessions)
    for turn in range(turns):
        for session in range(sessions):
            prompt = [[f"{session}-{k}", 160] for k in range(turn + 1)]
            at = starts[session] + 3 * turn + rng.uniform(0, 1)
            rows.append({"arrival_s": at, "prompt": prompt, "output_tokens": 20})
    return Trace.from_requests(rows)


@pytest.mark.parametrize("index", ["exact", "approximate"])
def test_routing_by_prefix_raises_the_hit_rate_of_conversations(play: Play, index: str) -> None:
    trace = conversations()

    def hits(router: dict[str, Any]) -> int:
        result = play(trace, replicas=4, router=router, engine={"num_gpu_blocks_override": 4000})
        return int(result.requests["cached_tokens"].sum())

    by_prefix = hits({"kind": "prefix_aware", "index": index})
    by_turn = hits({"kind": "round_robin"})
    everything = hits({"kind": "prefix_aware", "imbalance": 10_000})
    assert by_prefix > 2 * by_turn
    assert by_prefix == everything


def test_affinity_keeps_a_conversation_where_it_is(play: Play) -> None:
    trace = conversations()
    session = np.array([int(row) % 40 for row in range(len(trace))])
    by_time = Trace.from_columns(
        trace.arrival_s, trace.prompt_tokens, trace.output_tokens, session=session
    )
    result = play(by_time, replicas=4, router={"kind": "session_affinity"})
    homes = result.requests.groupby(session)["replica"].nunique()
    assert (homes == 1).all()


def test_paying_begins_when_a_replica_is_asked_for(play: Play, draw: Draw) -> None:
    start_up = {"provision_s": 2, "warm_up_s": 1, "storage_gb_s": 8, "weights_gb": 16}
    result = play(
        draw(200, 40),
        replicas=0,
        start_up=start_up,
        autoscaler={"kind": "fixed", "max_replicas": 1, "interval_s": 100},
    )
    life = result.replicas.iloc[0]
    assert life["requested_s"] == 0
    assert life["ready_s"] == pytest.approx(2 + 16 / 8 + 1)
    first = result.intervals.iloc[0]
    assert (first["state"], first["start_s"], first["end_s"]) == ("warming", 0, life["ready_s"])
    assert result.requests["scheduled_s"].min() >= life["ready_s"]


def test_nothing_at_night_and_two_in_the_morning(play: Play) -> None:
    trace = Trace.from_columns(np.arange(0.0, 7200, 60), np.full(120, 50), np.full(120, 20))
    result = play(
        trace,
        horizon_s=7200,
        autoscaler={
            "kind": "scheduled", "min_replicas": 0, "max_replicas": 3, "interval_s": 10,
            "levels": [{"from_h": 0, "replicas": 1}, {"from_h": 1, "replicas": 3}],
        },
    )  # fmt: skip
    lives = result.replicas
    assert lives["requested_s"].tolist() == [0, 3600, 3600]
    assert (lives["stopped_s"] == 7200).all()


def test_a_rolling_upgrade_with_surge_loses_nothing_and_keeps_the_capacity(
    play: Play, draw: Draw
) -> None:
    trace = draw(600, 100)
    start_up = {"provision_s": 0.5, "warm_up_s": 0.3}
    upgrade = {"kind": "rolling_upgrade", "at_s": 1.0}
    result = play(trace, replicas=3, start_up=start_up, operations=[upgrade])
    assert (result.requests["outcome"] == "completed").all()
    assert not (result.events["event"] == "lost").any()
    old = result.replicas["replica"] < 3
    assert (result.replicas.loc[old, "stopped_s"] < result.horizon_s).all()
    assert len(result.replicas) == 6
    changes = result.events[result.events["event"].isin(["ready", "draining"])]
    ready = np.cumsum(np.where(changes["event"] == "ready", 1, -1))[3:]
    assert ready.min() >= 3
    in_place = play(
        trace, replicas=3, start_up=start_up, operations=[{**upgrade, "mode": "in_place"}]
    )
    ttft = [r.requests["ttft_s"].quantile(0.99) for r in (result, in_place)]
    assert ttft[0] < ttft[1]


def test_who_is_lost_is_served_anew_or_has_failed(play: Play, draw: Draw) -> None:
    crash = {"kind": "engine_crash", "at_s": [1.0], "restart_s": 0.5}
    trace = draw(200, 100)
    again = play(trace, replicas=2, faults=[crash])
    lost = again.events.loc[again.events["event"] == "lost", "request"]
    assert len(lost)
    assert (again.requests["outcome"] == "completed").all()
    gone = play(trace, replicas=2, faults=[crash], max_requeues=0)
    failed = gone.requests.index[gone.requests["outcome"] == "failed"]
    assert sorted(failed) == sorted(lost)


def test_a_spot_machine_works_off_what_it_can_in_its_notice(play: Play, draw: Draw) -> None:
    trace = draw(200, 60)
    reclaim = {"kind": "spot_reclaim", "at_s": [1.0], "replicas": [0]}
    generous = play(trace, replicas=3, faults=[{**reclaim, "notice_s": 60}])
    assert not (generous.events["event"] == "lost").any()
    sudden = play(trace, replicas=3, faults=[{**reclaim, "notice_s": 0.0}])
    assert (sudden.events["event"] == "lost").any()
    assert sudden.replicas["stopped_s"][0] == pytest.approx(1.0)
    assert len(sudden.replicas) == 4


def test_a_slow_replica_takes_longer_by_its_factor(play: Play) -> None:
    trace = Trace.from_columns([0.0, 10.0], [10, 10], [50, 50])
    slow = {"kind": "slow_gpu", "at_s": [5.0], "factor": 3, "lasts_s": 100}
    e2e = play(trace, faults=[slow]).requests["e2e_s"]
    assert e2e[1] == pytest.approx(3 * e2e[0])


def test_fair_shares_protect_a_small_tenant_from_a_flood(play: Play) -> None:
    rng = np.random.default_rng(0)
    n = 400
    tenant = np.where(np.arange(n) % 10 == 0, "small", "flood").astype(object)
    trace = Trace.from_columns(
        np.sort(rng.uniform(0, 2, n)), np.full(n, 300), np.full(n, 40), tenant=tenant
    )

    def waits(kind: str) -> float:
        result = play(trace, queue={"kind": kind, "max_per_replica": 8})
        mine = result.requests["tenant"] == "small"
        return float(result.requests.loc[mine, "ttft_s"].quantile(0.9))

    assert waits("fair_share") < 0.2 * waits("fifo")


def test_the_urgent_pass_and_the_rest_is_shed(play: Play) -> None:
    rng = np.random.default_rng(0)
    n = 600
    trace = Trace.from_columns(
        np.sort(rng.uniform(0, 10, n)),
        np.full(n, 300),
        np.full(n, 40),
        priority=np.arange(n) % 3,
    )
    shedding = {"kind": "priority_shedding", "max_waiting": 5}
    result = play(trace, admission=shedding, queue={"kind": "priority", "max_per_replica": 16})
    rejected = result.requests["outcome"] == "rejected"
    share = rejected.groupby(result.requests["priority"]).mean()
    assert share[0] < share[1] < share[2]
    assert share[0] == 0


def test_a_bucket_lets_in_its_burst_and_its_rate(play: Play) -> None:
    trace = Trace.from_columns(np.arange(100) * 0.1, np.full(100, 10), np.full(100, 2))
    bucket = {"kind": "token_bucket", "rate_per_s": 2, "burst": 5}
    result = play(trace, admission=bucket)
    let_in = int((result.requests["outcome"] == "completed").sum())
    assert let_in == pytest.approx(5 + 2 * 9.9, abs=1)


def test_whoever_asks_twice_gets_the_first_answer(play: Play, draw: Draw) -> None:
    from workloads.clients import Client

    trace = draw(300, 60)
    slow = {"kind": "slow_gpu", "at_s": [0.5], "factor": 8, "lasts_s": 100}
    fleet: dict[str, Any] = {"replicas": 3, "faults": [slow], "router": {"kind": "round_robin"}}
    alone = play(trace, **fleet)
    hedged = play(trace.sent_by(Client(hedge_after_s=0.1)), **fleet)
    p90 = [r.requests["ttft_s"].quantile(0.9) for r in (alone, hedged)]
    assert p90[1] < 0.5 * p90[0]
    assert (hedged.requests["outcome"] == "completed").all()


def test_retries_keep_a_fleet_down_that_would_have_recovered(play: Play) -> None:
    from workloads.clients import Client

    calm = np.arange(0, 20, 0.02)
    burst = np.linspace(4, 5, 400)
    arrival_s = np.sort(np.concatenate([calm, burst]))
    n = len(arrival_s)
    trace = Trace.from_columns(arrival_s, np.full(n, 200), np.full(n, 40))
    late = arrival_s > 14
    done = {}
    for retries in (0, 10):
        client = Client(timeout_s=1.0, max_retries=retries, backoff_s=0.01, max_backoff_s=0.1)
        result = play(trace.sent_by(client), replicas=1, engine={"max_num_seqs": 32})
        done[retries] = float((result.requests["outcome"] == "completed")[late].mean())
    assert done[0] > 0.95
    assert done[10] < done[0] - 0.2


def test_a_closed_loop_never_has_more_users_than_it_has(play: Play) -> None:
    from dataclasses import replace

    trace = Trace.from_columns(np.zeros(60), np.full(60, 50), np.full(60, 30))
    result = play(replace(trace, closed_loop=True, max_concurrency=4))
    requests = result.requests
    instants = np.sort(requests["arrival_s"])
    out = [((requests["arrival_s"] <= t) & (requests["finish_s"] > t)).sum() for t in instants]
    assert max(out) == 4
    assert (requests["outcome"] == "completed").all()
