"""Communication: what collectives between the GPUs of one engine cost."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from hardware_profiles.link import Link

__all__ = ["all_reduce_s", "all_to_all_s", "direct_all_reduce_s", "send_s"]

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
