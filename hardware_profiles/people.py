"""People: what an hour of somebody who looks after it costs the employer."""

from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import Field, model_validator

from hardware_profiles.price import one_currency
from hardware_profiles.profile import Positive, Profile

__all__ = ["People"]


class People(Profile):
    """A kind of engineer, with all that the employer pays.

    >>> round(People.named("us-platform-engineer").usd_per_hour, 2)
    115.38
    """

    shelf: ClassVar[Path] = Path(__file__).parent / "people"

    usd_per_year: Annotated[Positive, Field(le=5e6)]
    """Salary and all that comes on top of it [USD/a]."""
    hours_per_year: Annotated[Positive, Field(le=8760)] = 2080
    """Paid hours [h/a]."""

    @property
    def usd_per_hour(self) -> float:
        """What an hour of work costs [USD/h]."""
        return self.usd_per_year / self.hours_per_year

    @model_validator(mode="before")
    @classmethod
    def _in_dollars(cls, data: Any) -> Any:
        return one_currency(data)
