"""Files without times get new ones; conversations keep their order and their pauses."""

from pathlib import Path

import numpy as np
import pytest

from hardware_profiles.errors import InputError
from workloads.traffic import Replay

SAMPLES = Path(__file__).parent / "samples"
STEADY = {"arrivals": {"kind": "constant", "rate_per_s": 0.01}, "think_s": 5, "think_cv": 0}


def replay(**options):
    return Replay(path="sharegpt.json", **options).sample(np.random.default_rng(0), None, SAMPLES)


def test_a_file_without_times_needs_new_ones():
    with pytest.raises(InputError, match="the file has no times; say with `retime`"):
        replay()


def test_turns_come_after_the_answer_and_a_pause():
    trace = replay(retime={**STEADY, "answer_s": 1, "answer_s_per_token": 0.1})
    # The first answer has 7 tokens: 1 s + 0.7 s, then 5 s of thinking.
    assert trace.arrival_s.tolist() == pytest.approx([0, 6.7, 100])
    assert trace.follows.tolist() == [-1, 0, -1]
    assert trace.delay_s.tolist() == [0, 5, 0]
    assert not trace.closed_loop
    assert "answer time" in trace.meta["assumed_times"]


def test_in_a_closed_loop_turns_wait_for_the_server():
    trace = replay(retime={**STEADY, "closed_loop": True})
    assert trace.closed_loop
    assert trace.arrival_s.tolist() == [0, 0, 100]
    assert trace.follows.tolist() == [-1, 0, -1]


def test_requests_without_conversations_come_one_by_one():
    trace = Replay(path="azure.csv", retime=STEADY).sample(np.random.default_rng(0), None, SAMPLES)
    assert trace.arrival_s.tolist() == [0, 100, 200]


def test_only_some_tenants_may_be_replayed():
    trace = Replay(path="burstgpt.csv", tenants=("GPT-4",)).sample(
        np.random.default_rng(0), None, SAMPLES
    )
    assert trace.prompt_tokens.tolist() == [1360]
    with pytest.raises(InputError, match="no tenant 'GPT4'; did you mean 'GPT-4'"):
        Replay(path="burstgpt.csv", tenants=("GPT4",)).sample(
            np.random.default_rng(0), None, SAMPLES
        )
