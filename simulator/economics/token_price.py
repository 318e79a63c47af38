"""Token prices: dollars per million tokens from an hourly price and a rate, and what they hide."""

from __future__ import annotations

from simulator.economics.capital import HOURS_PER_MONTH

__all__ = ["margin", "request_price", "tokens_per_month", "usd_per_million_tokens"]


def usd_per_million_tokens(usd_per_hour: float, tokens_per_s: float) -> float:
    r"""Cost of a million tokens at full load: $c / (3600\, t) \cdot 10^6$. [USD]

    It knows of no idle time: at a utilization u it is 1/u times as much.

    Parameters
    ----------
    usd_per_hour : of all the GPUs that together make the tokens.
    tokens_per_s : what they make.

    >>> round(usd_per_million_tokens(1.30, 1000.0), 4)
    0.3611
    """
    return usd_per_hour / (tokens_per_s * 3600 / 1e6)


def tokens_per_month(
    tokens_per_s: float, utilization: float = 1.0, hours: float = HOURS_PER_MONTH
) -> float:
    """Tokens that a month of so much work makes.

    >>> tokens_per_month(100.0, 0.5) / 1e6
    131.4
    """
    return tokens_per_s * 3600 * hours * utilization


def margin(price: float, cost: float) -> float:
    """Share of the price that is not cost.

    >>> round(margin(1.35, 0.226), 3)
    0.833
    """
    return 1.0 - cost / price


def request_price(
    input_tokens: float,
    output_tokens: float,
    usd_in: float,
    usd_out: float,
    cached_tokens: float = 0.0,
    usd_cached: float | None = None,
) -> float:
    """What an endpoint charges for a request. [USD]

    Parameters
    ----------
    input_tokens : of the prompt, cached ones included.
    cached_tokens : of those, found in the provider's cache.
    usd_in, usd_out : per million tokens.
    usd_cached : per million cached ones; the price of input if not given.

    >>> request_price(1500, 300, 0.75, 4.50, cached_tokens=500, usd_cached=0.075)
    0.0021375
    """
    if cached_tokens > input_tokens:
        raise ValueError(f"{cached_tokens} cached of {input_tokens} input tokens")
    cached = usd_in if usd_cached is None else usd_cached
    fresh = input_tokens - cached_tokens
    return (fresh * usd_in + cached_tokens * cached + output_tokens * usd_out) / 1e6
