"""Replicas come and go: what is on order is waited for, what is replaced counts once."""

from typing import Any

import numpy as np
import pytest

from simulator.record.cold_start import cold_starts
from simulator.record.fleet_size import gpu_hours
from simulator.record.summary import summarise
from tests.support.fleets import Draw, Play
from workloads.clients import Client
from workloads.trace import Trace

SLOW = {"provision_s": 1.0, "storage_gb_s": 8.0, "weights_gb": 4.0, "warm_up_s": 0.25}


def events(result: Any, *kinds: str) -> list[float]:
    table = result.events
    return table.loc[table["event"].isin(kinds), "time_s"].tolist()


def all_completed(result: Any) -> bool:
    return bool((result.requests["outcome"] == "completed").all())


def test_a_cold_start_is_provision_then_weights_then_warm_up(play: Play, draw: Draw) -> None:
    scaler = {"kind": "fixed", "max_replicas": 1}
    result = play(draw(50), replicas=0, start_up=SLOW, autoscaler=scaler)
    times = [events(result, kind)[0] for kind in ("requested", "provisioned", "weights loaded")]
    assert np.diff([*times, events(result, "ready")[0]]) == pytest.approx([1.0, 0.5, 0.25])
    assert result.intervals.iloc[0]["state"] == "warming"
    (start,) = cold_starts(result).to_dict("records")
    assert start == pytest.approx(
        {"replica": 0, "start_s": 0.0, "provision_s": 1.0, "load_s": 0.5, "warm_up_s": 0.25}
    )


def test_a_crashed_engine_loads_its_weights_again_but_keeps_its_machine(
    play: Play, draw: Draw
) -> None:
    crash = {"kind": "engine_crash", "at_s": [1.0], "restart_s": 2.0}
    result = play(draw(200), start_up=SLOW, faults=[crash])
    assert events(result, "repaired") == [3.0]
    assert events(result, "provisioned") == []
    assert events(result, "ready")[-1] == pytest.approx(3.0 + 0.5 + 0.25)
    told = summarise(result)["fleet"]["cold_start"]
    assert told == pytest.approx(
        {"starts": 1, "provision_gpu_hours": 0, "load_gpu_hours": 0.5 / 3600,
         "warm_up_gpu_hours": 0.25 / 3600}
    )  # fmt: skip


def test_a_start_that_is_cut_short_has_its_first_phases_only(play: Play, draw: Draw) -> None:
    outage = {"kind": "zone_outage", "zones": 1, "at_s": [1.2], "lasts_s": 1.0}
    scaler = {"kind": "fixed", "max_replicas": 1}
    two_gpus = {"tensor_parallel_size": 2}
    result = play(
        draw(50), replicas=0, start_up=SLOW, autoscaler=scaler, faults=[outage], engine=two_gpus
    )
    starts = cold_starts(result)
    # The machine has come, and a part of the weights; after the outage they are read anew.
    assert starts["provision_s"].tolist() == pytest.approx([1.0, 0.0])
    assert starts["load_s"].tolist() == pytest.approx([0.2, 0.5])
    assert starts["warm_up_s"].tolist() == pytest.approx([0.0, 0.25])
    told = summarise(result)["fleet"]["cold_start"]
    assert told["starts"] == 2
    hours = sum(value for name, value in told.items() if name != "starts")
    assert hours == pytest.approx(2 * 1.95 / 3600)
    shares = summarise(result)["utilization"]["time_shares"]
    assert hours == pytest.approx(shares["warming"] * gpu_hours(result))


@pytest.mark.parametrize(
    "fleet",
    [
        {"operations": [{"kind": "rolling_upgrade", "at_s": 1.0, "mode": "in_place"}]},
        {"faults": [{"kind": "spot_reclaim", "at_s": [1.0], "notice_s": 0.05, "no_capacity_s": 2}]},
    ],
    ids=["in place", "reclaimed"],
)
def test_who_waits_for_the_only_replica_waits_for_the_one_on_order(
    play: Play, draw: Draw, fleet: dict[str, Any]
) -> None:
    result = play(draw(150, 30), start_up=SLOW, **fleet)
    assert all_completed(result)
    assert len(result.replicas) == 2


def test_without_one_on_order_they_have_failed(play: Play, draw: Draw) -> None:
    gone = {"kind": "spot_reclaim", "at_s": [1.0], "notice_s": 0.0, "replace": False}
    outcomes = play(draw(150, 30), faults=[gone]).requests["outcome"]
    assert (outcomes[-50:] == "failed").all()


def test_a_machine_is_reclaimed_once_however_often_it_is_struck(play: Play, draw: Draw) -> None:
    fault = {"kind": "spot_reclaim", "at_s": [1.0, 1.2, 1.4], "notice_s": 5, "replicas": [0]}
    result = play(draw(400), replicas=3, faults=[fault])
    assert len(events(result, "reclaim notice")) == 1
    assert len(result.replicas) == 4


def test_a_machine_that_drains_is_taken_at_the_end_of_its_notice(play: Play) -> None:
    long_answers = Trace.from_columns([0.0, 0.1], [10, 10], [600, 600])
    upgrade = {"kind": "rolling_upgrade", "at_s": 0.5}
    reclaim = {"kind": "spot_reclaim", "at_s": [1.0], "notice_s": 0.5}
    result = play(long_answers, operations=[upgrade], faults=[reclaim])
    assert result.replicas["stopped_s"][0] == pytest.approx(1.5)
    assert len(result.replicas) == 2  # it was being replaced already


def test_a_fleet_at_zero_does_not_give_up_a_replica_that_somebody_waits_for(play: Play) -> None:
    trace = Trace.from_columns([5.0, 6.0], [10, 10], [5, 5])
    closed = {"kind": "scheduled", "levels": [{"from_h": 0, "replicas": 0}], "min_replicas": 0,
              "max_replicas": 2}  # fmt: skip
    result = play(trace, replicas=0, start_up={"provision_s": 60}, autoscaler=closed)
    assert all_completed(result)
    assert result.replicas["requested_s"].tolist() == [5.0]


def test_an_upgrade_under_an_autoscaler_keeps_the_capacity(play: Play, draw: Draw) -> None:
    result = play(
        draw(400),
        replicas=3,
        start_up={"provision_s": 1},
        operations=[{"kind": "rolling_upgrade", "at_s": 1}],
        autoscaler={"kind": "fixed", "max_replicas": 3, "interval_s": 0.5},
    )
    changes = result.events[result.events["event"].isin(["ready", "draining"])]
    ready = np.cumsum(np.where(changes["event"] == "ready", 1, -1))[3:]
    assert ready.min() >= 3
    assert len(result.replicas) == 6
    assert not events(result, "lost")


def test_an_upgrade_replaces_those_that_are_down_or_coming_too(play: Play, draw: Draw) -> None:
    result = play(
        draw(400),
        replicas=2,
        start_up={"provision_s": 1},
        faults=[{"kind": "engine_crash", "at_s": [0.9], "restart_s": 60}],
        operations=[{"kind": "rolling_upgrade", "at_s": 1}],
    )
    assert (result.replicas["stopped_s"][:2] < result.horizon_s).all()
    assert len(result.replicas) == 4


def test_what_is_done_to_one_pool_leaves_the_other_alone(play: Play, draw: Draw) -> None:
    shape: dict[str, Any] = {
        "pools": [{"name": "a", "replicas": 2}, {"name": "b", "replicas": 2}],
        "pool_choice": {"kind": "by_length", "up_to": [200]},
    }
    upgrade = {"kind": "rolling_upgrade", "at_s": 1.0}
    one = play(draw(400), **shape, operations=[{**upgrade, "pool": "b"}])
    assert one.replicas["pool"].astype(str).tolist() == ["a", "a", "b", "b", "b", "b"]
    both = play(draw(400), **shape, operations=[upgrade])
    assert both.replicas["pool"].value_counts().to_dict() == {"a": 4, "b": 4}
    crash = {"kind": "engine_crash", "at_s": [1.0], "pool": "b"}
    struck = play(draw(400), **shape, faults=[crash]).events
    assert struck.loc[struck["event"] == "engine_crash", "replica"].tolist() == [2]


def test_nothing_comes_up_in_a_zone_that_is_out(play: Play, draw: Draw) -> None:
    result = play(
        draw(300),
        replicas=1,
        faults=[{"kind": "zone_outage", "at_s": [1.0], "zones": 2, "zone": 1, "lasts_s": 3}],
        operations=[{"kind": "staging", "from_s": 2.0}],
    )
    down = result.intervals[result.intervals["state"] == "down"]
    assert down["replica"].tolist() == [1]
    assert (down["start_s"].item(), down["end_s"].item()) == (2.0, 4.0)


def test_a_broken_gpu_is_not_mended_by_an_outage(play: Play, draw: Draw) -> None:
    faults = [
        {"kind": "engine_crash", "at_s": [1.0], "restart_s": 10},
        {"kind": "zone_outage", "at_s": [2.0], "zones": 1, "lasts_s": 1},
    ]
    assert events(play(draw(100), faults=faults), "repaired") == [11.0]


def test_faults_come_when_they_come_whenever_the_replica_was_asked_for(
    play: Play, draw: Draw
) -> None:
    # Replica 1 is there from the start, or from 2 s on: later it is struck at the same instants.
    fault = {"kind": "slow_gpu", "mtbf_h": 0.0004, "factor": 2, "lasts_s": 0.1, "replicas": [1]}
    early = play(draw(600), replicas=2, faults=[fault])
    copy = {"kind": "staging", "from_s": 2.0}
    late = play(draw(600), replicas=1, faults=[fault], operations=[copy])
    until = min(early.horizon_s, late.horizon_s)
    first, second = (
        [t for t in events(result, "slow_gpu") if 2.0 <= t < until] for result in (early, late)
    )
    assert len(first) > 2
    assert first == second


def test_slowness_begins_with_the_next_step_however_steps_are_run_together(play: Play) -> None:
    slow = {"kind": "slow_gpu", "at_s": [0.5], "factor": 3, "lasts_s": 0.5}
    trace = Trace.from_columns([0.0], [10], [400])
    together, singly = (play(trace, faults=[slow], step_by_step=s) for s in (False, True))
    assert together.requests["e2e_s"].tolist() == singly.requests["e2e_s"].tolist()


def test_a_tenants_limit_does_not_count_who_waits_to_try_again(play: Play) -> None:
    n = 200
    tenant = np.array(["a"] * n, dtype=object)
    trace = Trace.from_columns(np.arange(n) * 0.01, np.full(n, 100), np.full(n, 20), tenant=tenant)
    patient = Client(timeout_s=60, max_retries=6, backoff_s=0.2)
    result = play(trace.sent_by(patient), admission={"kind": "tenant_limit", "max_in_flight": 5})
    assert all_completed(result)


def test_who_was_shed_is_not_shed_again_before_the_next_try(play: Play) -> None:
    # Within one step of a second: a runs, b waits; c and d, both urgent, come, and b goes for c.
    # An engine lets go of b at its next step only, but b is nobody who could go for d any more.
    arrival_s = [0.0, 0.1, 0.2, 0.3]
    trace = Trace.from_columns(arrival_s, [10] * 4, [1] * 4, priority=[0, 2, 1, 1])
    impatient = Client(timeout_s=60, max_retries=1, backoff_s=30, max_backoff_s=30)
    result = play(
        trace.sent_by(impatient),
        admission={"kind": "priority_shedding", "max_waiting": 1},
        step_time={"kind": "linear", "c0": 1.0},
        engine={"max_num_seqs": 1, "async_scheduling": False},
    )
    # d finds c waiting, as urgent and earlier: it is d that must go, and all have a second try.
    assert result.requests["scheduled_s"].tolist()[:3:2] == pytest.approx([0.0, 1.0])
    assert all_completed(result)


def test_each_pool_refuses_what_it_cannot_hold(play: Play) -> None:
    trace = Trace.from_columns([0.0, 1.0, 2.0], [100, 30_000, 400], [5, 5, 5])
    pools = [{"name": "small", "engine": {"num_gpu_blocks_override": 20}},
             {"name": "large", "engine": {"num_gpu_blocks_override": 4000}}]  # fmt: skip
    result = play(trace, pools=pools, pool_choice={"kind": "by_length", "up_to": [1000]})
    assert result.requests["outcome"].tolist() == ["completed", "completed", "rejected"]
