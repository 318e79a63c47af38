"""What a run was for each tenant, class and pool adds up to what it was in all."""

from io import StringIO
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from experiments.groups import groups_of, tell_groups
from simulator import Result, Scenario, bill, simulate
from workloads.trace import Trace

BASE: dict[str, Any] = {
    "traffic": "steady-chat",
    "model": "llama-3.1-8b",
    "gpu": "h100-sxm",
    "slo": {"ttft_s": 0.1},
    "step_time": {"kind": "linear", "c0": 0.006, "c_tok": 2e-5, "c_seq": 1e-4},
}
POOLS = [
    {"name": "spot", "replicas": 2, "offer": "nebius-h100-sxm-spot"},
    {"name": "floor", "replicas": 1, "offer": "nebius-h100-sxm-on-demand"},
]


def visitors(requests: int = 200, tenants: int = 3) -> Trace:
    rng = np.random.default_rng(1)
    names = np.array([f"t{i}" if i else None for i in range(tenants)], dtype=object)
    return Trace.from_columns(
        np.sort(rng.uniform(0, 3, requests)),
        rng.integers(50, 900, requests),
        rng.integers(5, 80, requests),
        tenant=names[rng.integers(0, tenants, requests)],
        priority=rng.integers(0, 2, requests),
    )


def played(trace: Trace, **more: Any) -> Result:
    return simulate(Scenario.parse({**BASE, **more}), trace)


def test_tenants_and_classes_add_up_to_the_whole() -> None:
    result = played(visitors(), admission={"kind": "token_bucket", "rate_per_s": 40, "burst": 5})
    costs = bill(result)
    groups = groups_of(result, costs)
    assert set(groups) == {"tenant", "class"}
    assert set(groups["tenant"]) == {"", "t1", "t2"}
    for rows in groups.values():
        assert sum(row["requests"] for row in rows.values()) == 200
        ended = result.requests["outcome"].value_counts()
        for outcome in ("completed", "rejected"):
            assert sum(row[outcome] for row in rows.values()) == ended[outcome] > 0
        assert sum(row["usd"] for row in rows.values()) == pytest.approx(costs.usd_total)
    mine = result.requests[result.requests["tenant"] == "t1"]
    assert groups["tenant"]["t1"]["ttft_s"]["p99"] == pytest.approx(mine["ttft_s"].quantile(0.99))


def test_pools_have_their_own_time_and_their_own_rent() -> None:
    choice = {"kind": "by_cost", "max_load": 2}
    fault = {"kind": "engine_crash", "pool": "spot", "at_s": [1.0], "restart_s": 0.5}
    result = played(visitors(tenants=1), pools=POOLS, pool_choice=choice, faults=[fault])
    costs = bill(result)
    pools = groups_of(result, costs)["pool"]
    assert sum(row["usd"] for row in pools.values()) == pytest.approx(costs.usd_total)
    assert sum(row["requests"] for row in pools.values()) == 200
    assert (pools["spot"]["gpus"], pools["floor"]["gpus"]) == (2, 1)
    down_s = result.intervals.query("state == 'down'").eval("end_s - start_s").sum()
    held_s = 3600 * pools["spot"]["gpu_hours"]
    assert pools["spot"]["time_shares"]["down"] == pytest.approx(down_s / held_s)
    assert pools["floor"]["time_shares"]["down"] == 0
    for row in pools.values():
        assert sum(row["time_shares"].values()) == pytest.approx(1)


def test_one_of_a_kind_is_no_part() -> None:
    trace = Trace.from_columns([0.0, 0.1], [100, 100], [5, 5])
    result = played(trace)
    assert groups_of(result, bill(result)) == {}


def test_many_tenants_are_told_by_size_and_the_rest_counted() -> None:
    result = played(visitors(tenants=20))
    console = Console(file=StringIO(), width=80, record=True)
    tell_groups(groups_of(result, bill(result)), console)
    text = console.export_text()
    assert "And 8 more in summary.json" in " ".join(text.split())
    assert "by class" in text
    assert max(map(len, text.splitlines())) <= 80
