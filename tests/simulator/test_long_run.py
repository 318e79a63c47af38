"""A run told in chapters is the run: the same rows, the same steps, the same summary."""

import re
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from hardware_profiles.errors import InputError
from simulator import Result, Scenario, bill, simulate
from simulator.economics.running_bill import RunningBill
from simulator.fleet import ahead
from simulator.long_run import chapters
from simulator.record.sketch import RELATIVE_ERROR
from simulator.record.summary import summarise
from simulator.record.timeline import timeline
from simulator.record.totals import Totals
from workloads.trace import Trace

ROOT = Path(__file__).parents[2]
MOONCAKE = ROOT.parent / "shared" / "traces" / "mooncake_conversation_trace.jsonl.gz"
BASE: dict[str, Any] = {
    "traffic": {
        "kind": "synthetic",
        "arrivals": {
            "kind": "mmpp", "on_rate_per_s": 30, "on_s": 20, "off_rate_per_s": 4, "off_s": 20,
        },
        "prompt_tokens": {"kind": "lognormal", "mean": 500, "cv": 1},
        "output_tokens": {"kind": "lognormal", "mean": 150, "cv": 1},
        "num_requests": 1500,
    },
    "model": "llama-3.1-8b",
    "gpu": "h100-sxm",
    "replicas": 2,
    "slo": {"ttft_s": 0.2},
}  # fmt: skip
SCARCE = {"num_gpu_blocks_override": 600, "max_model_len": 3000}
FLEETS: dict[str, dict[str, Any]] = {
    "plain": {},
    "two tenants": {
        "traffic": {"kind": "mix", "num_requests": 1500, "clients": [
            {"name": "a", "traffic": {"like": "steady-chat", "arrivals": {"rate_per_s": 9}}},
            {"name": "b", "traffic": {"like": "rag", "arrivals": {"rate_per_s": 3}}},
        ]},
    },
    "asynchronous": {"engine": {"async_scheduling": True}},
    "preempting": {"replicas": 1, "engine": SCARCE},
    "preempting, asynchronous": {"engine": {**SCARCE, "async_scheduling": True}},
    "priority": {"engine": {**SCARCE, "scheduling_policy": "priority"}},
    "shared text": {"traffic": {"shared_prefixes": {"number": 30, "tokens": 300}}},
    "drafts": {"engine": {"speculative_config": {"num_speculative_tokens": 2}}},
    "a longer horizon": {"horizon_s": 400},
    "least tokens": {"router": {"kind": "least_tokens"}, "engine": SCARCE},
    "impatient": {
        "engine": SCARCE,
        "traffic": {
            "client": {
                "timeout_s": 8, "max_retries": 2, "hedge_after_s": 1,
                "cancel_share": 0.3, "cancel_after_s": 4,
            }
        },
    },
    "crashing": {
        "faults": [{"kind": "engine_crash", "mtbf_h": 0.01}],
        "engine": {"async_scheduling": True},
    },
    "reclaimed": {
        "faults": [{"kind": "spot_reclaim", "mtbf_h": 0.05}],
        "start_up": {"provision_s": 5, "storage_gb_s": 4, "warm_up_s": 3},
    },
    "scaling": {
        "autoscaler": {
            "kind": "target_concurrency", "max_replicas": 6, "target": 20,
            "scale_down_window_s": 30,
        },
        "horizon_s": 150,
    },
    "full": {"admission": {"kind": "bounded_queue", "max_waiting": 5}, "engine": SCARCE},
    "two pools": {
        "pools": [{"name": "short"}, {"name": "long", "gpu": "l40s", "replicas": 2}],
        "pool_choice": {"kind": "by_length", "up_to": [500]},
    },
    "pools of two sizes": {
        "pools": [
            {"name": "small", "engine": {"num_gpu_blocks_override": 40}},
            {"name": "large", "engine": {"num_gpu_blocks_override": 4000}},
        ],
        "pool_choice": {"kind": "by_length", "up_to": [400]},
    },
    "prefill apart": {
        "pools": [{"name": "p"}, {"name": "d"}],
        "disaggregation": {"prefill": "p", "decode": "d", "link": "infiniband-ndr"},
    },
    "adapters": {
        "lora": {"slots": 1, "adapter_mb": 100, "load_gb_s": 1},
        "traffic": {"tenant": "a"},
    },
    "prefix aware": {
        "router": {"kind": "prefix_aware"},
        "traffic": {"shared_prefixes": {"number": 30, "tokens": 300}},
    },
}  # fmt: skip


def scenario(**changes: Any) -> Scenario:
    traffic = changes.pop("traffic", {})
    if "kind" not in traffic:
        traffic = {**BASE["traffic"], **traffic}
    return Scenario.parse({**BASE, **changes, "traffic": traffic})


def numbers(content: Any, path: str = "") -> Iterator[tuple[str, float]]:
    if isinstance(content, dict):
        for key, value in content.items():
            yield from numbers(value, f"{path}.{key}")
    elif isinstance(content, list | tuple):
        for place, row in enumerate(content):
            name = next(iter(row.values())) if isinstance(row, dict) else place
            yield from numbers(row, f"{path}.{name}")
    elif not isinstance(content, str):
        yield path, float(content)


def told(scenario: Scenario, pieces: Any = None, requests: int = 300) -> tuple[list, Totals]:
    totals, parts = Totals(), list(chapters(scenario, pieces, requests=requests))
    for part in parts:
        totals.add(part)
    return parts, totals


def assert_same(parts: list, totals: Totals, whole: Result) -> None:
    """Tables to the last bit; the summary to rounding, and percentiles to their precision."""
    requests = pd.concat([part.ended.requests for part in parts])
    requests = requests.sort_values("request_id", ignore_index=True)
    requests["tenant"] = requests["tenant"].astype("category")
    pd.testing.assert_frame_equal(requests, whole.requests, check_exact=True)
    steps = pd.concat([part.worked.steps for part in parts])
    steps = steps.sort_values(["replica", "first_step"], ignore_index=True)
    pd.testing.assert_frame_equal(steps, whole.steps.reset_index(drop=True), check_exact=True)
    found, expected = totals.summary(), summarise(whole)
    assert found.pop("percentiles_within") == RELATIVE_ERROR
    found, expected = dict(numbers(found)), dict(numbers(expected))
    assert list(found) == list(expected)
    for name, value in expected.items():
        within = 2 * RELATIVE_ERROR if re.search(r"\.p\d\d", name) else 1e-9
        assert found[name] == pytest.approx(value, rel=within, abs=1e-12, nan_ok=True), name
    costs = RunningBill()
    for part in parts:
        costs.add(part)
    found, expected = dict(numbers(costs.bill().to_dict())), dict(numbers(bill(whole).to_dict()))
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-9, abs=1e-12, nan_ok=True), name


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "AT_ONCE", 100)


@pytest.mark.parametrize("fleet", FLEETS.values(), ids=FLEETS.keys())
def test_a_run_told_in_chapters_is_the_run(fleet: dict[str, Any]) -> None:
    plan = scenario(**fleet)
    whole = simulate(plan)
    parts, totals = told(plan)
    assert len(parts) >= 5
    assert_same(parts, totals, whole)
    seen = totals.timeline()
    expected = timeline(whole, bin_s=totals.bins.width_s)
    np.testing.assert_allclose(seen.to_numpy(), expected.to_numpy(), rtol=1e-6, atol=1e-6)


def test_a_chapter_keeps_no_more_than_it_must() -> None:
    parts, _ = told(scenario(traffic={"num_requests": 6000}), requests=300)
    kept = [len(part.ended.steps) for part in parts]
    assert max(kept[5:]) < 3 * np.mean([part.fresh.sum() for part in parts])


@pytest.mark.skipif(not MOONCAKE.exists(), reason=f"NOT TESTED ON REAL HASHES: no {MOONCAKE}")
def test_prompts_named_as_they_come_hit_what_prompts_known_beforehand_hit() -> None:
    traffic = {"kind": "trace", "path": str(MOONCAKE), "limit": 2500}
    plan = Scenario.parse(
        {**BASE, "traffic": traffic, "replicas": 1, "engine": {"max_model_len": 131_072}}
    )
    trace = plan.trace()
    pieces = [trace.take(np.arange(a, min(a + 700, 2500))) for a in range(0, 2500, 700)]
    whole = simulate(plan, trace)
    assert whole.requests["cached_tokens"].sum() > 0
    assert_same(*told(plan, pieces), whole)


def test_answers_that_come_again_are_hit_too() -> None:
    plan = scenario(traffic={"sessions": {"turns": 4, "think_s": 5}, "num_requests": 800})
    whole = simulate(plan)
    assert whole.requests["cached_tokens"].sum() > 0
    assert_same(*told(plan), whole)


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (
            {"traffic": {"arrivals": {"kind": "concurrency", "max_concurrency": 4}}},
            "a closed loop cannot be read ahead",
        ),
        ({"engine": {"num_gpu_blocks_override": 20}}, "needs .* KV blocks, the cache has 19"),
    ],
)
def test_what_cannot_be_read_ahead_is_said_in_one_line(changes: Any, line: str) -> None:
    with pytest.raises(InputError, match=line) as caught:
        told(scenario(**changes))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("shape", ["by length", "prefill apart"])
def test_a_long_run_refuses_what_a_whole_one_refuses(shape: str) -> None:
    """By the larger pool where one of them serves a request, by the smaller where all do."""
    pools = [
        {"name": "a", "engine": {"num_gpu_blocks_override": 100}},
        {"name": "b", "engine": {"num_gpu_blocks_override": 300}},
    ]
    way: dict[str, Any] = {"pool_choice": {"kind": "by_length", "up_to": [50]}}
    if shape == "prefill apart":
        way = {"disaggregation": {"prefill": "a", "decode": "b", "link": "nvlink4"}}
    plan = scenario(pools=pools, **way)
    fits = Trace.from_columns(np.arange(300.0), [1000] * 300, [100] * 300)
    too_long = Trace.from_columns([300.0, 301.0], [100, 4780], [5, 100])
    both = Trace.from_columns(np.arange(302.0), [1000] * 300 + [100, 4780], [100] * 300 + [5, 100])
    with pytest.raises(InputError, match=r"needs .* KV blocks, the cache has") as whole:
        simulate(plan, both)
    with pytest.raises(InputError) as in_pieces:
        told(plan, [fits, too_long])
    assert str(in_pieces.value).split(" (")[0] == str(whole.value).split(" (")[0]
    if shape == "by length":
        assert_same(*told(plan, [fits]), simulate(plan, fits))


def test_a_bad_row_far_behind_is_named_when_it_is_reached(tmp_path: Path) -> None:
    rows = [f"{second},100,10" for second in range(500)]
    rows[444] = "444,many,10"
    path = tmp_path / "log.csv"
    path.write_text("arrival_s,prompt_tokens,output_tokens\n" + "\n".join(rows) + "\n")
    traffic = {"kind": "trace", "path": str(path)}
    plan = Scenario.parse({**BASE, "traffic": traffic})
    with pytest.raises(InputError, match=r"log\.csv, line 446: prompt_tokens"):
        told(plan)
    skipping = Scenario.parse({**BASE, "traffic": {**traffic, "skip_bad_rows": True}})
    assert told(skipping)[1].arrived() == 499


def test_nothing_is_read_before_its_time() -> None:
    """The second piece is fetched when the first has arrived."""
    fetched: list[int] = []

    def pieces() -> Iterator[Trace]:
        for number in range(4):
            fetched.append(number)
            start = 100.0 * number
            yield Trace.from_columns(start + np.arange(100), [50] * 100, [5] * 100)

    first = next(islice(chapters(scenario(), pieces(), requests=100), 1))
    assert fetched == [0, 1]
    assert len(first.ended.requests) == 99  # the hundredth has just come


SCRIPT = """
from pathlib import Path
from simulator import Scenario
from simulator.long_run import chapters
from simulator.record.totals import Totals

traffic = {
    "kind": "synthetic", "num_requests": 500_000,
    "arrivals": {"kind": "weekly", "mean_rate_per_s": 300},
    "prompt_tokens": {"kind": "uniform", "min": 10, "max": 40},
    "output_tokens": {"kind": "uniform", "min": 1, "max": 3},
}
plan = {"traffic": traffic, "model": "llama-3.1-8b", "gpu": "h100-sxm"}
totals, peaks = Totals(), []
for chapter in chapters(Scenario.parse(plan)):
    totals.add(chapter)
    # The peak of this program alone; `ru_maxrss` begins with that of the one that started it.
    status = Path("/proc/self/status").read_text()
    peaks.append(int(status.split("VmHWM:")[1].split()[0]))
print(totals.summary()["requests"]["completed"], peaks[3], peaks[-1])
"""


def test_half_a_million_requests_are_replayed_in_the_memory_of_a_few() -> None:
    found = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=ROOT, capture_output=True, text=True, check=True
    )
    completed, early_kb, late_kb = (int(word) for word in found.stdout.split())
    assert completed == 500_000
    assert late_kb < 700_000
    assert late_kb < 1.15 * early_kb
