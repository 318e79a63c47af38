"""Site: where servers of one's own stand: electricity, cooling, space."""

from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, model_validator

from hardware_profiles.errors import InputError
from hardware_profiles.price import DISAGREES_ABOVE, SecondSource, one_currency
from hardware_profiles.profile import NotNegative, Profile, Text

__all__ = ["Site"]


class Site(Profile):
    """Prices of a place.

    >>> site = Site.named("us-colocation")
    >>> site.usd_per_kwh, site.usd_per_kw_month
    (0.146, 163.44)
    """

    shelf: ClassVar[Path] = Path(__file__).parent / "sites"

    region: Text
    """Where the data are then: us, eu, …"""
    usd_per_kwh: Annotated[NotNegative, Field(le=5)]
    """Electricity [USD/kWh]; 0 where the rent of the space includes it."""
    pue: Annotated[float, Field(ge=1, le=3)]
    """All the power of the place over that of its servers."""
    usd_per_kw_month: Annotated[NotNegative, Field(le=5000)] = 0.0
    """Colocation, per kW committed, used or not [USD/kW/month]."""
    power_included: bool = False
    """Whether that rent has electricity and cooling in it; they are not paid twice then."""
    usd_per_peak_kw: Annotated[NotNegative, Field(le=500)] = 0.0
    """Demand charge on the highest quarter of an hour of the month [USD/kW/month]."""
    remote_hands_usd_month: Annotated[NotNegative, Field(le=100_000)] = 0.0
    """Somebody on the spot who swaps parts, per server [USD/month]."""
    second: SecondSource | None = None
    """What another source gives for `usd_per_kwh`."""

    @property
    def sources_disagree(self) -> bool:
        """Whether there is a second source, and it gives another price."""
        return (
            self.second is not None and self.second.disagreement(self.usd_per_kwh) > DISAGREES_ABOVE
        )

    @model_validator(mode="before")
    @classmethod
    def _in_dollars(cls, data: Any) -> Any:
        return one_currency(data)

    @model_validator(mode="after")
    def _power_is_paid_once(self) -> Self:
        if self.power_included and (self.usd_per_kwh > 0 or self.usd_per_peak_kw > 0):
            raise InputError(
                "power_included: the rent has electricity in it, so usd_per_kwh and "
                f"usd_per_peak_kw must be 0, found {self.usd_per_kwh:g} and "
                f"{self.usd_per_peak_kw:g}"
            )
        return self
