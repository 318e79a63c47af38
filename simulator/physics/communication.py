"""Communication: what collectives between the GPUs of one engine cost."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from hardware_profiles.link import Link
from simulator.physics.number import larger

__all__ = [
    "all_reduce_s",
    "all_to_all_s",
    "direct_all_reduce_s",
    "nodes_all_reduce_s",
    "nodes_all_to_all_s",
    "send_s",
]

Number = TypeVar("Number", float, NDArray[np.float64])


def all_reduce_s(message_bytes: Number, gpus: int, link: Link, efficiency: float = 1.0) -> Number:
    """Sum of a message over GPUs in two rounds, reduce and gather. [s]

    $2 (n-1)/n · bytes / bandwidth + 2 · latency$: in each round every GPU sends and receives
    (n-1)/n of the message. The way of large messages.

    Parameters
    ----------
    message_bytes : on each GPU. [byte]
    gpus : taking part; with one there is nothing to do.
    link : between them, one direction.
    efficiency : share of the link's bandwidth that is reached.

    >>> nvlink = Link.named("nvlink4")
    >>> round((all_reduce_s(1e6, 2, nvlink) - 2 * nvlink.latency_s) * 1e6, 2)
    2.22
    """
    if gpus == 1:
        return 0.0 * message_bytes
    share = 2 * (gpus - 1) / gpus
    return 2 * link.latency_s + share * message_bytes / (link.bytes_per_s * efficiency)


def direct_all_reduce_s(
    message_bytes: Number, gpus: int, link: Link, efficiency: float = 1.0
) -> Number:
    """Sum of a message over GPUs in one round. [s]

    $(n-1) · bytes / bandwidth + latency$: every GPU reads the message of every other. The way of
    small messages, as in vLLM's one-shot all-reduce.
    """
    if gpus == 1:
        return 0.0 * message_bytes
    return link.latency_s + (gpus - 1) * message_bytes / (link.bytes_per_s * efficiency)


def all_to_all_s(message_bytes: Number, gpus: int, link: Link, efficiency: float = 1.0) -> Number:
    """Every GPU sends each other one its share of a message, as expert parallelism does. [s]

    Parameters
    ----------
    message_bytes : that leave one GPU, those for itself included. [byte]
    """
    if gpus == 1:
        return 0.0 * message_bytes
    share = (gpus - 1) / gpus
    return link.latency_s + share * message_bytes / (link.bytes_per_s * efficiency)


def send_s(message_bytes: Number, link: Link, efficiency: float = 1.0) -> Number:
    """One GPU hands a message to the next, as pipeline stages do. [s]"""
    return link.latency_s + message_bytes / (link.bytes_per_s * efficiency)


def nodes_all_reduce_s(
    message_bytes: Number,
    gpus: int,
    gpus_per_node: int,
    link: Link,
    network: Link,
    efficiency: float = 1.0,
) -> Number:
    """Sum of a message over the GPUs of several nodes, node by node. [s]

    Within each node the message is summed and spread as by `all_reduce_s`; of each node every GPU
    then sums its own part, one of `gpus_per_node`, with its fellows in the other nodes over the
    network. The hierarchical way of NCCL; with one node there is only the first half.

    Parameters
    ----------
    gpus_per_node : GPUs of one node that take part, at most.
    link, network : between two GPUs of a node, and between GPUs of two nodes; one direction.
    """
    local = min(gpus, gpus_per_node)
    nodes = -(-gpus // local)
    within = all_reduce_s(message_bytes, local, link, efficiency)
    return within + all_reduce_s(message_bytes / local, nodes, network, efficiency)


def nodes_all_to_all_s(
    message_bytes: Number,
    gpus: int,
    gpus_per_node: int,
    link: Link,
    network: Link,
    efficiency: float = 1.0,
) -> Number:
    """Every GPU sends each other one its share of a message, some of it to other nodes. [s]

    What stays in the node and what leaves it travel at once, so the slower of the two counts.
    """
    local = min(gpus, gpus_per_node)
    if local == gpus:
        return all_to_all_s(message_bytes, gpus, link, efficiency)
    near, far = (local - 1) / gpus, (gpus - local) / gpus
    inside = link.latency_s + near * message_bytes / (link.bytes_per_s * efficiency)
    outside = network.latency_s + far * message_bytes / (network.bytes_per_s * efficiency)
    slower: Number = larger(inside, outside)
    return slower
