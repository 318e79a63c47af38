"""Link: the wire between two GPUs, or between two nodes."""

from pathlib import Path
from typing import ClassVar

from hardware_profiles.profile import NotNegative, Positive, Profile

__all__ = ["Link"]


class Link(Profile):
    """One kind of interconnect as seen by one GPU.

    >>> Link.named("nvlink4").bytes_per_s / 1e9
    450.0
    """

    shelf: ClassVar[Path] = Path(__file__).parent / "links"

    bandwidth_gb_s: Positive
    """Peak of one direction, per GPU [1e9 byte/s]. Vendors often print the sum of both."""
    latency_us: NotNegative
    """Time of one hop of a collective, before any byte counts [µs]."""

    @property
    def bytes_per_s(self) -> float:
        """Peak of one direction, per GPU [byte/s]."""
        return self.bandwidth_gb_s * 1e9

    @property
    def latency_s(self) -> float:
        """Time of one hop [s]."""
        return self.latency_us * 1e-6
