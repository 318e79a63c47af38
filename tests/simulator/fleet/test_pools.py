"""Replicas of several kinds; prompts here and answers there; adapters of tenants."""

from typing import Any

import numpy as np
import pytest

from hardware_profiles.link import Link
from simulator.economics.bill import bill
from tests.support.fleets import Draw, Play
from workloads.clients import Client
from workloads.trace import Trace

KV_BYTES_PER_TOKEN = 131_072  # Llama-3.1-8B: 2 x 32 layers x 8 heads x 128 x 2 bytes


def test_short_and_long_prompts_have_replicas_of_their_own(play: Play, draw: Draw) -> None:
    pools = [{"name": "short", "replicas": 2}, {"name": "long", "gpu": "l40s", "step_time":
             {"kind": "linear", "c0": 0.02}}]  # fmt: skip
    choice = {"kind": "by_length", "up_to": [200]}
    result = play(draw(), pools=pools, pool_choice=choice)
    pool = result.replicas.set_index("replica")["pool"].astype(str)
    where = pool.reindex(result.requests["replica"]).to_numpy()
    assert ((where == "short") == (result.requests["prompt_tokens"] <= 200)).all()


def test_each_pool_is_paid_at_its_own_price(play: Play, draw: Draw) -> None:
    pools = [{"name": "big"}, {"name": "small", "gpu": "l4", "replicas": 2}]
    result = play(draw(), pools=pools, pool_choice={"kind": "by_cost", "max_load": 4})
    plans = result.scenario.plans()
    hourly = plans["big"].offer.usd_per_gpu_hour + 2 * plans["small"].offer.usd_per_gpu_hour
    lines = bill(result).lines.set_index("line")["usd"].drop("gpu_rent_rounding")
    assert lines.sum() == pytest.approx(hourly * result.horizon_s / 3600)
    assert (result.requests["replica"] > 0).any()


def test_a_tenant_may_have_a_model_of_its_own(play: Play) -> None:
    tenant = np.array(["a", "b"] * 10, dtype=object)
    trace = Trace.from_columns(np.arange(20) * 0.1, np.full(20, 50), np.full(20, 5), tenant=tenant)
    pools = [{"name": "small"}, {"name": "other", "model": "qwen3-14b"}]
    choice = {"kind": "by_tenant", "pools": {"b": "other"}}
    result = play(trace, pools=pools, pool_choice=choice)
    assert result.requests["replica"].tolist() == [0, 1] * 10
    assert result.scenario.plans()["other"].model.name == "qwen3-14b"


def disaggregated(play: Play, trace: Trace, **link: Any) -> Any:
    return play(
        trace,
        pools=[{"name": "p"}, {"name": "d"}],
        disaggregation={"prefill": "p", "decode": "d", "link": {"like": "infiniband-ndr", **link}},
    )


def test_a_prompt_travels_before_the_first_token(play: Play) -> None:
    trace = Trace.from_columns([0.0], [400], [10])
    result = disaggregated(play, trace, bandwidth_gb_s=1.0, latency_us=0)
    prefill = result.steps[result.steps["replica"] == 0]
    decode = result.steps[result.steps["replica"] == 1]
    travel_s = 400 * KV_BYTES_PER_TOKEN / 1e9
    assert decode["start_s"].min() == pytest.approx(prefill["end_s"].max() + travel_s)
    assert result.requests["first_token_s"][0] == pytest.approx(
        decode["start_s"].min() + decode["first_step_s"].iloc[0]
    )
    # The decoding engine computes the last prompt token again, and nothing else of the prompt.
    assert decode["prefill_tokens"].sum() == 1
    assert decode["num_steps"].sum() == 10
    assert result.requests["outcome"][0] == "completed"


def test_a_pool_caches_prefixes_though_the_others_do_not(play: Play) -> None:
    rows = [{"arrival_s": float(t), "prompt": [["s", 320], [f"u{t}", 10]], "output_tokens": 2}
            for t in range(4)]  # fmt: skip
    pools = [{"name": "a", "engine": {"num_gpu_blocks_override": 500}}]
    result = play(Trace.from_requests(rows), pools=pools, engine={"enable_prefix_caching": False})
    assert result.requests["cached_tokens"].tolist() == [0, 320, 320, 320]


def steps_of(result: Any, replica: int) -> Any:
    return result.steps[result.steps["replica"] == replica]


def tight(play: Play, trace: Trace, blocks: int, **more: Any) -> Any:
    """Prompts of 25 blocks that travel for 0.0524 s each, over a cache of so many blocks."""
    engine = {"max_num_seqs": 16, "max_num_batched_tokens": 512, "num_gpu_blocks_override": blocks}
    slow = {"like": "infiniband-ndr", "bandwidth_gb_s": 1.0, "latency_us": 0}
    pools = [{"name": "p", "engine": engine}, {"name": "d"}]
    return play(trace, pools=pools, **more,
                disaggregation={"prefill": "p", "decode": "d", "link": slow})  # fmt: skip


def test_the_blocks_of_a_prompt_are_taken_until_its_kv_has_been_sent(play: Play) -> None:
    trace = Trace.from_columns([0.0, 0.0], [400, 400], [5, 5])
    travel_s = 400 * KV_BYTES_PER_TOKEN / 1e9
    # With room for both the second prompt starts at once; else when the first has been sent.
    roomy = steps_of(tight(play, trace, 60), 0)
    assert roomy["end_s"].iloc[0] + travel_s > roomy["start_s"].iloc[-1]
    scarce = steps_of(tight(play, trace, 40), 0)
    first_end_s = scarce["end_s"].iloc[0]
    assert scarce["start_s"].iloc[-1] == pytest.approx(first_end_s + travel_s)
    assert (tight(play, trace, 40).requests["outcome"] == "completed").all()


def test_who_walks_away_leaves_the_blocks_taken_until_they_are_sent(play: Play) -> None:
    trace = Trace.from_columns([0.0, 0.03], [400, 400], [5, 5])
    impatient = Client(timeout_s=0.04)  # at 0.04 s the first prompt travels
    result = tight(play, trace.sent_by(impatient), 40)
    assert (result.requests["outcome"] == "timed_out").all()
    starts = steps_of(result, 0)["start_s"].tolist()
    assert starts == steps_of(tight(play, trace, 40), 0)["start_s"].tolist()
    assert starts[1] > 0.04


def test_blocks_that_wait_to_be_read_are_gone_with_their_engine(play: Play) -> None:
    trace = Trace.from_columns([0.0, 0.1], [400, 400], [5, 5])
    crash = {"kind": "engine_crash", "at_s": [0.04], "pool": "p", "restart_s": 0.01}
    result = tight(play, trace, 40, faults=[crash])
    assert (result.requests["outcome"] == "completed").all()
    assert result.events.loc[result.events["event"] == "lost", "request"].tolist() == [0]
    # The prompt that was on its way is computed again, as soon as the engine is there.
    assert steps_of(result, 0)["start_s"].iloc[1] == pytest.approx(0.05)


def test_what_was_asked_twice_is_lost_once(play: Play) -> None:
    # While the first prompt travels the user asks again, and the only replica has both.
    trace = Trace.from_columns([0.0], [400], [5])
    crash = {"kind": "engine_crash", "at_s": [0.05], "pool": "p", "restart_s": 0.01}
    hedged = trace.sent_by(Client(hedge_after_s=0.03))
    result = tight(play, hedged, 100, faults=[crash], max_requeues=1)
    assert (result.events["event"] == "kv sent").sum() == 3
    assert (result.events["event"] == "lost").sum() == 1
    assert result.requests["outcome"].tolist() == ["completed"]
    assert steps_of(result, 0)["prefill_seqs"].max() == 1


def test_with_a_faster_link_nobody_waits_longer(play: Play, draw: Draw) -> None:
    trace = draw(100, 5)
    slow = disaggregated(play, trace, bandwidth_gb_s=0.5).requests["ttft_s"]
    fast = disaggregated(play, trace, bandwidth_gb_s=Link.named("nvlink4").bandwidth_gb_s)
    assert fast.requests["ttft_s"].mean() < slow.mean()


def test_decoding_alone_is_not_held_up_by_prompts(play: Play) -> None:
    # One long answer, and a stream of long prompts beside it.
    n = 60
    trace = Trace.from_columns(
        np.concatenate([[0.0], 0.05 + 0.05 * np.arange(n)]),
        np.concatenate([[10], np.full(n, 1500)]),
        np.concatenate([[300], np.full(n, 2)]),
    )
    mixed = play(trace, replicas=1, engine={"max_num_batched_tokens": 2048})
    apart = play(
        trace,
        engine={"max_num_batched_tokens": 2048},
        pools=[{"name": "p"}, {"name": "d"}],
        disaggregation={"prefill": "p", "decode": "d", "link": "nvlink4"},
    )
    assert apart.requests["tpot_s"][0] < 0.7 * mixed.requests["tpot_s"][0]


def lora(play: Play, slots: int, tenants: int, spread_s: float = 1.0) -> Any:
    n = 40
    tenant = np.array([f"t{i % tenants}" for i in range(n)], dtype=object)
    arrival_s = np.arange(n) * spread_s
    trace = Trace.from_columns(arrival_s, np.full(n, 50), np.full(n, 5), tenant=tenant)
    return play(trace, lora={"slots": slots, "adapter_mb": 200, "load_gb_s": 2})


def test_an_adapter_is_loaded_once_while_it_has_a_slot(play: Play) -> None:
    result = lora(play, slots=4, tenants=4)
    assert (result.events["event"] == "adapter loaded").sum() == 4
    ttft = result.requests["ttft_s"]
    assert ttft[0] - ttft[4] == pytest.approx(0.1)  # 200 MB at 2 GB/s


def test_with_too_few_slots_every_request_loads_anew(play: Play) -> None:
    result = lora(play, slots=3, tenants=4)
    assert (result.events["event"] == "adapter loaded").sum() == 40


def test_who_finds_all_slots_in_use_waits_for_one(play: Play) -> None:
    result = lora(play, slots=1, tenants=2, spread_s=0.001)
    assert (result.requests["outcome"] == "completed").all()


def test_slots_take_memory_from_the_kv_cache(play: Play, draw: Draw) -> None:
    blocks = [
        play(draw(10), lora={"slots": slots, "adapter_mb": 2.097152})
        .replicas["num_gpu_blocks"]
        .item()
        for slots in (1, 9)
    ]
    assert blocks[0] - blocks[1] == 8  # one block of this model is 2 MiB
