"""Mixes: named clients with shares, priorities and manners, laid on one clock."""

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from hardware_profiles.errors import InputError
from workloads.traffic import Mix, Traffic

PLAIN = {
    "kind": "synthetic",
    "arrivals": {"kind": "poisson", "rate_per_s": 5},
    "prompt_tokens": 100,
    "output_tokens": 10,
}


def mix(*clients, **changes) -> Mix:
    return TypeAdapter(Traffic).validate_python({"kind": "mix", "clients": clients, **changes})


def sample(traffic, horizon=2000.0):
    return traffic.sample(np.random.default_rng(2), horizon)


def test_each_client_has_its_share_of_the_volume():
    clients = [
        {"name": "big", "traffic": PLAIN, "share": 0.7},
        {"name": "small", "traffic": PLAIN, "share": 0.3},
    ]
    trace = sample(mix(*clients, rate_per_s=10))
    assert len(trace) == pytest.approx(20_000, rel=0.03)
    assert (trace.tenant == "big").mean() == pytest.approx(0.7, abs=0.02)


def test_a_share_is_of_requests_and_not_of_conversations():
    talk = {**PLAIN, "sessions": {"turns": 4, "think_s": 1}}
    clients = [
        {"name": "talk", "traffic": talk, "share": 0.5},
        {"name": "ask", "traffic": PLAIN, "share": 0.5},
    ]
    trace = sample(mix(*clients, rate_per_s=10))
    assert (trace.tenant == "talk").mean() == pytest.approx(0.5, abs=0.02)


def test_heavy_hitters_follow_zipf():
    trace = sample(
        mix({"name": "c", "traffic": PLAIN, "count": 3, "zipf_exponent": 1.0}), horizon=10_000
    )
    names, counts = np.unique(trace.tenant.astype(str), return_counts=True)
    assert names.tolist() == ["c-1", "c-2", "c-3"]
    assert counts / counts.sum() == pytest.approx(np.array([6, 3, 2]) / 11, abs=0.01)


def test_priorities_and_clients_are_kept_apart():
    clients = [
        {"name": "a", "traffic": PLAIN, "priority": 3, "client": {"timeout_s": 9}},
        {"name": "b", "traffic": {**PLAIN, "priority": 1}},
    ]
    trace = sample(mix(*clients))
    assert set(trace.priority[trace.tenant == "a"].tolist()) == {3}
    assert set(trace.priority[trace.tenant == "b"].tolist()) == {1}
    timeouts = [trace.clients[kind].timeout_s for kind in trace.client.tolist()]
    assert {(t, w) for t, w in zip(timeouts, trace.tenant, strict=True)} == {(9, "a"), (None, "b")}


def test_one_more_client_leaves_the_others_as_they_were():
    clients = [{"name": name, "traffic": PLAIN} for name in "abc"]
    two, three = sample(mix(*clients[:2])), sample(mix(*clients))
    for name in "ab":
        before = two.arrival_s[two.tenant == name]
        assert before.tolist() == three.arrival_s[three.tenant == name].tolist()


def test_different_clients_share_no_text():
    shared = {**PLAIN, "shared_prefixes": {"tokens": 50}}
    trace = sample(mix(*[{"name": name, "traffic": shared} for name in "ab"]), horizon=50)
    firsts = trace.segment_ids[trace.segment_offsets[:-1]]
    assert len(set(firsts.tolist())) == 2
    assert len(set(firsts[trace.tenant == "a"].tolist())) == 1


def test_the_first_requests_of_a_mix_are_the_first_in_time():
    clients = [{"name": name, "traffic": PLAIN} for name in "ab"]
    whole = sample(mix(*clients))
    few = mix(*clients, num_requests=50).sample(np.random.default_rng(2), None)
    assert few.arrival_s.tolist() == whole.arrival_s[:50].tolist()


def test_names_on_the_shelf_may_be_mixed():
    assert len(sample(mix({"name": "a", "traffic": "steady-chat"}), horizon=60)) > 100


@pytest.mark.parametrize(
    ("clients", "changes"),
    [
        ([], {}),
        ([{"name": "a", "traffic": PLAIN, "share": 0.5}], {}),
        ([{"name": n, "traffic": PLAIN, "share": 0.6} for n in "ab"], {"rate_per_s": 1}),
        ([{"name": "a", "traffic": PLAIN}] * 2, {}),
        ([{"name": "a", "traffic": {"kind": "trace", "path": "x"}, "count": 2}], {}),
        ([{"name": "a", "traffic": "nothing-like-it"}], {}),
    ],
)
def test_impossible_mixes_are_refused(clients, changes):
    with pytest.raises(ValidationError):
        mix(*clients, **changes)


def test_a_client_that_sends_nothing_at_all_is_an_error():
    quiet = {**PLAIN, "arrivals": {"kind": "poisson", "rate_per_s": 1e-9}}
    with pytest.raises(InputError, match="mix: a: no request falls within the limits"):
        sample(mix({"name": "a", "traffic": quiet}))


def test_a_share_of_a_traffic_that_dies_out_is_refused():
    spike = {"kind": "drain", "rate_per_s": 1, "start_s": 0, "over_s": 1}
    with pytest.raises(InputError, match="has no mean rate to take a share of"):
        sample(
            mix({"name": "a", "traffic": {**PLAIN, "arrivals": spike}, "share": 1}, rate_per_s=1)
        )


@pytest.mark.parametrize("changes", [{}, {"num_requests": 700}])
def test_pieces_of_a_mix_are_its_sample(monkeypatch, changes):
    from workloads import synthetic

    bursty = {**PLAIN, "arrivals": {"kind": "mmpp", "on_rate_per_s": 9, "on_s": 5,
                                    "off_rate_per_s": 1, "off_s": 5}}  # fmt: skip
    patience = {"client": {"timeout_s": 9, "max_retries": 1}}
    clients = [
        {"name": "heavy", "traffic": PLAIN, "priority": 2, **patience},
        {"name": "few", "traffic": bursty, "count": 3, "zipf_exponent": 1.0},
        {"name": "rare", "traffic": {**PLAIN, "arrivals": {"kind": "poisson", "rate_per_s": 0.02}}},
    ]
    recipe = mix(*clients, **changes)
    whole = recipe.sample(np.random.default_rng(5), 300.0)
    monkeypatch.setattr(synthetic, "PIECE_REQUESTS", 64)
    pieces = list(recipe.pieces(np.random.default_rng(5), 300.0))
    assert len(pieces) > 4
    for column in ("arrival_s", "prompt_tokens", "output_tokens", "priority", "tenant", "client"):
        together = np.concatenate([getattr(piece, column) for piece in pieces])
        assert together.tolist() == getattr(whole, column).tolist(), column
    assert {piece.clients for piece in pieces} == {whole.clients}


def test_a_mix_with_shared_text_comes_in_one_piece():
    recipe = mix({"name": "a", "traffic": "rag"}, {"name": "b", "traffic": PLAIN})
    (piece,) = recipe.pieces(np.random.default_rng(5), 60.0)
    assert piece == recipe.sample(np.random.default_rng(5), 60.0)


def test_quiet_clients_of_a_mix_are_missed_in_pieces_too():
    quiet = {**PLAIN, "arrivals": {"kind": "poisson", "rate_per_s": 1e-9}}
    recipe = mix({"name": "a", "traffic": quiet})
    with pytest.raises(InputError, match="mix: a: no request falls within the limits"):
        list(recipe.pieces(np.random.default_rng(5), 60.0))
