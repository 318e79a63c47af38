"""Price: what a number of dollars must have about it to be believed: bounds, a second source."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any

from pydantic import Field, field_validator

from hardware_profiles.errors import InputError
from hardware_profiles.profile import NotNegative, Text
from hardware_profiles.value import Value

__all__ = ["DISAGREES_ABOVE", "SecondSource", "Share", "one_currency", "read_before_today"]

Share = Annotated[float, Field(ge=0, le=1)]
DISAGREES_ABOVE = 0.05
"""Two sources that differ by more than this share of the price disagree."""

OTHER_MONEY = ("eur", "gbp", "cny", "jpy", "chf", "inr", "aud", "cad")


class SecondSource(Value):
    """The same price as somebody else gives it."""

    usd: NotNegative | None
    """Price in the unit of the entry it stands in; null: they have no such thing (any more)."""
    source: Text
    checked: date

    @field_validator("checked", mode="after")
    @classmethod
    def _not_in_the_future(cls, checked: date) -> date:
        return read_before_today(checked)

    def disagreement(self, usd: float) -> float:
        """By what share of `usd` this differs from it; infinite where the thing is not known.

        >>> second = {"usd": 1.04, "source": "their list", "checked": "2026-11-22"}
        >>> round(SecondSource.parse(second).disagreement(0.88), 3)
        0.182
        """
        if self.usd is None:
            return float("inf")
        return abs(self.usd - usd) / usd if usd > 0 else float(self.usd > 0)


def read_before_today(checked: date) -> date:
    """Refuse a day on which nobody can have read anything yet."""
    if checked > date.today():
        raise InputError(f"{checked} lies in the future; give the day the source was read")
    return checked


def one_currency(data: Any) -> Any:
    """Refuse prices that are not in US dollars, before pydantic calls them unknown keys.

    >>> one_currency({"usd_per_kwh": 0.146})
    {'usd_per_kwh': 0.146}
    """
    if not isinstance(data, Mapping):
        return data
    named = data.get("currency", "USD")
    if str(named).upper() != "USD":
        raise InputError(
            f"currency: {named} and USD cannot be added up; give USD, and the rate in `notes`"
        )
    for key in data:
        if str(key).lower().split("_")[0] in OTHER_MONEY:
            raise InputError(
                f"{key}: all prices are in USD; give usd_{str(key).split('_', 1)[-1]}, "
                "and the rate you converted at in `notes`"
            )
    return {key: value for key, value in data.items() if key != "currency"}
