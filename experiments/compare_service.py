"""Service: how fast an endpoint answers and what it refuses; with a price, an endpoint."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from pydantic import Field, field_validator, model_validator

from hardware_profiles.endpoint import Endpoint
from hardware_profiles.price import read_before_today
from hardware_profiles.price_per_token import TokenPrice
from hardware_profiles.profile import NotNegative, Positive, Text
from hardware_profiles.value import Value

__all__ = ["Service", "endpoint_of"]

Sigma = Annotated[float, Field(ge=0, le=3)]


class Service(Value):
    """Speed and limits of an endpoint, written out or by the name of one on the shelf."""

    source: Text
    checked: date
    cache_ttl_s: Positive = 300.0
    """For so long after its last use the provider knows a prefix [s]."""
    cache_min_tokens: Annotated[int, Field(ge=0)] = 1024
    ttft_s: NotNegative
    """Median time to the first token of a short prompt [s]."""
    ttft_sigma: Sigma = 0.0
    """Standard deviation of its logarithm."""
    ttft_s_per_1k_prompt_tokens: NotNegative = 0.0
    tokens_per_s: Positive | None = None
    """Median speed of one answer; none: it comes all at once [tokens/s]."""
    tokens_per_s_sigma: Sigma = 0.0
    by_hour: tuple[Positive, ...] = ()
    requests_per_minute: Positive | None = None
    tokens_per_minute: Positive | None = None
    """Prompts and answers together; more are answered with 429, as more requests are."""
    input_tokens_per_minute: Positive | None = None
    output_tokens_per_minute: Positive | None = None
    mtbf_h: Positive | None = None
    """Mean time between outages [h]."""
    outage_s: Positive = 600.0

    @model_validator(mode="before")
    @classmethod
    def _of_the_shelf(cls, data: Any) -> Any:
        if isinstance(data, str):
            entry = Endpoint.named(data)
            return {name: getattr(entry, name) for name in cls.model_fields}
        return data

    @field_validator("checked", mode="after")
    @classmethod
    def _not_in_the_future(cls, checked: date) -> date:
        return read_before_today(checked)


def endpoint_of(service: Service, price: TokenPrice) -> Endpoint:
    """The endpoint that answers so and charges that; long prompts are priced afterwards.

    >>> price = TokenPrice.named("novita-llama-3.3-70b")
    >>> endpoint_of(Service.parse("together-llama-3.3-70b"), price).usd_per_million_input_tokens
    0.135
    """
    rates = price.rates
    return Endpoint.parse(
        {
            **dict(service),
            "name": price.name,
            "source": f"{price.source}; speed: {service.source}",
            "confidence": "C",
            "provider": price.provider,
            "model": price.model,
            "usd_per_million_input_tokens": rates.input,
            "usd_per_million_output_tokens": rates.output,
            "usd_per_million_cached_input_tokens": rates.cached,
        }
    )
