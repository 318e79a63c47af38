"""Communication: what collectives between the GPUs of one engine cost."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from hardware_profiles.link import Link

__all__ = ["all_reduce_s", "all_to_all_s", "send_s"]

Number = TypeVar("Number", float, NDArray[np.float64])


def all_reduce_s(message_bytes: Number, gpus: int, link: Link, efficiency: float = 1.0) -> Number:
    """Sum of a message over GPUs. [s]

    $2 (n-1)/n · bytes / bandwidth + latency$: every GPU sends and receives its share twice (reduce,
    then gather), and the hops overlap, so that latency counts once.

    Parameters
    ----------
    message_bytes : on each GPU. [byte]
    gpus : taking part; with one there is nothing to do.
    link : between them, one direction.
    efficiency : share of the link's bandwidth that is reached.

    >>> nvlink = Link.named("nvlink4")
    >>> round((all_reduce_s(1e6, 2, nvlink) - nvlink.latency_s) * 1e6, 2)
    2.22
    """
    if gpus == 1:
        return 0.0 * message_bytes
    share = 2 * (gpus - 1) / gpus
    return link.latency_s + share * message_bytes / (link.bytes_per_s * efficiency)


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
