"""Endpoint: somebody else's API that serves a model, with its price, speed and limits."""

from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import Field, model_validator

from hardware_profiles.errors import InputError
from hardware_profiles.price import one_currency
from hardware_profiles.profile import NotNegative, Positive, Profile, Text

__all__ = ["Endpoint"]

Sigma = Annotated[float, Field(ge=0, le=3)]
Rate = Annotated[NotNegative, Field(le=10_000)]
HOURS = 24


class Endpoint(Profile):
    """A paid API as its client sees it.

    Time to the first token and speed are lognormal, given by their median and the standard
    deviation of their logarithm, and independent of what this client sends.

    >>> together = Endpoint.named("together-llama-3.3-70b")
    >>> together.usd(prompt_tokens=1000, cached_tokens=0, output_tokens=500) * 1000
    1.56
    """

    shelf: ClassVar[Path] = Path(__file__).parent / "endpoints"

    provider: Text
    model: Text
    """What it serves, in the provider's words."""
    usd_per_million_input_tokens: Rate
    usd_per_million_output_tokens: Rate
    usd_per_million_cached_input_tokens: Rate | None = None
    """Of prompt tokens the endpoint has seen lately; None: no discount."""
    cache_ttl_s: Positive = 300.0
    """For so long after its last use a prefix is known. [s]"""
    cache_min_tokens: Annotated[int, Field(ge=0)] = 1024
    """A shorter prefix is charged in full."""
    ttft_s: NotNegative
    """Median time to the first token of a short prompt. [s]"""
    ttft_sigma: Sigma = 0.0
    ttft_s_per_1k_prompt_tokens: NotNegative = 0.0
    """More for each thousand tokens of prompt. [s]"""
    tokens_per_s: Positive | None = None
    """Median speed of one answer; None: it comes all at once. [tokens/s]"""
    tokens_per_s_sigma: Sigma = 0.0
    by_hour: tuple[Positive, ...] = ()
    """Factor on both times for each of the 24 hours of the day; none: always 1."""
    requests_per_minute: Positive | None = None
    """More are answered with 429; None: no limit. What is not used comes back evenly, up to a
    minute's worth (`simulator.fleet.allowance`); so it is with the limits on tokens."""
    tokens_per_minute: Positive | None = None
    """Prompts and answers together."""
    input_tokens_per_minute: Positive | None = None
    """Prompts alone, where a provider limits the two apart."""
    output_tokens_per_minute: Positive | None = None
    """Answers alone."""
    mtbf_h: Positive | None = None
    """Mean time between outages, exponential; None: there are none. [h]"""
    outage_s: Positive = 600.0
    """Mean length of an outage, exponential. [s]"""

    @model_validator(mode="before")
    @classmethod
    def _in_dollars(cls, data: Any) -> Any:
        return one_currency(data)

    @model_validator(mode="after")
    def _whole_day(self) -> "Endpoint":
        if self.by_hour and len(self.by_hour) != HOURS:
            raise InputError(f"by_hour: expected {HOURS} factors, found {len(self.by_hour)}")
        return self

    def usd(self, prompt_tokens: int, cached_tokens: int, output_tokens: int) -> float:
        """Price of one call. [USD]"""
        cached = self.usd_per_million_cached_input_tokens
        if cached is None:
            cached = self.usd_per_million_input_tokens
        fresh = (prompt_tokens - cached_tokens) * self.usd_per_million_input_tokens
        out = output_tokens * self.usd_per_million_output_tokens
        return (fresh + cached_tokens * cached + out) / 1e6

    def hour_factor(self, now_s: float, start_h: float = 0.0) -> float:
        """Factor on its times at an instant of a run that begins at that hour of the day."""
        if not self.by_hour:
            return 1.0
        return self.by_hour[int(now_s / 3600 + start_h) % HOURS]
