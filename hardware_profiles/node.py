"""Node: GPUs under one roof, the wires between them and the way out."""

from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field

from hardware_profiles.gpu import GPU
from hardware_profiles.link import Link
from hardware_profiles.profile import Profile

__all__ = ["Node"]


class Node(Profile):
    """A server with its GPUs.

    >>> Node.named("hgx-h100").gpus_per_node
    8
    """

    shelf: ClassVar[Path] = Path(__file__).parent / "nodes"

    gpu: GPU
    """What is in it."""
    gpus_per_node: Annotated[int, Field(ge=1)]
    """How many."""
    gpu_link: Link
    """Way between two GPUs of this node."""
    network: Link
    """Way from one GPU of this node to a GPU of another."""
