"""Offer: how to get an hour of a GPU, and what it costs."""

from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from hardware_profiles.profile import NotNegative, Positive, Profile, Text

__all__ = ["Mode", "Offer"]

Mode = Literal["on_demand", "reserved", "spot", "owned"]


class Offer(Profile):
    """Price of a GPU-hour at one provider under one kind of contract.

    >>> offer = Offer.named("nebius-h100-sxm-on-demand")
    >>> offer.usd_per_gpu_hour
    2.95
    >>> round(offer.usd_per_gpu_s * 3600, 2)
    2.95
    """

    shelf: ClassVar[Path] = Path(__file__).parent / "offers"

    gpu: Text
    """Name of the GPU that is had, as on the shelf of GPUs."""
    provider: Text
    """Who sells it."""
    mode: Mode
    """Kind of contract: by the hour, committed for a term, interruptible, or one's own."""
    usd_per_gpu_hour: NotNegative
    """List price of one GPU for one hour, its share of the instance included [USD/h]."""
    billing_quantum_s: Positive = 1.0
    """A started quantum is paid whole [s]."""
    term_months: Annotated[int, Field(ge=1)] | None = None
    """Length of the commitment [month]; none for what can be given back at any time."""

    @property
    def usd_per_gpu_s(self) -> float:
        """Price of one GPU for one second [USD/s]."""
        return self.usd_per_gpu_hour / 3600
