"""Node: GPUs under one roof, the wires between them and the way out."""

from pathlib import Path
from typing import Annotated, ClassVar, Self

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

    @classmethod
    def of(cls, gpu: str) -> Self | None:
        """Largest node on the shelf that holds GPUs of that name, if there is one.

        >>> node = Node.of("h100-sxm")
        >>> node.name, node.network.name
        ('hgx-h100', 'infiniband-ndr')
        """
        mine = [node for node in map(cls.named, cls.names()) if node.gpu.name == gpu]
        return max(mine, key=lambda node: node.gpus_per_node, default=None)
