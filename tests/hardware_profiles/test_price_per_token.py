"""Prices per token: each kind of token at its rate, long prompts whole at theirs."""

import numpy as np
import pytest

from hardware_profiles.errors import InputError
from hardware_profiles.price_per_token import TokenPrice

PLAIN = {
    "name": "toy", "source": "made up", "checked": "2026-01-01", "confidence": "C",
    "provider": "nobody", "model": "toy", "rates": {"input": 3, "cached": 0.3, "output": 15},
}  # fmt: skip
TIERED = {
    **PLAIN,
    "tiers": [{"above_tokens": 200_000, "rates": {"input": 6, "cached": 0.6, "output": 22.5}}],
}


@pytest.mark.parametrize("name", TokenPrice.names())
def test_the_shelf_is_sane(name: str) -> None:
    price = TokenPrice.named(name)
    assert 0 < price.rates.input <= price.rates.output <= 100
    assert price.rates.cached is None or price.rates.cached < price.rates.input


def test_cached_tokens_are_a_part_of_the_prompt() -> None:
    price = TokenPrice.parse(PLAIN)
    assert float(price.usd(1000, 0, cached=400)) == pytest.approx((600 * 3 + 400 * 0.3) / 1e6)
    with pytest.raises(ValueError, match="more tokens cached"):
        price.usd(100, 1, cached=101)


def test_a_tier_is_for_the_whole_request_and_only_for_that_one() -> None:
    price = TokenPrice.parse(TIERED)
    usd = price.usd(np.array([200_000, 200_001]), 0)
    assert usd == pytest.approx([0.6, 6 * 0.200001])
    # A million tokens in five requests is not a million tokens in one.
    assert 5 * float(price.usd(200_000, 0)) == pytest.approx(float(price.usd(1_000_000, 0)) / 2)


def test_batches_cost_their_share_where_they_are_sold() -> None:
    price = TokenPrice.parse({**PLAIN, "batch_factor": 0.5})
    assert float(price.usd(10, 10, batch=True)) == pytest.approx(float(price.usd(10, 10)) / 2)
    with pytest.raises(InputError, match="no price for batches"):
        TokenPrice.parse(PLAIN).usd(10, 10, batch=True)


def test_sources_that_disagree_are_marked() -> None:
    assert TokenPrice.named("fireworks-llama-3.1-8b").sources_disagree
    assert TokenPrice.named("groq-llama-3.3-70b").sources_disagree
    assert not TokenPrice.named("openai-gpt-5.4-mini").sources_disagree


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rates": {"input": -1, "output": 1}}, "rates.input: .*greater than or equal to 0"),
        ({"rates": {"input": 1e9, "output": 1}}, "rates.input: .*less than or equal to"),
        ({"rates": {"output": 1}}, "rates.input"),
        ({"source": ""}, "source"),
        ({"checked": "2999-01-01"}, "lies in the future"),
        ({"currency": "EUR"}, "EUR and USD cannot be added up"),
        ({"tiers": [{"above_tokens": 0, "rates": {"input": 1, "output": 1}}]}, "above_tokens"),
    ],
)
def test_a_price_that_cannot_be_believed_is_refused(
    changes: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        TokenPrice.parse({**PLAIN, **changes})


@pytest.mark.parametrize("key", ["source", "checked"])
def test_a_price_without_source_or_date_is_refused(key: str) -> None:
    with pytest.raises(InputError, match=key):
        TokenPrice.parse({name: value for name, value in PLAIN.items() if name != key})
