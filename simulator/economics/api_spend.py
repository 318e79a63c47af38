"""API spend: what an endpoint charges for requests, by kind of token."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hardware_profiles.errors import InputError
from hardware_profiles.price_per_token import TokenPrice
from simulator.economics.cost_line import CostLine, cost_line

__all__ = ["Spend", "api_lines", "api_spend"]

Floats = NDArray[np.float64]


class Spend(NamedTuple):
    """Cost of each request by kind of token, shape (requests,). [USD]"""

    input_usd: Floats
    """Of prompt tokens that were not cached."""
    cached_usd: Floats
    written_usd: Floats
    """Of prompt tokens kept in the cache for later, where that has a price."""
    output_usd: Floats

    @property
    def usd(self) -> Floats:
        return np.asarray(self.input_usd + self.cached_usd + self.written_usd + self.output_usd)


def api_spend(
    price: TokenPrice,
    prompt: ArrayLike,
    output: ArrayLike,
    cached: ArrayLike = 0.0,
    batch_share: float = 0.0,
    written: ArrayLike = 0.0,
) -> Spend:
    """Price requests one by one: tiers depend on the length of each.

    Parameters
    ----------
    prompt, output, cached : tokens of each request; cached ones are a part of the prompt.
    written : tokens of the prompt that are kept in the cache, other ones than the cached.
    batch_share : of the requests, those that can wait for the price of batches; the share is taken
        of each.

    >>> price = TokenPrice.named("openai-gpt-5.4-mini")
    >>> float(api_spend(price, [1500], [300], [500]).usd.round(7)[0])
    0.0021375
    """
    if not 0 <= batch_share <= 1:
        raise InputError(f"batch_share: expected a share, found {batch_share}")
    if batch_share > 0 and price.batch_factor is None:
        raise InputError(f"batch_share: {price.name} has no price for batches")
    tokens, out = np.atleast_1d(np.asarray(prompt, np.float64)), np.asarray(output, np.float64)
    read = np.broadcast_to(np.asarray(cached, np.float64), tokens.shape)
    out = np.broadcast_to(out, tokens.shape)
    kept = np.broadcast_to(np.asarray(written, np.float64), tokens.shape)
    whole = price.usd(tokens, out, read, kept)
    prompts = price.usd(tokens, 0.0, read, kept)

    def part(all_of_it: Floats, some: Floats) -> Floats:
        """All of the prompt at a price, of which so many tokens are."""
        return all_of_it * np.divide(some, tokens, out=np.zeros_like(tokens), where=tokens > 0)

    read_usd = part(price.usd(tokens, 0.0, tokens), read)
    kept_usd = part(price.usd(tokens, 0.0, 0.0, tokens), kept)
    factor = 1.0 - batch_share * (1.0 - (price.batch_factor or 0.0)) if batch_share else 1.0
    fresh_usd = prompts - read_usd - kept_usd
    return Spend(*(usd * factor for usd in (fresh_usd, read_usd, kept_usd, whole - prompts)))


def api_lines(
    price: TokenPrice,
    prompt: ArrayLike,
    output: ArrayLike,
    cached: ArrayLike = 0.0,
    batch_share: float = 0.0,
    prefix: str = "api",
    written: ArrayLike = 0.0,
) -> list[CostLine]:
    """Cost lines of requests bought by the token; parameters as in `api_spend`."""
    spend = api_spend(price, prompt, output, cached, batch_share, written)
    rates = price.rates
    tokens = {
        "input": float(np.sum(prompt) - np.sum(cached) - np.sum(written)),
        "cached": float(np.sum(cached)),
        "cache_write": float(np.sum(written)),
        "output": float(np.sum(output)),
    }
    each = {
        "input": rates.input,
        "cached": rates.input if rates.cached is None else rates.cached,
        "cache_write": rates.input if rates.cache_write is None else rates.cache_write,
        "output": rates.output,
    }
    usd = dict(zip(tokens, spend, strict=True))
    if rates.cache_write is None:
        usd["input"] = usd["input"] + usd.pop("cache_write")
        tokens["input"] += tokens["cache_write"]
    return [
        cost_line(
            f"{prefix}_{kind}",
            max(0.0, float(usd[kind].sum())),
            "API",
            f"{kind} tokens x price per million, long prompts at theirs, batches at theirs",
            {"M tokens": tokens[kind] / 1e6, "USD/M": each[kind], "batched": batch_share},
            price,
            work=1.0,
            marginal=1.0,
        )
        for kind in usd
    ]
