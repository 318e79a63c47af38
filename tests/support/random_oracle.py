"""Random scenarios in the shape of an oracle file, from small and nasty parts."""

from typing import Any

from hypothesis import strategies as st

NAMES = ("A", "B", "C")
STEP_TIME = {"c0": 0.006, "c_tok": 2.1e-5, "c_ctx": 4.3e-8, "c_seq": 7e-6}


@st.composite
def prompts(draw: st.DrawFn, before: list[dict[str, Any]], longest: int) -> list[list[Any]]:
    """Fresh text, shared text, a repeated prompt, or the next turn of an earlier request."""
    fresh: list[Any] = [f"u{len(before)}", draw(st.integers(1, longest))]
    shared: list[Any] = [draw(st.sampled_from(NAMES)), draw(st.integers(1, longest))]
    kind = draw(st.sampled_from(("fresh", "shared", "only shared", "two shared", "turn", "turn")))
    if kind == "fresh":
        return [fresh]
    if kind == "shared":
        return [shared, fresh]
    if kind == "only shared":
        return [[shared[0], draw(st.sampled_from((8, 16, 32, 33)))]]
    if kind == "two shared" or not before:
        return [shared, [draw(st.sampled_from(NAMES)), draw(st.integers(1, 30))]]
    at = draw(st.integers(0, len(before) - 1))
    said = max(1, before[at]["output_tokens"] - draw(st.sampled_from((0, 0, 3))))
    turn = [list(part) for part in before[at]["prompt"]] + [[f"out:{at}", said]]
    return turn + draw(st.sampled_from(([], [fresh], [shared])))


@st.composite
def requests(draw: st.DrawFn, most: int) -> list[dict[str, Any]]:
    """Up to ``most`` requests in order of arrival, some at the same instant."""
    longest = draw(st.sampled_from((8, 40, 120)))
    outputs = st.one_of(st.sampled_from((1, 2)), st.integers(1, 20), st.integers(1, 100))
    rows: list[dict[str, Any]] = []
    now = 0.0
    for _ in range(draw(st.integers(1, most))):
        now += draw(st.sampled_from((0.0, 0.0, 0.001, 0.013, 0.05, 0.3)))
        rows.append(
            {
                "arrival_s": round(now, 6),
                "prompt": draw(prompts(rows, longest)),
                "output_tokens": draw(outputs),
                "priority": draw(st.integers(0, 3)),
            }
        )
    return rows


@st.composite
def oracle_scenarios(draw: st.DrawFn, most: int = 20) -> dict[str, Any]:
    """A workload and an engine that can just serve it, or has room to spare."""
    rows = draw(requests(most))
    block_size = draw(st.sampled_from((1, 2, 4, 16)))
    longest = max(sum(n for _, n in row["prompt"]) + row["output_tokens"] for row in rows)
    least = -(-longest // block_size) + 1
    chunked = draw(st.sampled_from((True, True, True, False)))
    version = draw(st.sampled_from(("vllm-0.15.1", "vllm-0.32.0")))
    budget = draw(st.sampled_from((3, 8, 17, 64, 512))) if chunked else 16384
    engine: dict[str, Any] = {
        "block_size": block_size,
        "max_num_seqs": min(budget, draw(st.sampled_from((1, 2, 4, 8, 64)))),
        "max_num_batched_tokens": budget,
        "num_gpu_blocks": least + draw(st.sampled_from((0, 1, 3, 10, least, 5 * least))),
        "max_model_len": 16384,
        "enable_chunked_prefill": chunked,
        "enable_prefix_caching": draw(st.sampled_from((True, True, True, False))),
        "async_scheduling": draw(st.booleans()),
        "scheduling_policy": draw(st.sampled_from(("fcfs", "fcfs", "priority"))),
        "long_prefill_token_threshold": draw(st.sampled_from((0, 0, 1, 4, 10))),
    }
    if version == "vllm-0.32.0":
        engine["watermark"] = draw(st.sampled_from((0.0, 0.0, 0.1)))
        engine["scheduler_reserve_full_isl"] = draw(st.sampled_from((True, True, False)))
    return {
        "name": "random",
        "version": version,
        "engine": engine,
        "step_time": STEP_TIME,
        "requests": rows,
    }
