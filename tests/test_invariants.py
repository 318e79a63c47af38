"""What must hold whatever the traffic, the fleet and the engine."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator import Result, Scenario, bill, simulate
from workloads.trace import Trace

ROWS = st.lists(
    st.tuples(st.floats(0, 3), st.integers(1, 700), st.integers(1, 120), st.integers(0, 2)),
    min_size=1,
    max_size=40,
)
ENGINES = st.fixed_dictionaries(
    {
        "profile": st.sampled_from(("vllm-0.15", "vllm-0.32")),
        "async_scheduling": st.booleans(),
        "enable_prefix_caching": st.booleans(),
        "max_num_seqs": st.sampled_from((1, 4, 64)),
        "max_num_batched_tokens": st.sampled_from((64, 512, 8192)),
        "num_gpu_blocks_override": st.sampled_from((60, 90, 5000)),
        "scheduling_policy": st.sampled_from(("fcfs", "priority")),
    }
)
STEP_TIMES = st.sampled_from(
    ({"kind": "roofline"}, {"kind": "linear", "c0": 0.004, "c_tok": 2e-5, "c_ctx": 5e-8})
)
FLEETS = st.fixed_dictionaries(
    {
        "replicas": st.integers(1, 3),
        "router": st.sampled_from(
            ({"kind": "round_robin"}, {"kind": "least_loaded"}, {"kind": "random"})
        ),
        "engine": ENGINES,
        "step_time": STEP_TIMES,
        "seed": st.integers(0, 3),
    }
)


def trace_of(rows: list[tuple[float, int, int, int]]) -> Trace:
    arrivals, prompts, outputs, priorities = zip(*sorted(rows), strict=True)
    return Trace.from_columns(arrivals, prompts, outputs, priority=priorities)


def run(trace: Trace, **changes: Any) -> Result:
    data = {"traffic": "steady-chat", "model": "llama-3.1-8b", "gpu": "h100-sxm", **changes}
    return simulate(Scenario.parse(data), trace)


@given(rows=ROWS, fleet=FLEETS)
@settings(max_examples=120)
def test_every_run_conserves_requests_tokens_blocks_and_time(
    rows: list[tuple[float, int, int, int]], fleet: dict[str, Any]
) -> None:
    trace = trace_of(rows)
    result = run(trace, **fleet)
    requests = result.requests

    # Every request ends exactly once, with the tokens it asked for.
    assert requests["request_id"].to_list() == list(range(len(trace)))
    assert (requests["outcome"] == "completed").all()
    assert requests["generated_tokens"].to_list() == trace.output_tokens.tolist()

    # Nothing happens before what it depends on.
    assert (requests["arrival_s"] <= requests["scheduled_s"]).all()
    assert (requests["scheduled_s"] < requests["first_token_s"]).all()
    assert (requests["first_token_s"] <= requests["finish_s"]).all()
    assert (requests["finish_s"] <= result.horizon_s).all()

    # Tokens computed in steps are those computed for requests.
    steps, chunks, decodes = result.steps, result.chunks, result.decodes
    assert (steps["prefill_tokens"] * steps["num_steps"]).sum() == chunks["tokens"].sum()
    stays = (decodes["last_step"] - decodes["first_step"] + 1).sum()
    assert (steps["decode_seqs"] * steps["num_steps"]).sum() == stays

    # Blocks in use never exceed what is there (one is the null block).
    assert (steps["kv_blocks"] < fleet["engine"]["num_gpu_blocks_override"]).all()
    assert (steps["running"] <= fleet["engine"]["max_num_seqs"]).all()

    # Busy, idle, warming and down tile the time that is paid for.
    for replica, parts in result.intervals.groupby("replica"):
        bounds = parts[["start_s", "end_s"]].to_numpy()
        assert bounds[0, 0] == 0
        assert bounds[-1, 1] == result.horizon_s
        assert (bounds[1:, 0] == bounds[:-1, 1]).all(), f"replica {replica} has a gap"

    # The bill's lines are the bill, and it divides into its two prices.
    costs = bill(result)
    assert float(costs.lines["usd"].sum()) == pytest.approx(costs.usd_total)
    divided = (
        costs.usd_per_million_input_tokens * trace.prompt_tokens.sum()
        + costs.usd_per_million_output_tokens * trace.output_tokens.sum()
    ) / 1e6
    assert divided == pytest.approx(costs.usd_total, abs=0.005)


@given(rows=ROWS, fleet=FLEETS)
@settings(max_examples=20)
def test_the_same_seed_gives_the_same_tables(
    rows: list[tuple[float, int, int, int]], fleet: dict[str, Any]
) -> None:
    assert run(trace_of(rows), **fleet).equals(run(trace_of(rows), **fleet))


def test_the_router_does_not_change_the_traffic() -> None:
    base = {"traffic": "bursty-consumer", "model": "llama-3.1-8b", "gpu": "h100-sxm"}
    first, second = (
        Scenario.parse({**base, "horizon_s": 30, "router": {"kind": kind}, "replicas": n}).trace()
        for kind, n in (("random", 1), ("least_loaded", 4))
    )
    assert first == second


@given(
    sizes=st.lists(st.tuples(st.integers(1, 3000), st.integers(1, 80)), min_size=1, max_size=15),
    faster=st.floats(1.0, 4.0),
)
@settings(max_examples=40)
def test_more_bandwidth_is_never_slower(sizes: list[tuple[int, int]], faster: float) -> None:
    # All arrive at once, so that who runs with whom does not hang on the clock.
    prompts, outputs = zip(*sizes, strict=True)
    trace = Trace.from_columns(np.zeros(len(sizes)), prompts, outputs)
    finish = [
        run(
            trace,
            gpu={"like": "h100-sxm", "bandwidth_gb_s": 3350 * factor},
            engine={"num_gpu_blocks_override": 3000},
        ).requests["finish_s"]
        for factor in (1.0, faster)
    ]
    assert (finish[1] <= finish[0] + 1e-12).all()
