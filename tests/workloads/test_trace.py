"""A trace: immutable columns, cut, sped up and joined without losing who shares what."""

from itertools import chain, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware_profiles.errors import InputError
from workloads.merge import merge
from workloads.segments import Segments, densify
from workloads.trace import Trace

SYSTEM, ASK, MORE = ["system", 20], ["ask", 5], ["more", 7]


def conversation() -> Trace:
    """Two turns of one conversation, and a stranger in between."""
    return Trace.from_requests(
        [
            {"arrival_s": 0.0, "prompt": [SYSTEM, ASK], "output_tokens": 9},
            {"arrival_s": 30.0, "prompt": [SYSTEM, ASK, ["out:0", 9], MORE], "output_tokens": 4},
            {"arrival_s": 10.0, "prompt": [SYSTEM, ["other", 3]], "output_tokens": 2},
        ]
    )


def test_rows_are_in_order_of_arrival():
    trace = conversation()
    assert trace.arrival_s.tolist() == [0, 10, 30]
    assert trace.prompt_tokens.tolist() == [25, 23, 41]
    assert trace.output_tokens.tolist() == [9, 2, 4]


def test_an_output_is_named_by_its_row_after_sorting():
    late_first = [
        {"arrival_s": 9.0, "prompt": [["b", 3], ["out:1", 4]], "output_tokens": 1},
        {"arrival_s": 1.0, "prompt": [["a", 3]], "output_tokens": 4},
    ]
    trace = Trace.from_requests(late_first)
    assert trace.segment_ids.tolist() == [1, 0, -1]


def test_ties_keep_the_order_given():
    rows = [{"arrival_s": 1.0, "prompt_tokens": n, "output_tokens": 1} for n in (3, 1, 2)]
    assert Trace.from_requests(rows).prompt_tokens.tolist() == [3, 1, 2]


def test_columns_cannot_be_written_to():
    with pytest.raises(ValueError, match="read-only"):
        conversation().arrival_s[0] = 5.0


def test_without_named_segments_nothing_is_shared():
    trace = Trace.from_requests([{"arrival_s": 0, "prompt_tokens": 4, "output_tokens": 1}])
    assert trace.segments is None


def test_a_window_begins_at_zero_and_leaves_out_its_end():
    trace = Trace.from_columns([0, 1, 2, 3], [1, 2, 3, 4], [1] * 4).window(1, 2)
    assert trace.arrival_s.tolist() == [0, 1]
    assert trace.prompt_tokens.tolist() == [2, 3]


def test_outputs_from_before_the_window_stay_shared():
    rows = [
        {"arrival_s": 0.0, "prompt": [ASK], "output_tokens": 9},
        {"arrival_s": 5.0, "prompt": [ASK, ["out:0", 9], ["x", 1]], "output_tokens": 1},
        {"arrival_s": 6.0, "prompt": [ASK, ["out:0", 9], ["y", 1]], "output_tokens": 1},
    ]
    cut = Trace.from_requests(rows).window(1.0)
    assert len(cut) == 2
    assert (cut.segment_ids >= 0).all()
    first, second = cut.segment_ids.reshape(2, 3)
    assert first[:2].tolist() == second[:2].tolist()
    assert first[2] != second[2]
    assert len({*first.tolist(), *second.tolist()}) == 4


def test_twice_the_rate_halves_every_gap():
    trace = conversation().rate_scaled(2)
    assert trace.arrival_s.tolist() == [0, 5, 15]
    assert trace.rate_scaled(0.5) == conversation()
    assert trace.meta["rate_scale"] == 2


def test_rate_scaling_keeps_burstiness(rng):
    gaps = rng.gamma(0.2, 1, 5000)
    trace = Trace.from_columns(np.cumsum(gaps), np.ones(5000), np.ones(5000))
    fast = np.diff(trace.rate_scaled(7).arrival_s)
    slow = np.diff(trace.arrival_s)
    assert fast.std() / fast.mean() == pytest.approx(slow.std() / slow.mean())


def test_merged_traces_share_nothing_with_one_another():
    both = merge([conversation(), conversation()])
    assert both.arrival_s.tolist() == [0, 0, 10, 10, 30, 30]
    ids = [set(row.tolist()) for row in np.split(both.segment_ids, both.segment_offsets[1:-1])]
    assert ids[0].isdisjoint(ids[1])
    assert ids[4].isdisjoint(ids[5])
    assert -1 in ids[4]
    assert -2 in ids[5]


def test_merging_keeps_tenants_and_sessions_apart():
    one = Trace.from_columns([0], [1], [1], tenant=["a"], session=[0])
    two = Trace.from_columns([1], [1], [1], session=[0])
    both = merge([one, two])
    assert both.tenant.tolist() == ["a", None]
    assert both.session.tolist() == [0, 1]


def test_the_table_has_a_row_a_request():
    table = conversation().to_pandas()
    assert list(table.columns) == ["arrival_s", "prompt_tokens", "output_tokens", "priority"]
    assert len(table) == 3


def test_hashes_become_small_numbers():
    huge = Segments(np.array([0, 2, 3]), np.array([2**62, 7, 2**62]), np.array([1, 1, 1]))
    assert densify(huge).ids.tolist() == [0, 1, 0]


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (([NAN], [1], [1]), "row 0: arrival_s is not a number"),
        (([INF], [1], [1]), "finite number of seconds, found inf"),
        (([-1], [1], [1]), "no arrival before 0 s"),
        (([0], [0], [1]), "prompt_tokens: expected at least 1 token, found 0"),
        (([0], [1], [0]), "output_tokens: expected at least 1 token, found 0"),
        (([0], [-5], [1]), "found -5"),
        (([0], [1], [2**31]), r"fewer than 2\*\*31 tokens"),
        (([0], [1.5], [1]), "expected a whole number, found 1.5"),
        (([0], [NAN], [1]), "expected a whole number, found nan"),
        (([0], ["x"], [1]), "prompt_tokens: expected numbers"),
        (([0, 1], [1], [1]), "expected 2 rows like arrival_s, found 1"),
        (([0], [[1]], [1]), "one dimension, found 2"),
    ],
)
def test_impossible_columns_are_refused(columns, message):
    with pytest.raises(InputError, match=message):
        Trace.from_columns(*columns)


def test_time_may_not_go_back():
    ones = np.ones(2)
    with pytest.raises(InputError, match="row 1: arrival_s: expected no arrival before the one"):
        Trace(np.array([1.0, 0.0]), ones, ones, ones)


@pytest.mark.parametrize(
    ("segments", "message"),
    [
        (([0, 1], [3], [4]), "its segments add up to 4 tokens, prompt_tokens says 5"),
        (([0, 1], [-1], [5]), "no prompt that contains its own answer"),
        (([0, 1], [-2], [5]), r"an output of one of the 1 rows \(-1 … -1\), found -2"),
        (([0, 2], [1, 2], [5, 0]), "a segment of at least 1 token, found 0"),
        (([0, 2], [1], [5]), "expected 0 … 1, never falling"),
        (([0], [1], [5]), "expected 2 offsets"),
    ],
)
def test_segments_that_do_not_fit_are_refused(segments, message):
    table = Segments(*(np.array(column) for column in segments))
    with pytest.raises(InputError, match=message):
        Trace.from_columns([0], [5], [1], segments=table)


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"prompt_tokens": 4, "output_tokens": 1}, "has no 'arrival_s'"),
        ({"arrival_s": 0, "prompt_tokens": 4}, "has no 'output_tokens'"),
        ({"arrival_s": 0, "output_tokens": 4}, "give either prompt or prompt_tokens"),
        ({"arrival_s": 0, "prompt": [["out:1", 3]], "output_tokens": 4}, "expected out:0 … out:0"),
        ({"arrival_s": 0, "prompt": [["a", 3.5]], "output_tokens": 4}, "found 3.5"),
        ({"arrival_s": 0, "prompt": [["a", -3]], "output_tokens": 4}, "found -3"),
        ({"arrival_s": 0, "promt": [], "output_tokens": 4}, "no key 'promt'"),
    ],
)
def test_requests_that_make_no_sense_are_refused(request_, message):
    with pytest.raises(InputError, match=message):
        Trace.from_requests([request_])


@pytest.mark.parametrize("factor", [0, -1, NAN, INF])
def test_a_rate_is_scaled_by_a_number_above_zero(factor):
    with pytest.raises(InputError, match="rate_scale: expected a number above 0"):
        conversation().rate_scaled(factor)


@st.composite
def shared_traces(draw):
    """Small traces whose prompts name text and earlier outputs."""
    rows = []
    for i in range(draw(st.integers(1, 8))):
        names = [f"t{k}" for k in range(4)] + [f"out:{j}" for j in range(i)]
        prompt = [
            [draw(st.sampled_from(names)), draw(st.integers(1, 9))]
            for _ in range(draw(st.integers(1, 4)))
        ]
        arrival = draw(st.integers(0, 20))
        rows.append({"arrival_s": arrival, "prompt": prompt, "output_tokens": i + 1})
    return Trace.from_requests(rows)


def pieces(trace: Trace) -> list[list[tuple[int, int]]]:
    """Each prompt as pairs of (name, length), an output being named by the length of the answer."""
    ids, output = trace.segment_ids, trace.output_tokens
    names = np.where(ids < 0, -output[np.where(ids < 0, -1 - ids, 0)], ids)
    pairs = list(zip(names.tolist(), trace.segment_lengths.tolist(), strict=True))
    ends = trace.segment_offsets.tolist()
    return [pairs[a:b] for a, b in pairwise(ends)]


@given(trace=shared_traces(), start=st.integers(0, 20), length=st.integers(1, 20))
def test_who_shares_what_survives_a_window(trace, start, length):
    rows = np.flatnonzero((trace.arrival_s >= start) & (trace.arrival_s < start + length))
    cut = trace.window(start, length)
    assert len(cut) == len(rows)
    before = [pieces(trace)[row] for row in rows]
    after = pieces(cut)
    renamed: dict[int, int] = {}
    for old, new in zip(chain(*before), chain(*after), strict=True):
        assert old[1] == new[1]
        assert renamed.setdefault(old[0], new[0]) == new[0]
    assert len(set(renamed.values())) == len(renamed)
