"""Traffic: recipes and files that yield traces, and the shelf of named ones."""

import re

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from hardware_profiles.errors import InputError
from workloads.traffic import Replay, Synthetic, Traffic, named, names

PLAIN = {
    "kind": "synthetic",
    "arrivals": {"kind": "poisson", "rate_per_s": 5},
    "prompt_tokens": {"kind": "lognormal", "mean": 500, "cv": 1},
    "output_tokens": 64,
}
TALK = {"turns": 4, "think_s": 10, "think_cv": 0, "answer_s": 1, "answer_s_per_token": 0.1}


def traffic(**changes):
    return TypeAdapter(Traffic).validate_python({**PLAIN, **changes})


def seeded():
    return np.random.default_rng(3)


def prompt(trace, row):
    """Ids and lengths of one row's segments."""
    a, b = trace.segment_offsets[row : row + 2]
    return trace.segment_ids[a:b].tolist(), trace.segment_lengths[a:b].tolist()


def test_the_same_seed_gives_the_same_trace():
    assert traffic().sample(seeded(), 100) == traffic().sample(seeded(), 100)


def test_longer_answers_leave_arrivals_and_prompts_as_they_were():
    short = traffic().sample(seeded(), 100)
    long = traffic(output_tokens={"kind": "uniform", "max": 900}).sample(seeded(), 100)
    assert short.arrival_s.tobytes() == long.arrival_s.tobytes()
    assert short.prompt_tokens.tobytes() == long.prompt_tokens.tobytes()


def test_limits_of_number_and_time_hold():
    assert len(traffic(num_requests=7).sample(seeded(), None)) == 7
    assert traffic(duration_s=20).sample(seeded(), None).arrival_s[-1] < 20
    assert traffic(duration_s=20).sample(seeded(), 5).arrival_s[-1] < 5


def test_without_any_limit_it_is_refused():
    with pytest.raises(InputError, match="give num_requests, a duration, or both"):
        traffic().sample(seeded(), None)


def test_no_request_within_the_limits_is_an_error():
    with pytest.raises(InputError, match="no request falls within its limits"):
        traffic(arrivals={"kind": "poisson", "rate_per_s": 1e-6}).sample(seeded(), 1)


def test_plain_prompts_share_nothing():
    assert traffic().sample(seeded(), 10).segments is None


def test_lengths_can_be_correlated_without_changing_either():
    from scipy.stats import spearmanr

    spread = {"output_tokens": {"kind": "lognormal", "mean": 200, "cv": 1}, "num_requests": 20_000}
    plain = traffic(**spread).sample(seeded(), None)
    tied = traffic(**spread, length_correlation=0.8).sample(seeded(), None)
    found = spearmanr(tied.prompt_tokens, tied.output_tokens).statistic
    # Spearman's rank correlation of a Gaussian copula is 6/π asin(ρ/2).
    assert found == pytest.approx(6 / np.pi * np.arcsin(0.8 / 2), abs=0.01)
    for column in ("prompt_tokens", "output_tokens"):
        assert sorted(getattr(plain, column)) == sorted(getattr(tied, column))


def test_a_share_of_requests_begins_with_a_shared_prefix():
    shared = {"number": 4, "tokens": 300, "share": 0.6}
    trace = traffic(shared_prefixes=shared, num_requests=20_000).sample(seeded(), None)
    entries = np.diff(trace.segment_offsets)
    assert (entries == 2).mean() == pytest.approx(0.6, abs=0.02)
    firsts = trace.segment_ids[trace.segment_offsets[:-1][entries == 2]]
    assert set(firsts.tolist()) == {0, 1, 2, 3}


def test_popularity_follows_zipf():
    shared = {"number": 3, "tokens": 300, "zipf_exponent": 1.0}
    trace = traffic(shared_prefixes=shared, num_requests=30_000).sample(seeded(), None)
    firsts = trace.segment_ids[trace.segment_offsets[:-1]]
    shares = np.bincount(firsts) / len(trace)
    assert shares == pytest.approx(np.array([6, 3, 2]) / 11, abs=0.01)


def test_documents_stand_between_the_system_prompt_and_the_question():
    trace = traffic(
        shared_prefixes={"tokens": 100},
        documents={"number": 50, "tokens": 400, "per_request": 3},
        prompt_tokens=20,
    ).sample(seeded(), 10)
    ids, lengths = prompt(trace, 0)
    assert lengths == [100, 400, 400, 400, 20]
    assert ids[0] == 0
    assert all(1 <= document <= 50 for document in ids[1:4])
    assert (trace.prompt_tokens == 1320).all()


def test_a_turn_repeats_all_that_was_said():
    one = {"kind": "constant", "rate_per_s": 1e-3}
    trace = traffic(arrivals=one, prompt_tokens=10, sessions=TALK, num_requests=3).sample(
        seeded(), None
    )
    # Think time 10 s, then 1 s + 64 × 0.1 s for the answer.
    assert trace.arrival_s.tolist() == pytest.approx([0, 17.4, 34.8])
    assert prompt(trace, 0) == ([0], [10])
    assert prompt(trace, 1) == ([0, -1, 1], [10, 64, 10])
    assert prompt(trace, 2) == ([0, -1, 1, -2, 2], [10, 64, 10, 64, 10])
    assert trace.session.tolist() == [0, 0, 0]
    assert "assumed" in trace.meta["assumed"]


def test_a_conversation_has_one_system_prompt_at_its_beginning():
    trace = traffic(sessions=TALK, shared_prefixes={"tokens": 50}, prompt_tokens=10).sample(
        seeded(), 60
    )
    for row in range(len(trace)):
        ids, lengths = prompt(trace, row)
        assert ids[0] == 0
        assert lengths[0] == 50
        assert 0 not in ids[1:]


def test_answers_named_in_a_prompt_are_those_of_the_same_conversation():
    spread = {"kind": "uniform", "min": 1, "max": 99}
    trace = traffic(sessions={**TALK, "think_cv": 2}, output_tokens=spread).sample(seeded(), 200)
    outputs = np.flatnonzero(trace.segment_ids < 0)
    rows = trace.segments.row_of_entry()[outputs]
    named_rows = -1 - trace.segment_ids[outputs]
    assert (trace.session[rows] == trace.session[named_rows]).all()
    assert (named_rows < rows).all()
    assert (trace.segment_lengths[outputs] == trace.output_tokens[named_rows]).all()


def test_the_first_requests_of_sessions_are_the_first_in_time():
    """Asking for fewer requests gives the beginning of what asking for more gives."""
    few = traffic(sessions=TALK, output_tokens=8, num_requests=40).sample(seeded(), None)
    assert len(few) == 40
    assert few.arrival_s[-1] < 17


def test_a_conversation_ends_before_its_prompt_grows_too_long():
    trace = traffic(
        sessions={**TALK, "max_prompt_tokens": 100}, prompt_tokens=10, num_requests=500
    ).sample(seeded(), None)
    assert trace.prompt_tokens.max() == 84
    assert trace.meta["turns_beyond_max_prompt_tokens"] > 0


def test_every_entry_of_the_shelf_says_what_it_is_modelled_on():
    assert {
        "steady-chat",
        "steady-enterprise",
        "bursty-consumer",
        "private-enterprise",
        "coding-assistant",
        "rag",
        "summarisation-batch",
        "reasoning",
        "agent",
    } <= set(names())
    for name in names():
        entry = named(name)
        assert entry.name == name
        assert len(entry.source) > 40
        assert entry.checked is not None
        assert entry.confidence in ("A", "B", "C")
        assert entry.confidence == "C" or not re.search("remember", entry.source)
        assert len(entry.sample(seeded(), 600)) > 10


def test_steady_and_bursty_on_the_shelf_have_the_same_volume():
    steady, bursty = named("steady-chat"), named("bursty-consumer")
    assert steady.arrivals.mean_rate() == pytest.approx(bursty.arrivals.mean_rate())
    assert bursty.arrivals.gap_cv() > 1.3


def test_a_name_on_the_shelf_can_be_changed_in_part():
    entry = TypeAdapter(Traffic).validate_python({"like": "steady-chat", "num_requests": 5})
    assert len(entry.sample(seeded(), None)) == 5
    assert entry.confidence == "C"  # it is no longer what was measured
    assert "changed here: num_requests" in entry.source


def test_a_recipe_survives_being_written_out():
    for name in names():
        entry = named(name)
        assert TypeAdapter(Traffic).validate_python(entry.model_dump(mode="json")) == entry


def test_an_unknown_name_is_told_which_there_are():
    with pytest.raises(ValidationError, match="did you mean 'steady-chat'"):
        TypeAdapter(Traffic).validate_python("stedy-chat")


@pytest.mark.parametrize(
    "changes",
    [
        {"num_requests": 0},
        {"duration_s": -1},
        {"prompt_token": 4},
        {"arrivals": 5},
        {"length_correlation": 2},
        {"shared_prefixes": {"tokens": 5, "share": 1.5}},
        {"documents": {"number": 0, "tokens": 5}},
        {"sessions": {"turns": 0}},
        {"kind": "synthetik"},
        {"output_tokens": None},
        {"joint_lengths": {"pairs": [[1, 1]]}},
        {"prompt_tokens": None, "output_tokens": None, "joint_lengths": {}},
        {"client": {"max_retries": 3}},
        {"client": {"cancel_share": 0.5}},
    ],
)
def test_impossible_traffic_is_refused(changes):
    with pytest.raises(ValidationError):
        traffic(**changes)


AZURE = """TIMESTAMP,ContextTokens,GeneratedTokens
2023-11-16 18:15:40.0000000,100,10
2023-11-16 18:15:41.0000000,200,20
2023-11-16 18:15:43.0000000,300,30
2023-11-16 18:15:47.0000000,400,40
"""


@pytest.fixture
def azure(tmp_path):
    (tmp_path / "azure.csv").write_text(AZURE)
    return tmp_path


def replay(azure, horizon=None, **options):
    trace = Replay(path="azure.csv", **options).sample(seeded(), horizon, azure)
    return trace.arrival_s.tolist()


def test_a_file_is_replayed_as_it_was(azure):
    assert replay(azure) == [0, 1, 3, 7]


def test_a_window_is_on_the_files_clock_and_speed_comes_after(azure):
    assert replay(azure, start_s=1, duration_s=6) == [0, 2]
    assert replay(azure, start_s=1, rate_scale=2) == [0, 1, 3]
    assert replay(azure, limit=2) == [0, 1]
    assert replay(azure, horizon=3.5, rate_scale=2) == [0, 0.5, 1.5]


def test_an_empty_window_says_what_the_trace_has(azure):
    with pytest.raises(InputError, match="no request between 50 s and 60 s; the trace has 4 from"):
        replay(azure, start_s=50, duration_s=10)
    with pytest.raises(InputError, match="no request between 50 s and inf s"):
        replay(azure, start_s=50)


def test_a_missing_file_is_named(azure):
    with pytest.raises(InputError, match=r"nowhere\.csv: there is no such file"):
        Replay(path="nowhere.csv").sample(seeded(), None, azure)


def test_assumed_prefixes_are_part_of_the_prompts_and_said_to_be_assumed(azure):
    shared = {"number": 2, "tokens": 150, "share": 0.5}
    trace = Replay(path="azure.csv", assume_prefixes=shared).sample(seeded(), None, azure)
    assert trace.prompt_tokens.tolist() == [100, 200, 300, 400]
    assert "50% of requests begin with one of 2" in trace.meta["assumed_identity"]
    entries = np.diff(trace.segment_offsets)
    assert set(entries.tolist()) == {1, 2}
    for row in np.flatnonzero(entries == 2):
        ids, lengths = prompt(trace, row)
        assert ids[0] in (0, 1)
        assert lengths[0] == min(150, sum(lengths) - 1)


def test_identity_is_not_assumed_over_what_a_trace_says(azure):
    from pathlib import Path

    samples = Path(__file__).parent / "samples"
    with pytest.raises(InputError, match="this trace says itself which prompts share text"):
        Replay(path="mooncake.jsonl", assume_prefixes={"tokens": 5}).sample(seeded(), None, samples)


def test_lengths_may_be_given_as_pairs():
    trace = traffic(
        prompt_tokens=None,
        output_tokens=None,
        joint_lengths={"pairs": [[10, 1], [2000, 500]], "weights": [3, 1]},
        num_requests=20_000,
    ).sample(seeded(), None)
    pairs = set(zip(trace.prompt_tokens.tolist(), trace.output_tokens.tolist(), strict=True))
    assert pairs == {(10, 1), (2000, 500)}
    assert (trace.prompt_tokens == 10).mean() == pytest.approx(0.75, abs=0.01)


def test_lengths_may_be_drawn_as_pairs_from_a_trace(azure):
    joint = {"path": "azure.csv", "limit": 3}
    trace = traffic(
        prompt_tokens=None, output_tokens=None, joint_lengths=joint, num_requests=100
    ).sample(seeded(), None, azure)
    pairs = set(zip(trace.prompt_tokens.tolist(), trace.output_tokens.tolist(), strict=True))
    assert pairs == {(100, 10), (200, 20), (300, 30)}


def test_a_client_travels_with_its_requests():
    trace = traffic(client={"timeout_s": 5, "max_retries": 1}).sample(seeded(), 10)
    assert set(trace.client.tolist()) == {0}
    assert trace.clients[0].timeout_s == 5


def test_traffic_is_one_of_some_kinds():
    assert isinstance(TypeAdapter(Traffic).validate_python(PLAIN), Synthetic)
    assert isinstance(TypeAdapter(Traffic).validate_python({"kind": "trace", "path": "x"}), Replay)
