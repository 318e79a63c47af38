"""Whatever goes wrong: each request ends once, each second has a state, the bill is their sum."""

from typing import Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator import Result, Scenario, simulate
from simulator.economics.attribution import attribute
from simulator.economics.bill import bill
from simulator.fleet import run as fleet_run
from simulator.fleet.gateway import Gateway
from simulator.record.runs import Runs
from simulator.record.summary import summarise
from simulator.record.tables import OUTCOMES
from workloads.clients import Client
from workloads.trace import Trace

ROUTERS = (
    "round_robin", "least_loaded", "random", "power_of_two", "least_tokens", "session_affinity",
    "prefix_aware", "weighted",
)  # fmt: skip
EXAMPLES: dict[str, list[Any]] = {
    "admission": [
        None,
        {"kind": "accept_all"},
        {"kind": "bounded_queue", "max_waiting": 2},
        {"kind": "token_bucket", "rate_per_s": 20, "burst": 5},
        {"kind": "token_bucket", "rate_per_s": 2000, "burst": 300, "unit": "prompt_tokens"},
        {"kind": "deadline", "ttft_s": 0.05},
        {"kind": "priority_shedding", "max_waiting": 1},
        {"kind": "tenant_limit", "max_in_flight": 5, "tenants": {"b": 1}},
    ],
    "queue": [
        None,
        {"kind": "fifo", "max_per_replica": 3},
        {"kind": "priority", "max_per_replica": 2},
        {"kind": "fair_share", "max_per_replica": 2, "weights": {"a": 3}},
    ],
    "start_up": [None, {"provision_s": 0.4, "warm_up_s": 0.2, "storage_gb_s": 100}],
    "autoscaler": [
        None,
        None,
        {"kind": "target_concurrency", "target": 4, "min_replicas": 0},
        {"kind": "target_queue", "target": 2},
        {"kind": "target_kv_use", "target": 0.1, "max_step_up": 1},
        {"kind": "fixed"},
        {"kind": "scheduled", "levels": [{"from_h": 0, "replicas": 2}], "min_replicas": 0},
        {"kind": "scheduled", "levels": [{"from_h": 0, "replicas": 0}], "min_replicas": 0},
        {
            "kind": "predictive",
            "requests_per_s": 10,
            "period_s": 2,
            "lead_s": 0.5,
            "window_s": 1,
            "interval_s": 0.2,
        },
    ],
    "overflow": [
        None,
        None,
        {"when": [{"kind": "queue", "max_waiting": 1}], "stay": ["b"]},
        {"when": [{"kind": "outage"}, {"kind": "rejection"}], "graceful_reply": True},
        {"when": [{"kind": "ttft", "ttft_s": 0.03}], "priorities": [0, 1]},
    ],
}
FAULTS: list[dict[str, Any]] = [
    {"kind": "gpu_failure", "mtbf_h": 0.0006, "repair_s": 0.5},
    {"kind": "engine_crash", "mtbf_h": 0.0004, "restart_s": 0.1},
    {"kind": "engine_crash", "at_s": [0.3, 0.31, 1.0], "restart_s": 0.0},
    {"kind": "slow_gpu", "mtbf_h": 0.0005, "factor": 4, "lasts_s": 0.5},
    {"kind": "spot_reclaim", "mtbf_h": 0.0008, "notice_s": 0.1, "no_capacity_s": 0.2},
    {"kind": "spot_reclaim", "at_s": [0.5], "replace": False, "notice_s": 0},
    {"kind": "spot_reclaim", "at_s": [0.2, 0.3], "notice_s": 0.3, "no_capacity_s": 0.5},
    {"kind": "zone_outage", "at_s": [0.7], "zones": 2, "zone": 1, "lasts_s": 0.4},
    {"kind": "zone_outage", "at_s": [0.3, 0.5], "zones": 1, "lasts_s": 0.4},
]
OPERATIONS: list[dict[str, Any]] = [
    {"kind": "rolling_upgrade", "at_s": 0.4},
    {"kind": "rolling_upgrade", "at_s": 0.3, "mode": "in_place"},
    {"kind": "rolling_upgrade", "at_s": 0.3, "at_once": 2},
    {"kind": "rolling_upgrade", "at_s": 0.2, "mode": "in_place", "drain_timeout_s": 0.1},
    {"kind": "staging", "from_s": 0.1, "until_s": 0.9},
]
CLIENTS = (
    Client(timeout_s=0.4, max_retries=2, backoff_s=0.05),
    Client(first_token_timeout_s=0.1, max_retries=1, backoff_s=0.1),
    Client(hedge_after_s=0.05, cancel_share=0.3, cancel_after_s=0.3),
    Client(hedge_after_s=0.02, timeout_s=0.5, max_retries=3, backoff_s=0.02),
    Client(),
)
ENDPOINT = {
    "name": "elsewhere", "source": "made up for tests", "checked": "2026-01-01",
    "confidence": "C", "provider": "nobody", "model": "m", "ttft_s": 0.05, "ttft_sigma": 0.5,
    "tokens_per_s": 200, "usd_per_million_input_tokens": 1, "usd_per_million_output_tokens": 2,
    "requests_per_minute": 40, "mtbf_h": 0.0005, "outage_s": 0.3,
}  # fmt: skip

TWO_TENANTS = {"kind": "mix", "clients": [{"name": n, "traffic": "steady-chat"} for n in "ab"]}
"""Whose requests there can be, though few rows may have but one of the two."""

POOLS = [{"name": "a"}, {"name": "b", "replicas": 2}]
SHAPES: list[dict[str, Any]] = [
    {},
    {},
    {"pools": POOLS, "pool_choice": {"kind": "by_length", "up_to": [150]}},
    {"pools": POOLS, "pool_choice": {"kind": "by_cost", "max_load": 3}},
    {"pools": POOLS, "disaggregation": {"prefill": "a", "decode": "b", "link": "pcie4"}},
    {
        "pools": POOLS,
        "disaggregation": {
            "prefill": "a",
            "decode": "b",
            "link": {"like": "pcie4", "bandwidth_gb_s": 0.3},
        },
    },
    {"lora": {"slots": 1, "adapter_mb": 2, "load_gb_s": 0.1}},
]


@st.composite
def fleets(draw: st.DrawFn) -> dict[str, Any]:
    chosen = {key: draw(st.sampled_from(values)) for key, values in EXAMPLES.items()}
    fleet: dict[str, Any] = {key: value for key, value in chosen.items() if value is not None}
    if "autoscaler" in fleet:
        fleet["autoscaler"] = {
            "max_replicas": 4,
            "interval_s": draw(st.sampled_from((0, 0.2))),
            "scale_down_window_s": draw(st.sampled_from((0, 0.5))),
            **fleet["autoscaler"],
        }
    if "overflow" in fleet:
        fleet["overflow"] = {**fleet["overflow"], "endpoints": [ENDPOINT]}
    few = st.lists(st.sampled_from(range(len(FAULTS))), max_size=3, unique=True)
    fleet["faults"] = [FAULTS[i] for i in draw(few)]
    fleet["operations"] = draw(st.lists(st.sampled_from(OPERATIONS), max_size=2))
    router: dict[str, Any] = {"kind": draw(st.sampled_from(ROUTERS))}
    router["stale_s"] = draw(st.sampled_from((0, 0, 0.2)))
    fleet["router"] = router
    fleet["replicas"] = draw(st.integers(1, 3))
    fleet |= draw(st.sampled_from(SHAPES))
    fleet["max_requeues"] = draw(st.sampled_from((0, 3)))
    fleet["seed"] = draw(st.integers(0, 5))
    fleet["horizon_s"] = draw(st.sampled_from((0.5, 3.0)))
    fleet["engine"] = {
        "max_num_seqs": draw(st.sampled_from((2, 16))),
        "max_num_batched_tokens": 128,
        "num_gpu_blocks_override": draw(st.sampled_from((60, 400))),
        "async_scheduling": draw(st.booleans()),
    }
    if draw(st.integers(0, 5)) == 0:
        fleet["engine"]["speculative_config"] = {"num_speculative_tokens": 2}
    return fleet


@st.composite
def traces(draw: st.DrawFn) -> Trace:
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    rows, shared = draw(st.integers(1, 60)), draw(st.booleans())
    requests = [
        {
            "arrival_s": float(at),
            "prompt": [[f"s{rng.integers(3)}" if shared else f"u{i}", int(rng.integers(1, 90))],
                       [f"v{i}", int(rng.integers(1, 300))]],
            "output_tokens": int(rng.integers(1, 60)),
            "priority": int(rng.integers(0, 3)),
            "tenant": "ab"[int(rng.integers(2))],
        }
        for i, at in enumerate(np.sort(rng.uniform(0, 1.2, rows)))
    ]  # fmt: skip
    trace = Trace.from_requests(requests)
    client = draw(st.sampled_from((None, *CLIENTS)))
    return trace if client is None else trace.sent_by(client)


def run(fleet: dict[str, Any], trace: Trace, **more: Any) -> Result:
    base = {"traffic": TWO_TENANTS, "model": "llama-3.1-8b", "gpu": "h100-sxm"}
    law = {"kind": "linear", "c0": 0.006, "c_tok": 2.1e-5, "c_ctx": 4.3e-8, "c_seq": 7e-6}
    return simulate(Scenario.parse({**base, "step_time": law, **fleet, **more}), trace)


def check(result: Result, trace: Trace) -> None:
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
    spans = result.intervals
    for row in result.replicas.itertuples():
        mine = spans[spans["replica"] == row.replica]
        if row.stopped_s == row.requested_s:
            assert mine.empty
            continue
        assert mine["start_s"].iloc[0] == row.requested_s
        assert mine["end_s"].iloc[-1] == row.stopped_s
        assert (mine["start_s"].to_numpy()[1:] == mine["end_s"].to_numpy()[:-1]).all()
    runs = Runs.of(result.steps)
    working = spans["state"].isin(["busy", "draining"])
    lasted = (spans["end_s"] - spans["start_s"])[working].sum()
    assert runs.duration_s.sum() <= lasted + 1e-6
    blocks = result.replicas.set_index("replica")["num_gpu_blocks"]
    assert (result.steps["kv_blocks"] < blocks.reindex(result.steps["replica"]).to_numpy()).all()
    held = (result.replicas["stopped_s"] - result.replicas["requested_s"]).to_numpy()
    lines = bill(result).lines.set_index("line")["usd"]
    rent = lines[[name for name in lines.index if name.startswith("gpu_rent")]].sum()
    price, quantum = result.scenario.offer.usd_per_gpu_s, result.scenario.offer.billing_quantum_s
    paid = np.ceil(np.round(held / quantum, 9)) * quantum
    assert rent == pytest.approx(paid.sum() * price)
    assert lines["endpoint_calls"] == pytest.approx(result.calls["usd"].sum())
    if not result.scenario.engine.speculative_config:
        assert attribute(result).to_numpy().sum() == pytest.approx(runs.duration_s.sum())


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
                assert not engine.scheduler.load
        assert not any(gateway.loads)
        assert not any(gateway.tokens)
        assert not any(unit.attempts for unit in gateway.units)
        assert not any(pool.hold for pool in gateway.pools)
        assert not any((gateway.in_flight or {}).values())

    def checked(gateway: Gateway, *rest: Any) -> Result:
        clock = gateway.clock
        clock.run(until=clock.now + 1.0)  # engines drop what was given up at their next step
        nothing_is_left(gateway)
        left.append(gateway)
        return written_up(gateway, *rest)

    written_up = fleet_run._written_up
    with mock.patch.object(fleet_run, "_written_up", checked):
        result = run(fleet, trace)
    assert len(left) == (0 if result.scenario.is_plain() and trace.client is None else 1)


@given(fleet=fleets(), trace=traces())
@settings(max_examples=10)
def test_the_same_seed_gives_the_same_tables(fleet: dict[str, Any], trace: Trace) -> None:
    assert run(fleet, trace).equals(run(fleet, trace))


@given(fleet=fleets(), trace=traces(), router=st.sampled_from(ROUTERS))
@settings(max_examples=10)
def test_another_router_changes_neither_traffic_nor_faults(
    fleet: dict[str, Any], trace: Trace, router: str
) -> None:
    # With the fleet's size fixed the same replicas are there to be struck.
    fleet = {key: value for key, value in fleet.items() if key not in ("autoscaler", "operations")}
    fleet["faults"] = [f for f in fleet["faults"] if f["kind"] != "spot_reclaim"]
    one, other = run(fleet, trace), run({**fleet, "router": {"kind": router}}, trace)
    assert one.requests["arrival_s"].equals(other.requests["arrival_s"])
    until = min(one.horizon_s, other.horizon_s)
    kinds = {fault["kind"] for fault in fleet["faults"]}

    def struck(result: Result) -> list[Any]:
        events = result.events
        chosen = events["event"].isin(kinds) & (events["time_s"] < until)
        return events.loc[chosen, ["time_s", "event", "replica"]].to_numpy().tolist()

    assert struck(one) == struck(other)
