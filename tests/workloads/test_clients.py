"""Clients: how long they wait, and how they try again."""

import numpy as np
import pytest
from pydantic import ValidationError

from workloads.clients import Client


def test_waits_double_up_to_their_cap():
    client = Client(timeout_s=1, max_retries=9, backoff_jitter=0)
    waits = [client.backoff(k, np.random.default_rng(0)) for k in range(7)]
    assert waits == [0.5, 1, 2, 4, 8, 8, 8]


def test_jitter_only_shortens_a_wait(rng):
    client = Client(timeout_s=1, max_retries=9, backoff_jitter=0.5)
    waits = [client.backoff(0, rng) for _ in range(1000)]
    assert 0.25 <= min(waits) < 0.26
    assert 0.49 < max(waits) <= 0.5


def test_a_share_of_users_walks_away_after_a_mean_patience(rng):
    client = Client(cancel_share=0.3, cancel_after_s=20)
    patience = [client.patience(rng) for _ in range(20_000)]
    left = [p for p in patience if p is not None]
    assert len(left) / len(patience) == pytest.approx(0.3, abs=0.01)
    assert np.mean(left) == pytest.approx(20, rel=0.03)


def test_the_patient_client_waits_for_ever(rng):
    assert Client().patience(rng) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"timeout_s": 0},
        {"timeout_s": -1},
        {"max_retries": 2},
        {"cancel_share": 0.1},
        {"cancel_after_s": 5},
        {"timeout_s": 1, "backoff_jitter": 2},
        {"hedge_after_s": 0},
        {"retries": 5},
    ],
)
def test_impossible_manners_are_refused(wrong):
    with pytest.raises(ValidationError):
        Client(**wrong)
