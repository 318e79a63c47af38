"""Closed loops say what each request waits for, and leave the instants to the server."""

import numpy as np
import pytest
from pydantic import TypeAdapter

from hardware_profiles.errors import InputError
from workloads.traffic import Traffic


def trace(arrivals, **changes):
    recipe = {
        "kind": "synthetic",
        "arrivals": arrivals,
        "prompt_tokens": 10,
        "output_tokens": 5,
        "num_requests": 12,
        **changes,
    }
    traffic = TypeAdapter(Traffic).validate_python(recipe)
    return traffic.sample(np.random.default_rng(0), None)


def test_each_user_asks_again_after_the_answer_and_a_pause():
    loop = trace({"kind": "closed_loop", "users": 4, "think_s": 10, "think_cv": 0})
    assert loop.closed_loop
    assert len(loop) == 12
    assert loop.arrival_s.tolist() == [0] * 12
    assert loop.follows.tolist() == [-1] * 4 + list(range(8))
    assert loop.delay_s.tolist() == [0] * 4 + [10] * 8


def test_users_may_begin_one_after_another():
    loop = trace({"kind": "closed_loop", "users": 4, "ramp_s": 8})
    assert set(loop.arrival_s.tolist()) == {0, 2, 4, 6}
    user = loop.arrival_s
    followed = loop.follows >= 0
    assert (user[followed] == user[loop.follows[followed]]).all()


def test_think_times_have_the_mean_and_spread_asked_for():
    loop = trace(
        {"kind": "closed_loop", "users": 5, "think_s": 10, "think_cv": 0.5}, num_requests=20_000
    )
    pauses = loop.delay_s[loop.follows >= 0]
    assert pauses.mean() == pytest.approx(10, rel=0.02)
    assert pauses.std() / pauses.mean() == pytest.approx(0.5, rel=0.03)


def test_a_fixed_concurrency_is_a_list_and_a_limit():
    loop = trace({"kind": "concurrency", "max_concurrency": 3})
    assert loop.closed_loop
    assert loop.max_concurrency == 3
    assert loop.follows is None


def test_users_hold_one_conversation_after_another():
    loop = trace(
        {"kind": "closed_loop", "users": 2, "think_s": 7, "think_cv": 0},
        sessions={"turns": 2, "think_s": 1, "think_cv": 0},
    )
    # Conversations 0 and 1 of the two users, then 2 and 3, …; two turns each.
    assert loop.session.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    assert loop.follows.tolist() == [-1, 0, -1, 2, 1, 4, 3, 6, 5, 8, 7, 10]
    assert loop.delay_s.tolist() == [0, 1, 0, 1] + [7, 1] * 4


def test_sessions_may_wait_for_the_server_while_they_begin_by_the_clock():
    loop = trace(
        {"kind": "constant", "rate_per_s": 1},
        sessions={"turns": 3, "think_s": 1, "closed_loop": True},
    )
    assert loop.closed_loop
    starts = loop.arrival_s[loop.follows < 0]
    assert starts.tolist() == [0, 1, 2, 3]


def test_a_closed_loop_needs_a_number_of_requests():
    with pytest.raises(InputError, match="closed_loop: give num_requests"):
        trace({"kind": "closed_loop", "users": 2}, num_requests=None)
    with pytest.raises(InputError, match="are too many"):
        trace({"kind": "closed_loop", "users": 2}, num_requests=10**12)


def test_who_follows_whom_survives_a_window_and_a_file(tmp_path):
    from workloads import formats
    from workloads.writers import write

    loop = trace({"kind": "closed_loop", "users": 4, "ramp_s": 8})
    cut = loop.window(2.0)
    assert len(cut) == 9
    assert (cut.follows >= 0).sum() == 6
    write(loop, tmp_path / "loop.parquet")
    assert formats.read(tmp_path / "loop.parquet") == loop
