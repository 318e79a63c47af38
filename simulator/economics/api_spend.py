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
    output_usd: Floats

    @property
    def usd(self) -> Floats:
        return np.asarray(self.input_usd + self.cached_usd + self.output_usd)


def api_spend(
    price: TokenPrice,
    prompt: ArrayLike,
    output: ArrayLike,
    cached: ArrayLike = 0.0,
    batch_share: float = 0.0,
) -> Spend:
    """Price requests one by one: tiers depend on the length of each.

    Parameters
    ----------
    prompt, output, cached : tokens of each request; cached ones are a part of the prompt.
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
    whole = price.usd(tokens, out, read)
    prompts = price.usd(tokens, 0.0, read)
    # All of the prompt at the price of cached tokens, of which so many are.
    read_usd = price.usd(tokens, 0.0, tokens) * np.divide(
        read, tokens, out=np.zeros_like(tokens), where=tokens > 0
    )
    factor = 1.0 - batch_share * (1.0 - (price.batch_factor or 0.0)) if batch_share else 1.0
    return Spend((prompts - read_usd) * factor, read_usd * factor, (whole - prompts) * factor)


def api_lines(
    price: TokenPrice,
    prompt: ArrayLike,
    output: ArrayLike,
    cached: ArrayLike = 0.0,
    batch_share: float = 0.0,
    prefix: str = "api",
) -> list[CostLine]:
    """Cost lines of requests bought by the token."""
    spend = api_spend(price, prompt, output, cached, batch_share)
    tokens = {
        "input": float(np.sum(prompt) - np.sum(cached)),
        "cached": float(np.sum(cached)),
        "output": float(np.sum(output)),
    }
    rates = {
        "input": price.rates.input,
        "cached": price.rates.input if price.rates.cached is None else price.rates.cached,
        "output": price.rates.output,
    }
    usd = {"input": spend.input_usd, "cached": spend.cached_usd, "output": spend.output_usd}
    return [
        cost_line(
            f"{prefix}_{kind}",
            max(0.0, float(usd[kind].sum())),
            "API",
            f"{kind} tokens x price per million, long prompts at theirs, batches at theirs",
            {"M tokens": tokens[kind] / 1e6, "USD/M": rates[kind], "batched": batch_share},
            price,
            work=1.0,
            marginal=1.0,
        )
        for kind in usd
    ]
