"""Price per token: what an endpoint charges for a request, cached, batched and long ones too."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field, model_validator

from hardware_profiles.errors import InputError
from hardware_profiles.price import DISAGREES_ABOVE, SecondSource, Share, one_currency
from hardware_profiles.profile import NotNegative, Profile, Text
from hardware_profiles.value import Value

__all__ = ["PriceChange", "Rates", "Tier", "TokenPrice"]

Rate = Annotated[NotNegative, Field(le=10_000)]


class Rates(Value):
    """Dollars per million tokens of each kind."""

    input: Rate
    output: Rate
    cached: Rate | None = None
    """Of a prompt, found in the provider's cache; the price of input where not given."""
    cache_write: Rate | None = None
    """Of a prompt, kept in the cache for later; the price of input where not given."""

    def usd(
        self, prompt: ArrayLike, cached: ArrayLike, written: ArrayLike, output: ArrayLike
    ) -> NDArray[np.float64]:
        """Cost of requests; `prompt` counts cached and written tokens too. [USD]"""
        tokens_in, read, kept = (np.asarray(x, np.float64) for x in (prompt, cached, written))
        if (read + kept > tokens_in).any():
            raise ValueError("more tokens cached and written than the prompt has")
        price_read = self.input if self.cached is None else self.cached
        price_write = self.input if self.cache_write is None else self.cache_write
        fresh = tokens_in - read - kept
        usd = fresh * self.input + read * price_read + kept * price_write
        return np.asarray((usd + np.asarray(output, np.float64) * self.output) / 1e6)


class Tier(Value):
    """Other rates, for the whole of a request whose prompt is longer than so many tokens."""

    above_tokens: Annotated[int, Field(ge=1)]
    rates: Rates


class PriceChange(Value):
    """Other rates from a day on, as the provider has announced them."""

    on: date
    rates: Rates


class TokenPrice(Profile):
    """What a model costs at a provider.

    >>> price = TokenPrice.named("deepinfra-llama-3.3-70b-turbo")
    >>> float(price.usd(1500, 300).round(8))
    0.000246
    """

    shelf: ClassVar[Path] = Path(__file__).parent / "prices_per_token"

    provider: Text
    model: Text
    rates: Rates
    tiers: tuple[Tier, ...] = ()
    batch_factor: Share | None = None
    """Price of a request that may take a day, over that of one that may not; none: not offered."""
    changes: tuple[PriceChange, ...] = ()
    """What is announced; the rates above hold until then."""
    second: SecondSource | None = None
    """What another source gives for a million input tokens."""

    def usd(
        self,
        prompt: ArrayLike,
        output: ArrayLike,
        cached: ArrayLike = 0.0,
        cache_write: ArrayLike = 0.0,
        *,
        batch: bool = False,
    ) -> NDArray[np.float64]:
        """Cost of each request, at the rates of its own length. [USD]

        Parameters
        ----------
        prompt : tokens, cached and written ones included; number or shape (n,).
        output, cached, cache_write : tokens; of the shape of `prompt`, or numbers.
        batch : at the price of those that can wait.

        Raises
        ------
        ValueError
            If a part of the prompt is larger than the prompt.
        InputError
            If the provider has no batches.
        """
        if batch and self.batch_factor is None:
            raise InputError(f"{self.name}: {self.provider} has no price for batches")
        tokens = np.asarray(prompt, np.float64)
        usd = self.rates.usd(tokens, cached, cache_write, output)
        for tier in self.tiers:
            dearer = tier.rates.usd(tokens, cached, cache_write, output)
            usd = np.where(tokens > tier.above_tokens, dearer, usd)
        return np.asarray(usd * (self.batch_factor if batch and self.batch_factor else 1.0))

    def announced(
        self,
        days: Sequence[date],
        prompt: float,
        output: float,
        cached: float = 0.0,
        cache_write: float = 0.0,
    ) -> tuple[float, ...]:
        """Price of a request on days to come, over what it costs at today's rates.

        >>> TokenPrice.named("google-gemini-3.8-flash").announced(
        ...     [date(2026, 12, 1), date(2027, 1, 1)], 1000, 200
        ... )
        (1.0, 2.0)
        """
        parts = (prompt, cached, cache_write, output)
        today = float(self.rates.usd(*parts))
        found = []
        for day in days:
            due = [change.rates for change in self.changes if change.on <= day]
            usd = float(due[-1].usd(*parts)) if due else today
            found.append(usd / today if today > 0 else 1.0)
        return tuple(found)

    @property
    def sources_disagree(self) -> bool:
        """Whether there is a second source, and it gives another price."""
        second = self.second
        return second is not None and second.disagreement(self.rates.input) > DISAGREES_ABOVE

    @model_validator(mode="before")
    @classmethod
    def _in_dollars(cls, data: Any) -> Any:
        return one_currency(data)

    @model_validator(mode="after")
    def _tiers_rise(self) -> Self:
        starts = [tier.above_tokens for tier in self.tiers]
        if starts != sorted(set(starts)):
            raise InputError(f"tiers: above_tokens must rise from tier to tier, found {starts}")
        days = [change.on for change in self.changes]
        if days != sorted(set(days)):
            raise InputError("changes: the days must rise from change to change")
        return self
