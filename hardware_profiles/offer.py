"""Offer: how to get an hour of a GPU, and what it costs."""

from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from hardware_profiles.errors import InputError
from hardware_profiles.price import DISAGREES_ABOVE, SecondSource, Share, one_currency
from hardware_profiles.profile import NotNegative, Positive, Profile, Text

__all__ = ["DEAREST", "Mode", "Offer"]

Mode = Literal["on_demand", "reserved", "spot", "serverless", "owned"]
DEAREST = 1000.0
"""No GPU-hour costs more [USD/h]: what does is a price per month or per server."""


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
    """By the hour, committed for a term, interruptible, by the second of use, or one's own."""
    usd_per_gpu_hour: Annotated[NotNegative, Field(le=DEAREST)]
    """List price of one GPU for one hour, its share of the instance included [USD/h]."""
    billing_quantum_s: Positive = 1.0
    """A started quantum is paid whole [s]."""
    term_months: Annotated[int, Field(ge=1, le=120)] | None = None
    """Length of the commitment [month]; none for what can be given back at any time."""
    upfront_share: Share = 0.0
    """Of all that the commitment costs, what is paid at its start."""
    reclaims_per_hour: Annotated[NotNegative, Field(le=60)] = 0.0
    """Interruptions of a running spot GPU [1/h]."""
    usd_per_active_gpu_hour: Annotated[NotNegative, Field(le=DEAREST)] | None = None
    """Serverless: price of a worker that is kept on [USD/h]."""
    second: SecondSource | None = None
    """What another source gives for `usd_per_gpu_hour`."""

    @property
    def usd_per_gpu_s(self) -> float:
        """Price of one GPU for one second [USD/s]."""
        return self.usd_per_gpu_hour / 3600

    @property
    def sources_disagree(self) -> bool:
        """Whether there is a second source, and it gives another price."""
        return (
            self.second is not None
            and self.second.disagreement(self.usd_per_gpu_hour) > DISAGREES_ABOVE
        )

    @model_validator(mode="before")
    @classmethod
    def _in_dollars(cls, data: Any) -> Any:
        return one_currency(data)

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        if self.upfront_share > 0 and self.term_months is None:
            raise InputError("upfront_share: needs term_months, it is a share of all those months")
        if self.reclaims_per_hour > 0 and self.mode != "spot":
            raise InputError(f"reclaims_per_hour: only spot is reclaimed, the mode is {self.mode}")
        return self
