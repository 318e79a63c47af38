"""Whatever goes wrong: each request ends once, each second has a state, the bill is their sum."""

from dataclasses import replace
from typing import Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings

from simulator import Result
from simulator.economics.attribution import attribute
from simulator.economics.bill import bill
from simulator.fleet import run as fleet_run
from simulator.fleet.calls import Call
from simulator.fleet.gateway import Gateway
from simulator.record.overflowed import overflow_by, overflowed
from simulator.record.runs import Runs
from simulator.record.summary import summarise
from simulator.record.tables import OUTCOMES
from tests.support.random_fleets import fleets, run, traces
from workloads.trace import Trace


def check(result: Result, trace: Trace) -> None:
    each_request_has_ended_once(result, trace)
    every_second_has_a_state(result)
    the_bill_is_what_was_provisioned(result)
    only_those_left_who_may(result)
    if not result.scenario.engine.speculative_config:
        tokens_are_conserved(result, trace)


def each_request_has_ended_once(result: Result, trace: Trace) -> None:
    requests = result.requests
    assert len(requests) == len(trace)
    assert set(requests["outcome"].unique()) <= set(OUTCOMES) - {"unfinished"}
    done = requests[requests["outcome"] == "completed"]
    assert (done["generated_tokens"] == done["output_tokens"]).all()
    assert (requests["generated_tokens"] <= requests["output_tokens"]).all()
    assert (requests["finish_s"] >= requests["arrival_s"]).all()
    assert (done["arrival_s"] <= done["scheduled_s"]).all()
    assert (done["scheduled_s"] <= done["first_token_s"]).all()
    assert (done["first_token_s"] <= done["finish_s"] + 1e-9).all()


def every_second_has_a_state(result: Result) -> None:
    spans = result.intervals
    for row in result.replicas.itertuples():
        mine = spans[spans["replica"] == row.replica]
        if row.stopped_s == row.requested_s:
            assert mine.empty
            continue
        assert mine["start_s"].iloc[0] == row.requested_s
        assert mine["end_s"].iloc[-1] == row.stopped_s
        assert (mine["start_s"].to_numpy()[1:] == mine["end_s"].to_numpy()[:-1]).all()
        assert (mine["end_s"] > mine["start_s"]).all()
        steps = result.steps[result.steps["replica"] == row.replica]
        assert steps["start_s"].is_monotonic_increasing
        working = mine[mine["state"].isin(["busy", "draining"])]
        lasted = (working["end_s"] - working["start_s"]).sum()
        assert (steps["end_s"] - steps["start_s"]).sum() <= lasted + 1e-6
        assert (steps["kv_blocks"] < row.num_gpu_blocks).all()


def the_bill_is_what_was_provisioned(result: Result) -> None:
    usd, plans = 0.0, result.scenario.plans()
    for row in result.replicas.itertuples():
        offer = plans[str(row.pool)].offer
        quanta = np.ceil(round((row.stopped_s - row.requested_s) / offer.billing_quantum_s, 9))
        usd += quanta * offer.billing_quantum_s * offer.usd_per_gpu_s * row.gpus
    lines = bill(result).lines.set_index("line")["usd"]
    rent = lines[[name for name in lines.index if name.startswith("gpu_rent")]].sum()
    assert rent == pytest.approx(usd)
    assert lines["endpoint_calls"] == pytest.approx(result.calls["usd"].sum())


def only_those_left_who_may(result: Result) -> None:
    policy, calls = result.scenario.overflow, result.calls
    if policy is None:
        assert calls.empty
        return
    sent = result.requests.loc[calls["request"]]
    assert not sent["tenant"].isin(policy.stay).any()
    assert policy.tenants is None or sent["tenant"].isin(policy.tenants).all()
    assert policy.priorities is None or sent["priority"].isin(policy.priorities).all()
    answered = calls[calls["outcome"] == "ok"]
    assert answered["request"].is_unique
    assert (result.requests.loc[answered["request"], "outcome"] == "completed").all()
    told = overflowed(result)
    assert told["calls"] == len(calls)
    assert told["usd"] == pytest.approx(calls["usd"].sum())
    assert overflow_by(result)["calls"].sum() == len(calls)


def tokens_are_conserved(result: Result, trace: Trace) -> None:
    """What steps computed is what requests had computed, and that is what they asked for."""
    steps, chunks, stays = result.steps, result.chunks, result.decodes
    length = stays["last_step"] - stays["first_step"] + 1
    assert (steps["prefill_tokens"] * steps["num_steps"]).sum() == chunks["tokens"].sum()
    assert (steps["decode_seqs"] * steps["num_steps"]).sum() == length.sum()
    gpus = result.replicas.set_index("replica")["gpus"]
    runs = Runs.of(steps)
    gpu_s = (runs.duration_s * gpus.reindex(runs.replica).to_numpy()).sum()
    assert attribute(result).to_numpy().sum() == pytest.approx(gpu_s)
    lost = result.events.loc[result.events["event"] == "lost", "request"]
    requests = result.requests
    once = (requests["outcome"] == "completed") & (requests["replica"] >= 0)
    once &= (requests["preemptions"] == 0) & ~requests["request_id"].isin(lost)
    if trace.client is not None or result.scenario.overflow is not None:
        return  # what others were asked, or a second replica, is in no row of its own
    rows = requests.index[once]
    prompt = chunks.groupby("request")["tokens"].sum().reindex(rows, fill_value=0)
    output = length.groupby(stays["request"]).sum().reindex(rows, fill_value=0)
    known = requests.loc[rows]
    twice = result.scenario.disaggregation is not None  # the last prompt token, on either side
    cached = prompt + known["cached_tokens_total"] - known["prompt_tokens"] - twice
    if not twice:
        assert (cached == 0).all()
    assert (output == known["output_tokens"] - 1).all()


@given(fleet=fleets(), trace=traces())
@settings(max_examples=80)
def test_every_request_ends_once_and_every_second_has_a_state(
    fleet: dict[str, Any], trace: Trace
) -> None:
    result = run(fleet, trace)
    check(result, trace)
    summarise(result)


@given(fleet=fleets(), trace=traces())
@settings(max_examples=40)
def test_when_all_have_ended_every_block_and_every_count_is_back(
    fleet: dict[str, Any], trace: Trace
) -> None:
    left: list[Gateway] = []

    def nothing_is_left(gateway: Gateway) -> None:
        for unit in gateway.units:
            engine = unit.engine
            if engine is not None:
                pool = engine.scheduler.pool
                assert pool.free == pool.num_blocks
                assert not engine.scheduler.roster.kept
                assert not engine.scheduler.load
        assert not any(gateway.loads)
        assert not any(gateway.tokens)
        assert not any(unit.attempts for unit in gateway.units)
        assert not any(pool.hold for pool in gateway.pools)
        assert not any((gateway.in_flight or {}).values())

    def checked(gateway: Gateway, *rest: Any) -> Result:
        # Engines drop what was given up at their next step; KV that travels is there in the end.
        sent_s = max((unit.link_free_s for unit in gateway.units), default=0.0)
        clock = gateway.clock
        clock.run(until=max(clock.now, sent_s) + 1.0)
        nothing_is_left(gateway)
        left.append(gateway)
        return written_up(gateway, *rest)

    def tried(gateway: Gateway, call: Call) -> None:
        served = bool(call.attempts) or call.held_in is not None or call.away
        assert not served, "nobody asks again while somebody is at it"
        attempt(gateway, call)

    def ended(gateway: Gateway, call: Call, outcome: int) -> None:
        for unit in gateway.units:
            if unit.engine is not None:  # blocks that are free stand in the queue, each once
                pool = unit.engine.scheduler.pool
                assert len(pool.eviction_order()) == pool.free
        end(gateway, call, outcome)

    written_up, attempt, end = fleet_run._written_up, Gateway.attempt, Gateway.end
    with (
        mock.patch.object(fleet_run, "_written_up", checked),
        mock.patch.object(Gateway, "attempt", tried),
        mock.patch.object(Gateway, "end", ended),
    ):
        result = run(fleet, trace)
    plain = result.scenario.is_plain() and trace.client is None and not trace.closed_loop
    assert len(left) == (0 if plain else 1)


@given(fleet=fleets(), trace=traces())
@settings(max_examples=10)
def test_the_same_seed_gives_the_same_tables(fleet: dict[str, Any], trace: Trace) -> None:
    assert run(fleet, trace).equals(run(fleet, trace))


POLICIES = ("router", "admission", "queue", "autoscaler", "overflow")


@given(fleet=fleets(), trace=traces(), other=fleets())
@settings(max_examples=20)
def test_other_policies_change_neither_traffic_nor_faults(
    fleet: dict[str, Any], trace: Trace, other: dict[str, Any]
) -> None:
    # Where replicas are told apart by their numbers, policies must not change who is the first of
    # a pool; and a closed loop is one in which the answers make the traffic.
    trace = replace(trace, closed_loop=False, max_concurrency=None)
    fleet["faults"] = [{**fault, "pool": None} for fault in fleet["faults"]]
    swapped = {key: value for key, value in fleet.items() if key not in POLICIES}
    swapped |= {key: value for key, value in other.items() if key in POLICIES}
    one, two = run(fleet, trace), run(swapped, trace)
    given_columns = ["arrival_s", "prompt_tokens", "output_tokens", "priority", "tenant"]
    assert one.requests[given_columns].equals(two.requests[given_columns])
    kinds = {fault["kind"] for fault in fleet["faults"]} - {"spot_reclaim"}
    for here, there in ((one, two), (two, one)):
        ready = there.intervals[there.intervals["state"].isin(["busy", "idle"])]
        begin, end = (ready[name].to_numpy() for name in ("start_s", "end_s"))
        who, pool = ready["replica"].to_numpy(), there.replicas["pool"].astype(str).to_numpy()
        seen = set(
            zip(there.events["time_s"], there.events["event"], there.events["replica"], strict=True)
        )
        for event in here.events.itertuples():
            if event.event in kinds:
                at, number = event.time_s, event.replica
                was_ready = ((who == number) & (begin < at) & (at < end)).any()
                same = number < len(pool) and pool[number] == event.pool
                ended = at == there.horizon_s
                if was_ready and same and not ended:
                    assert (at, event.event, number) in seen
