"""Server: a machine with GPUs that one can buy, what it draws, breaks and sells for in the end."""

from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, model_validator

from hardware_profiles.errors import InputError
from hardware_profiles.price import DISAGREES_ABOVE, SecondSource, Share, one_currency
from hardware_profiles.profile import NotNegative, Positive, Profile, Text

__all__ = ["Server"]

Watts = Annotated[Positive, Field(le=500_000)]


class Server(Profile):
    """A server with its GPUs, bought.

    >>> Server.named("8x-h100-sxm").usd
    300000.0
    """

    shelf: ClassVar[Path] = Path(__file__).parent / "servers"

    gpu: Text
    """Name of the GPU in it, as on the shelf of GPUs."""
    gpus: Annotated[int, Field(ge=1, le=1024)]
    usd: Annotated[Positive, Field(le=50e6)]
    """Price of the server [USD]."""
    network_share: Share = 0.12
    """Network, cabling and installation, of the price."""
    idle_w: Watts
    """Draw of the whole server with models loaded and nothing to do [W]."""
    full_w: Watts
    """Draw of the whole server with its GPUs at work [W]."""
    committed_kw: Annotated[Positive, Field(le=1000)]
    """Power that must be rented for it, the most it can draw [kW]."""
    life_months: Annotated[int, Field(ge=1, le=120)] = 48
    salvage_share: Share = 0.2
    """What it sells for in the end, of all that was paid."""
    lead_months: Annotated[int, Field(ge=0, le=36)] = 3
    """From order to service [month]."""
    gpu_usd: Annotated[NotNegative, Field(le=1e6)]
    """Price of one GPU as a spare part [USD]."""
    gpu_failures_per_year: Annotated[NotNegative, Field(le=10)] = 0.04
    """Permanent failures, per GPU and year."""
    warranty_share: Share = 0.0
    """Of those, replaced free of charge."""
    spare_gpus_share: Share = 0.0
    """GPUs bought with it to lie on a shelf, of those in it."""
    maintenance_share: Share = 0.05
    """Contract per year, of the price."""
    insurance_share: Share = 0.0
    """Premium per year, of the price."""
    second: SecondSource | None = None
    """What another source gives for `usd`."""

    @property
    def paid_usd(self) -> float:
        """All that is paid for one: itself, network and installation, GPUs for the shelf [USD]."""
        shelf = self.spare_gpus_share * self.gpus * self.gpu_usd
        return self.usd * (1 + self.network_share) + shelf

    @property
    def sources_disagree(self) -> bool:
        """Whether there is a second source, and it gives another price."""
        return self.second is not None and self.second.disagreement(self.usd) > DISAGREES_ABOVE

    @model_validator(mode="before")
    @classmethod
    def _in_dollars(cls, data: Any) -> Any:
        return one_currency(data)

    @model_validator(mode="after")
    def _draws_more_at_work(self) -> Self:
        if not self.idle_w <= self.full_w <= 1000 * self.committed_kw:
            raise InputError(
                "expected idle_w <= full_w <= committed_kw, found "
                f"{self.idle_w:g} W, {self.full_w:g} W, {self.committed_kw:g} kW"
            )
        return self
