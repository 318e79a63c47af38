"""What a profile says of a trace is true of it, whole or in pieces."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workloads import formats
from workloads.arrivals import MMPP, Constant, Gamma, Poisson
from workloads.block_names import block_names
from workloads.burstiness import Arrivals
from workloads.edit import thin
from workloads.merge import stitch
from workloads.profile_trace import profile
from workloads.reuse import reuse_bound
from workloads.simultaneous import ServiceTime, Simultaneous, of_intervals
from workloads.trace import Trace
from workloads.traffic import named


def arrivals(process, rng, horizon=20_000) -> Arrivals:
    found = Arrivals()
    found.add(process.sample(rng, horizon_s=horizon))
    return found


def in_pieces(trace: Trace, size: int) -> list[Trace]:
    return [
        trace.take(np.arange(start, min(start + size, len(trace))))
        for start in range(0, len(trace), size)
    ]


def test_a_poisson_process_has_dispersion_one_at_every_scale(rng):
    found = arrivals(Poisson(rate_per_s=20), rng)
    assert found.dispersion().dispersion[:3].to_numpy() == pytest.approx(1, abs=0.25)
    assert found.dispersion().dispersion[:2].to_numpy() == pytest.approx(1, abs=0.05)
    assert found.gap_dispersion().dispersion[:3].to_numpy() == pytest.approx(1, abs=0.05)
    assert found.gap_cv() == pytest.approx(1, abs=0.01)
    assert found.gap_autocorrelation() == pytest.approx(0, abs=0.01)
    assert found.verdict().word == "steady"


def test_a_clock_is_even(rng):
    found = arrivals(Constant(rate_per_s=4), rng)
    assert found.gap_cv() == pytest.approx(0, abs=1e-6)
    assert found.verdict().word == "even"


def test_gamma_gaps_are_found_bursty_with_their_cv(rng):
    found = arrivals(Gamma(rate_per_s=4, cv=2), rng, 200_000)
    assert found.gap_cv() == pytest.approx(2, rel=0.02)
    assert found.local_gap_cv() == pytest.approx(2, rel=0.05)
    assert found.verdict().word == "bursty"
    assert "cv of" in found.verdict().reason


def test_a_rate_that_drifts_slowly_is_not_called_bursty(rng):
    slow = MMPP(on_rate_per_s=12, off_rate_per_s=4, on_s=4000, off_s=4000)
    found = arrivals(slow, rng, 100_000)
    assert found.verdict().word == "drifting"
    assert found.autocorrelation().of_minutes[0] > 0.8


def test_dispersion_in_long_windows_is_what_theory_says(rng):
    process = MMPP(on_rate_per_s=30, off_rate_per_s=2, on_s=2, off_s=6)
    found = arrivals(process, rng, 1_000_000)
    table = found.dispersion().set_index("window_s").dispersion
    assert table[600] == pytest.approx(process.dispersion(), rel=0.06)


def test_the_real_azure_hour_looks_poisson_but_drifts(real_trace):
    found = profile(formats.read(real_trace("AzureLLMInferenceTrace_conv.csv")))
    assert found.verdict.word == "drifting"
    assert found.arrivals.gap_cv() == pytest.approx(1.0942, abs=1e-4)
    assert found.overview()["rate_per_s"] == pytest.approx(19_366 / 3501.721937)
    assert found.lengths.p50.to_dict() == {"prompt_tokens": 1020, "output_tokens": 129}


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_pieces_are_profiled_as_the_whole_is(size):
    trace = named("two-tenants").sample(np.random.default_rng(4), 200)
    # Cut apart like this, a piece cannot name an answer in another; so no reuse of answers here.
    rag = named("rag").sample(np.random.default_rng(4), 100)
    pd.testing.assert_frame_equal(profile(rag).reuse, profile(iter(in_pieces(rag, size))).reuse)
    trace = replace(trace, segment_offsets=None, segment_ids=None, segment_lengths=None)
    whole, parts = profile(trace), profile(iter(in_pieces(trace, size)))
    for name, table in whole.tables().items():
        pd.testing.assert_frame_equal(table, parts.tables()[name], obj=name)
    assert whole.verdict == parts.verdict


@pytest.mark.parametrize("size", [1, 5])
def test_pieces_can_be_put_together_again(size):
    trace = named("two-tenants").sample(np.random.default_rng(4), 20)
    again = stitch(in_pieces(trace, size))
    assert again.arrival_s.tolist() == trace.arrival_s.tolist()
    assert again.tenant.tolist() == trace.tenant.tolist()
    assert again.session.tolist() == trace.session.tolist()
    assert again.segment_lengths.tolist() == trace.segment_lengths.tolist()


def test_rates_by_minute_and_hour_add_up():
    trace = named("steady-chat").sample(np.random.default_rng(4), 7000)
    found = profile(trace)
    for bin_s in (60, 3600):
        assert found.rate(bin_s).requests.sum() == len(trace)
    assert found.rate(3600).rate_per_s.to_numpy() == pytest.approx([5.5, 5.5], rel=0.05)


def test_percentiles_of_lengths_are_those_of_numpy():
    trace = named("steady-chat").sample(np.random.default_rng(4), 600)
    found = profile(trace).lengths
    for column in ("prompt_tokens", "output_tokens"):
        values = getattr(trace, column)
        for p in (1, 50, 99):
            expected = np.percentile(values, p, method="inverted_cdf")
            assert found.loc[column, f"p{p}"] == expected
        assert found.loc[column, "mean"] == pytest.approx(values.mean())
        assert found.loc[column, "cv"] == pytest.approx(values.std() / values.mean())


def test_joint_shares_add_up_to_one():
    trace = named("reasoning").sample(np.random.default_rng(4), 2000)
    assert profile(trace).joint_lengths.to_numpy().sum() == pytest.approx(1)


def test_requests_at_once_are_rate_times_time_on_average(rng):
    """Little's law, and Poisson's spread: with many servers the number at once is Poisson."""
    count = 200_000
    trace = Trace.from_columns(
        Poisson(rate_per_s=10).sample(rng, count), np.full(count, 100), np.full(count, 50)
    )
    service = ServiceTime(base_s=1, prompt_token_s=0.01, output_token_s=0.04)
    found = profile(trace, service).simultaneous
    assert found["mean"] == pytest.approx(10 * 4, rel=0.02)
    assert found["p99"] == pytest.approx(40 + 2.33 * np.sqrt(40), abs=2)
    assert found["peak"] > found["p99.9"] >= found["p99"]
    assert found["peak_over_mean"] == pytest.approx(found["peak"] / found["mean"])


@given(
    intervals=st.lists(st.tuples(st.integers(0, 30), st.integers(1, 10)), min_size=1, max_size=20),
    size=st.integers(1, 5),
)
def test_requests_at_once_are_counted_as_by_hand(intervals, size):
    intervals.sort()
    starts = np.array([start for start, _ in intervals], dtype=float)
    ends = starts + np.array([length for _, length in intervals])
    found = Simultaneous()
    for place in range(0, len(starts), size):
        found.add(starts[place : place + size], ends[place : place + size])
    found.finish()
    ticks = np.arange(starts[0], ends.max()) + 0.5
    levels = [int(((starts <= t) & (t < ends)).sum()) for t in ticks]
    by_hand = np.bincount(levels, minlength=len(found.held_s)) if levels else np.zeros(1)
    assert found.held_s.tolist() == by_hand[: len(found.held_s)].tolist()
    assert sum(by_hand[len(found.held_s) :]) == 0


def test_simulated_times_may_be_counted_in_any_order():
    found = of_intervals(np.array([5.0, 0.0, 1.0]), np.array([6.0, 3.0, 2.0]))
    assert found.held_s.tolist() == [2, 3, 1]
    assert found.by_minute().peak.tolist() == [2]


@st.composite
def talks(draw):
    """Requests whose prompts begin with few texts and may quote earlier answers."""
    rows = []
    for row in range(draw(st.integers(1, 9))):
        names = [*"abc", *(f"out:{k}" for k in range(row))]
        pieces = st.tuples(st.sampled_from(names), st.integers(1, 14))
        prompt = [list(piece) for piece in draw(st.lists(pieces, min_size=1, max_size=4))]
        rows.append({"arrival_s": row, "prompt": prompt, "output_tokens": draw(st.integers(1, 9))})
    return Trace.from_requests(rows)


def by_hand(trace: Trace, block: int, size: int) -> int:
    """Prompt tokens found by a cache of so many blocks, touched one by one."""
    cache: list[int] = []
    hits = 0
    for row, names in enumerate(block_names(trace, block, with_output=True)):
        prompt, output = int(trace.prompt_tokens[row]), int(trace.output_tokens[row])
        unbroken = True
        for place, name in enumerate(names[: (prompt + output - 1) // block]):
            unbroken = unbroken and name in cache
            hits += block * (unbroken and place < (prompt - 1) // block)
            cache = ([old for old in cache if old != name] + [name])[-size:]
    return hits


@given(trace=talks(), block=st.integers(1, 5), size=st.integers(1, 30))
def test_the_bound_is_what_a_least_recently_used_cache_finds(trace, block, size):
    found = reuse_bound(trace, block, cache_tokens=(block * size,)).hit_tokens
    assert found.tolist() == [by_hand(trace, block, size), by_hand(trace, block, 10**6)]


def test_answers_are_found_by_the_next_turn():
    rows = [
        {"arrival_s": 0, "prompt": [["q", 16]], "output_tokens": 32},
        {"arrival_s": 9, "prompt": [["q", 16], ["out:0", 32], ["more", 5]], "output_tokens": 1},
    ]
    # Of the 48 tokens known then, the last one's KV was never computed: two blocks, not three.
    assert reuse_bound(Trace.from_requests(rows), 16).hit_tokens.iloc[-1] == 32


def test_the_last_token_of_a_prompt_is_always_computed():
    rows = [{"arrival_s": k, "prompt": [["q", 32]], "output_tokens": 1} for k in (0, 1)]
    assert reuse_bound(Trace.from_requests(rows), 16).hit_tokens.iloc[-1] == 16


def test_the_real_mooncake_bound_is_that_of_its_hashes_alone(real_trace):
    import gzip
    import json

    path = real_trace("mooncake_conversation_trace.jsonl.gz")
    seen: set[int] = set()
    hits = total = 0
    with gzip.open(path) as lines:
        for line in lines:
            row = json.loads(line)
            total += row["input_length"]
            for place, name in enumerate(row["hash_ids"]):
                if name not in seen or (place + 1) * 512 > row["input_length"] - 1:
                    break
                hits += 512
            seen.update(row["hash_ids"])
    bound = reuse_bound(formats.read(path), 512)
    assert bound.hit_tokens.iloc[-1] == hits
    assert bound.hit_rate.iloc[-1] == pytest.approx(hits / total)
    assert 0.3 < bound.hit_rate.iloc[-1] < 0.5


def test_conversations_are_counted():
    trace = named("private-enterprise").sample(np.random.default_rng(4), 7200)
    found = profile(trace).sessions
    assert found.loc["turns", "mean"] == pytest.approx(4, abs=0.4)
    assert found.loc["growth_tokens", "mean"] > 200


def test_thinning_makes_bursts_smaller_and_keeps_conversations_whole(rng):
    trace = named("private-enterprise").sample(rng, 7200)
    kept = thin(trace, 0.3, rng)
    before = np.bincount(trace.session)
    after = np.bincount(kept.session, minlength=len(before))
    assert set((after[after > 0] == before[after > 0]).tolist()) == {True}
    assert (after > 0).sum() / (before > 0).sum() == pytest.approx(0.3, abs=0.06)
