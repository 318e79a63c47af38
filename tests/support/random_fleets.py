"""Random fleets over every policy there is, and random traffic for them."""

from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from simulator import Result, Scenario, simulate
from workloads.clients import Client
from workloads.trace import Trace

TWO_TENANTS = {"kind": "mix", "clients": [{"name": n, "traffic": "steady-chat"} for n in "ab"]}
"""Whose requests there can be, though few rows may have but one of the two."""
ROUTERS: list[dict[str, Any]] = [
    {"kind": "round_robin"},
    {"kind": "random"},
    {"kind": "least_loaded"},
    {"kind": "power_of_two"},
    {"kind": "power_of_two", "choices": 1},
    {"kind": "least_tokens"},
    {"kind": "session_affinity"},
    {"kind": "session_affinity", "spill": 1},
    {"kind": "prefix_aware"},
    {"kind": "prefix_aware", "imbalance": 1},
    {"kind": "prefix_aware", "index": "approximate", "index_blocks": 20},
    {"kind": "weighted"},
    {"kind": "weighted", "prefix": 3, "queue": 0, "kv": 0.5},
]
ADMISSIONS: list[dict[str, Any]] = [
    {"kind": "accept_all"},
    {"kind": "bounded_queue", "max_waiting": 0},
    {"kind": "bounded_queue", "max_waiting": 2},
    {"kind": "token_bucket", "rate_per_s": 20, "burst": 5},
    {"kind": "token_bucket", "rate_per_s": 2000, "burst": 300, "unit": "prompt_tokens"},
    {"kind": "deadline", "ttft_s": 0.05},
    {"kind": "deadline", "ttft_s": 0.3, "margin": 0.2},
    {"kind": "priority_shedding", "max_waiting": 1},
    {"kind": "tenant_limit", "max_in_flight": 5, "tenants": {"b": 1}},
]
QUEUES: list[dict[str, Any]] = [
    {"kind": "fifo"},
    {"kind": "fifo", "max_per_replica": 3},
    {"kind": "priority", "max_per_replica": 2},
    {"kind": "fair_share", "max_per_replica": 2, "weights": {"a": 3}},
]
START_UPS: list[dict[str, Any]] = [
    {"provision_s": 0.4, "warm_up_s": 0.2, "storage_gb_s": 100},
    {"storage_gb_s": 10, "weights_gb": 3},
    {"warm_up_s": 0.1},
]
AUTOSCALERS: list[dict[str, Any]] = [
    {"kind": "fixed"},
    {"kind": "target_concurrency", "target": 4, "min_replicas": 0},
    {"kind": "target_concurrency", "target": 2, "tolerance": 0, "scale_up_window_s": 0.3},
    {"kind": "target_queue", "target": 2},
    {"kind": "target_queue", "target": 1, "min_replicas": 0},
    {"kind": "target_kv_use", "target": 0.1, "max_step_up": 1},
    {"kind": "target_kv_use", "min_replicas": 0},
    {"kind": "scheduled", "levels": [{"from_h": 0, "replicas": 2}], "min_replicas": 0},
    {"kind": "scheduled", "levels": [{"from_h": 0, "replicas": 0}], "min_replicas": 0},
    {"kind": "scheduled", "start_h": 8.9999, "min_replicas": 0, "levels": [
        {"from_h": 8, "replicas": 3}, {"from_h": 9, "replicas": 1}, {"from_h": 9.0001,
         "replicas": 2}]},
    {"kind": "predictive", "requests_per_s": 10, "period_s": 2, "lead_s": 0.5, "window_s": 1,
     "interval_s": 0.2, "min_replicas": 0},
]  # fmt: skip
FAULTS: list[dict[str, Any]] = [
    {"kind": "gpu_failure", "mtbf_h": 0.0006, "repair_s": 0.5},
    {"kind": "gpu_failure", "at_s": [0.4, 0.45], "replicas": [0, 1], "repair_s": 0},
    {"kind": "engine_crash", "mtbf_h": 0.0004, "restart_s": 0.1},
    {"kind": "engine_crash", "at_s": [0.3, 0.31, 1.0], "restart_s": 0.0},
    {"kind": "slow_gpu", "mtbf_h": 0.0005, "factor": 4, "lasts_s": 0.5},
    {"kind": "slow_gpu", "at_s": [0.0, 0.2], "replicas": [0, 2], "factor": 2, "lasts_s": 0.3},
    {"kind": "spot_reclaim", "mtbf_h": 0.0008, "notice_s": 0.1, "no_capacity_s": 0.2},
    {"kind": "spot_reclaim", "at_s": [0.5], "replace": False, "notice_s": 0},
    {"kind": "spot_reclaim", "at_s": [0.2, 0.3], "notice_s": 0.3, "no_capacity_s": 0.5},
    {"kind": "zone_outage", "at_s": [0.7], "zones": 2, "zone": 1, "lasts_s": 0.4},
    {"kind": "zone_outage", "at_s": [0.3, 0.5], "zones": 1, "lasts_s": 0.4},
    {"kind": "zone_outage", "mtbf_h": 0.0003, "zones": 3, "zone": 2, "lasts_s": 0.2},
]
OPERATIONS: list[dict[str, Any]] = [
    {"kind": "rolling_upgrade", "at_s": 0.4},
    {"kind": "rolling_upgrade", "at_s": 0.3, "mode": "in_place"},
    {"kind": "rolling_upgrade", "at_s": 0.3, "at_once": 2},
    {"kind": "rolling_upgrade", "at_s": 0.2, "mode": "in_place", "drain_timeout_s": 0.1},
    {"kind": "rolling_upgrade", "at_s": 0.0, "drain_timeout_s": 0.05},
    {"kind": "staging", "from_s": 0.1, "until_s": 0.9},
    {"kind": "staging", "replicas": 2},
]
ENDPOINT = {
    "name": "elsewhere", "source": "made up for tests", "checked": "2026-01-01",
    "confidence": "C", "provider": "nobody", "model": "m", "ttft_s": 0.05, "ttft_sigma": 0.5,
    "tokens_per_s": 200, "usd_per_million_input_tokens": 1, "usd_per_million_output_tokens": 2,
    "requests_per_minute": 40, "mtbf_h": 0.0005, "outage_s": 0.3,
}  # fmt: skip
ANOTHER = {
    **ENDPOINT, "name": "another", "requests_per_minute": None, "tokens_per_minute": 2000,
    "tokens_per_s": None, "usd_per_million_cached_input_tokens": 0.1, "cache_min_tokens": 0,
}  # fmt: skip
OVERFLOWS: list[dict[str, Any]] = [
    {"when": [{"kind": "queue", "max_waiting": 1}], "stay": ["b"]},
    {"when": [{"kind": "outage"}, {"kind": "rejection"}], "graceful_reply": True},
    {"when": [{"kind": "outage"}], "tenants": ["a"]},
    {"when": [{"kind": "ttft", "ttft_s": 0.03}], "priorities": [0, 1]},
    {"when": [{"kind": "always"}], "endpoints": [ENDPOINT, ANOTHER]},
    {"when": [{"kind": "rejection"}], "endpoints": [ANOTHER], "stay": ["a"]},
]
TWO = [{"name": "a"}, {"name": "b", "replicas": 2}]
UNLIKE = [
    {"name": "a", "gpu": "l40s", "engine": {"max_num_seqs": 3, "num_gpu_blocks_override": 70}},
    {"name": "b", "model": "qwen3-14b", "replicas": 2, "router": {"kind": "least_tokens"},
     "start_up": {"warm_up_s": 0.2}, "engine": {"tensor_parallel_size": 2,
     "num_gpu_blocks_override": 300}, "queue": {"kind": "priority", "max_per_replica": 4}},
    {"name": "c", "engine": {"quantization": "fp8", "pipeline_parallel_size": 2,
     "num_gpu_blocks_override": 100}, "autoscaler": {"kind": "target_queue", "target": 1,
     "max_replicas": 3, "min_replicas": 0, "interval_s": 0.1}},
]  # fmt: skip
SLOW_LINK = {"like": "pcie4", "bandwidth_gb_s": 0.3}
SHAPES: list[dict[str, Any]] = [
    {"pools": TWO, "pool_choice": {"kind": "by_length", "up_to": [150]}},
    {"pools": TWO, "pool_choice": {"kind": "by_cost", "max_load": 3}},
    {"pools": UNLIKE, "pool_choice": {"kind": "by_length", "up_to": [60, 200]}},
    {"pools": UNLIKE, "pool_choice": {"kind": "by_tenant", "pools": {"a": "b", "b": "c"}}},
    {"pools": UNLIKE, "pool_choice": {"kind": "by_class", "pools": {0: "c", 1: "b"}}},
    {"pools": UNLIKE, "pool_choice": {"kind": "by_cost", "max_load": 2}},
    {"pools": TWO, "disaggregation": {"prefill": "a", "decode": "b", "link": "pcie4"}},
    {"pools": TWO, "disaggregation": {"prefill": "b", "decode": "a", "link": SLOW_LINK}},
    {"lora": {"slots": 1, "adapter_mb": 2, "load_gb_s": 0.1}},
    {"lora": {"slots": 2, "adapter_mb": 8, "load_gb_s": 1, "tenants": ["b"]}},
    {"pools": TWO, "pool_choice": {"kind": "by_class", "pools": {1: "b"}},
     "lora": {"slots": 1, "adapter_mb": 2, "load_gb_s": 0.1}},
]  # fmt: skip
CLIENTS = (
    Client(timeout_s=0.4, max_retries=2, backoff_s=0.05),
    Client(first_token_timeout_s=0.1, max_retries=1, backoff_s=0.1),
    Client(hedge_after_s=0.05, cancel_share=0.3, cancel_after_s=0.3),
    Client(hedge_after_s=0.02, timeout_s=0.5, max_retries=3, backoff_s=0.02),
    Client(),
)


def _one_of(draw: st.DrawFn, values: list[dict[str, Any]], none: int) -> dict[str, Any] | None:
    """One of the values, or none: as likely as so many of them."""
    at = draw(st.integers(-none, len(values) - 1))
    return None if at < 0 else dict(values[at])


def _struck(fault: dict[str, Any], pool: str | None, numbers: range) -> dict[str, Any]:
    """A fault of one pool, or of some replicas that are there."""
    if "replicas" not in fault:
        return {**fault, "pool": pool}
    return {**fault, "replicas": [n for n in fault["replicas"] if n in numbers]}


@st.composite
def fleets(draw: st.DrawFn) -> dict[str, Any]:
    """Keys of a scenario."""
    parts = {
        "admission": _one_of(draw, ADMISSIONS, 2),
        "queue": _one_of(draw, QUEUES, 2),
        "start_up": _one_of(draw, START_UPS, 2),
        "autoscaler": _one_of(draw, AUTOSCALERS, 6),
        "overflow": _one_of(draw, OVERFLOWS, 5),
    }
    fleet: dict[str, Any] = {key: value for key, value in parts.items() if value is not None}
    if "autoscaler" in fleet:
        fleet["autoscaler"] = {
            "max_replicas": 4,
            "interval_s": draw(st.sampled_from((0, 0.2))),
            "scale_down_window_s": draw(st.sampled_from((0, 0.5))),
            **fleet["autoscaler"],
        }
    if "overflow" in fleet:
        fleet["overflow"] = {"endpoints": [ENDPOINT], **fleet["overflow"]}
    shape = _one_of(draw, SHAPES, 5) or {}
    fleet["replicas"] = draw(st.integers(1, 3))
    fleet |= shape
    pool = st.sampled_from((None, *(plan["name"] for plan in shape.get("pools", ()))))
    few = st.lists(st.sampled_from(range(len(FAULTS))), max_size=3, unique=True)
    numbers = range(sum(plan.get("replicas", fleet["replicas"]) for plan in shape["pools"])
                    if "pools" in shape else fleet["replicas"])  # fmt: skip
    fleet["faults"] = [_struck(FAULTS[i], draw(pool), numbers) for i in draw(few)]
    done = draw(st.lists(st.sampled_from(OPERATIONS), max_size=2))
    fleet["operations"] = [{**operation, "pool": draw(pool)} for operation in done]
    fleet["router"] = {**draw(st.sampled_from(ROUTERS))}
    fleet["router"]["stale_s"] = draw(st.sampled_from((0, 0, 0.2)))
    fleet["max_requeues"] = draw(st.sampled_from((0, 3)))
    fleet["seed"] = draw(st.integers(0, 5))
    fleet["horizon_s"] = draw(st.sampled_from((None, 0.5, 3.0)))
    fleet["engine"] = {
        "max_num_seqs": draw(st.sampled_from((2, 16))),
        "max_num_batched_tokens": 128,
        "num_gpu_blocks_override": draw(st.sampled_from((60, 400))),
        "async_scheduling": draw(st.booleans()),
        "enable_prefix_caching": draw(st.integers(0, 3)) > 0,
        "scheduling_policy": draw(st.sampled_from(("fcfs", "fcfs", "priority"))),
    }
    if draw(st.integers(0, 5)) == 0:
        fleet["engine"]["speculative_config"] = {"num_speculative_tokens": 2}
    return fleet


@st.composite
def traces(draw: st.DrawFn) -> Trace:
    """Some requests of two tenants in three classes, some of them turns of conversations."""
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
    if draw(st.booleans()):
        trace = replace(trace, session=rng.integers(-1, 6, rows))
    senders = draw(st.sampled_from((None, None, "mixed", *CLIENTS)))
    if senders == "mixed":
        trace = replace(trace, client=rng.integers(0, len(CLIENTS), rows), clients=CLIENTS)
    elif senders is not None:
        trace = trace.sent_by(senders)
    if draw(st.integers(0, 5)) == 0:
        trace = replace(trace, closed_loop=True, max_concurrency=draw(st.integers(1, 8)))
    return trace


def run(fleet: dict[str, Any], trace: Trace, **more: Any) -> Result:
    """Play a trace with a fleet, in steps that follow a line."""
    base = {"traffic": TWO_TENANTS, "model": "llama-3.1-8b", "gpu": "h100-sxm"}
    law = {"kind": "linear", "c0": 0.006, "c_tok": 2.1e-5, "c_ctx": 4.3e-8, "c_seq": 7e-6}
    return simulate(Scenario.parse({**base, "step_time": law, **fleet, **more}), trace)
