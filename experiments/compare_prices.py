"""Prices per token in a comparison: of the shelf, written out, or of the price list on a day."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from hardware_profiles.price import Share
from hardware_profiles.price_book import token_price
from hardware_profiles.price_per_token import TokenPrice
from hardware_profiles.profile import Text
from hardware_profiles.value import Value

__all__ = ["Listed", "Priced", "priced"]


class Listed(Value):
    """A model of the `genai-prices` list: who sells it, its name there, the day of the price.

    >>> price = priced({"listed": "openai/gpt-5.4-mini", "on": "2026-11-22"})
    >>> price.rates.output
    4.5
    """

    listed: Annotated[Text, Field(pattern=r"^[^/]+/.+")]
    """Provider/model."""
    on: date
    """The day the price is of: there is no default, else the same file would say another thing
    tomorrow."""
    batch_factor: Share | None = None
    """Price of batches over the ordinary one, where the list has none."""


def priced(data: Any) -> Any:
    """The price that a mapping with the key ``listed`` names; anything else as it is."""
    if not (isinstance(data, Mapping) and "listed" in data):
        return data
    named = Listed.parse(data)
    provider, _, model = named.listed.partition("/")
    return token_price(provider, model, named.on, batch_factor=named.batch_factor)


Priced = Annotated[TokenPrice, BeforeValidator(priced)]
