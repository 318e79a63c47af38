"""Collectives: one GPU pays nothing, large messages pay bandwidth, small ones latency."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware_profiles.link import Link
from simulator.physics.communication import (
    all_reduce_s,
    all_to_all_s,
    direct_all_reduce_s,
    nodes_all_reduce_s,
    nodes_all_to_all_s,
    send_s,
)

NVLINK, NETWORK = Link.named("nvlink4"), Link.named("infiniband-ndr")


def test_alone_there_is_nobody_to_talk_to() -> None:
    assert all_reduce_s(1e9, 1, NVLINK) == 0
    assert all_to_all_s(1e9, 1, NVLINK) == 0


def test_a_large_all_reduce_sends_nearly_the_message_twice() -> None:
    assert all_reduce_s(1e12, 1000, NVLINK) == pytest.approx(2e12 / 450e9, rel=2e-3)


def test_an_empty_message_costs_the_latency() -> None:
    assert all_reduce_s(0.0, 8, NVLINK) == 2 * NVLINK.latency_s
    assert direct_all_reduce_s(0.0, 8, NVLINK) == NVLINK.latency_s
    assert send_s(0.0, NVLINK) == NVLINK.latency_s


@given(size=st.floats(0, 1e12), more=st.floats(0, 1e12), gpus=st.integers(2, 64))
def test_a_longer_message_never_takes_less(size: float, more: float, gpus: int) -> None:
    for collective in (all_reduce_s, all_to_all_s, direct_all_reduce_s):
        assert collective(size + more, gpus, NVLINK) >= collective(size, gpus, NVLINK) >= 0


def test_half_the_efficiency_is_twice_the_bytes_time() -> None:
    full, half = (all_reduce_s(1e9, 4, NVLINK, share) for share in (1.0, 0.5))
    assert half - 2 * NVLINK.latency_s == pytest.approx(2 * (full - 2 * NVLINK.latency_s))


def test_small_messages_go_straight_and_large_ones_in_two_rounds() -> None:
    assert direct_all_reduce_s(1e3, 8, NVLINK) < all_reduce_s(1e3, 8, NVLINK)
    assert direct_all_reduce_s(1e8, 8, NVLINK) > all_reduce_s(1e8, 8, NVLINK)


@given(size=st.floats(0, 1e10), gpus=st.sampled_from([2, 4, 8]))
def test_within_one_node_the_network_does_not_matter(size: float, gpus: int) -> None:
    assert nodes_all_reduce_s(size, gpus, 8, NVLINK, NETWORK) == all_reduce_s(size, gpus, NVLINK)
    assert nodes_all_to_all_s(size, gpus, 8, NVLINK, NETWORK) == all_to_all_s(size, gpus, NVLINK)


@given(size=st.floats(0, 1e10), gpus=st.sampled_from([16, 32, 64]))
def test_across_nodes_it_takes_longer_than_it_would_in_one(size: float, gpus: int) -> None:
    across = nodes_all_reduce_s(size, gpus, 8, NVLINK, NETWORK)
    assert across > all_reduce_s(size, 8, NVLINK)
    assert nodes_all_to_all_s(size, gpus, 8, NVLINK, NETWORK) >= all_to_all_s(size, 8, NETWORK) / 8


def test_each_gpu_sums_its_own_eighth_over_the_network() -> None:
    size, nodes = 1e9, 2
    over = 2 * (nodes - 1) / nodes * size / 8 / 50e9 + 2 * NETWORK.latency_s
    across = nodes_all_reduce_s(size, 16, 8, NVLINK, NETWORK)
    assert across == pytest.approx(all_reduce_s(size, 8, NVLINK) + over)
