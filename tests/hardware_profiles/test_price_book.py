"""The price list and its traps."""

from datetime import UTC, date, datetime

import numpy as np
import pytest

from hardware_profiles.errors import InputError
from hardware_profiles.price_book import price_changes, providers, token_price
from hardware_profiles.price_per_token import TokenPrice

DAY = date(2026, 11, 22)


def test_the_published_example_comes_out() -> None:
    # genai-prices' own: 4,740 tokens in, 4,735 of them written to the cache, 255 out.
    price = token_price("anthropic", "claude-sonnet-4-0", DAY)
    assert float(price.usd(4740, 255, cache_write=4735)) == pytest.approx(0.02159625, abs=1e-12)


def test_the_day_must_be_named_and_prices_to_come_are_known() -> None:
    with pytest.raises(TypeError):
        token_price("google", "gemini-3.8-flash")  # type: ignore[call-arg]
    now = token_price("google", "gemini-3.8-flash", DAY)
    then = token_price("google", "gemini-3.8-flash", date(2027, 1, 1))
    assert (then.rates.input, then.rates.output) == (
        2 * now.rates.input,
        2 * now.rates.output,
    )
    path = price_changes("google", "gemini-3.8-flash", date(2026, 11, 1), date(2027, 2, 1))
    assert [price.rates.input for price in path.values()] == [0.75, 0.75, 1.5, 1.5]


def test_tiers_are_for_the_whole_request() -> None:
    price = token_price("openai", "gpt-5.6-sol", DAY)
    assert (price.rates.input, price.rates.output) == (4.0, 20.0)
    assert [(t.above_tokens, t.rates.input) for t in price.tiers] == [(272_000, 8.0)]
    # A million tokens of ordinary requests are at the base rate.
    assert float(price.usd(1000, 0)) * 1000 == pytest.approx(4.0)
    assert float(price.usd(1_000_000, 0)) == pytest.approx(8.0)


def test_parts_of_the_prompt_cannot_exceed_it() -> None:
    with pytest.raises(ValueError, match="more tokens cached"):
        token_price("anthropic", "claude-haiku-4-5", DAY).usd(100, 10, cached=80, cache_write=40)


def test_a_batch_price_that_is_the_ordinary_one_is_not_believed() -> None:
    together = "meta-llama/Llama-3.3-70B-Instruct-Turbo"
    assert token_price("together", together, DAY).batch_factor is None
    assert token_price("together", together, DAY, batch_factor=0.5).batch_factor == 0.5
    assert token_price("anthropic", "claude-haiku-4-5", DAY).batch_factor == pytest.approx(0.5)


def test_every_model_is_found_by_its_own_id() -> None:
    for provider in ("fireworks", "aws"):
        for entry in providers()[provider].models:
            prices = entry.get_prices(datetime(2026, 11, 22, tzinfo=UTC))
            if prices.input_mtok is not None and prices.output_mtok is not None:
                assert token_price(provider, entry.id, DAY).model == entry.id


def test_another_name_of_a_model_is_told() -> None:
    assert "is another name of gpt-5.6-sol" in token_price("openai", "gpt-5.6", DAY).notes


def test_the_list_says_when_it_was_read_and_where() -> None:
    price = token_price("openai", "gpt-5.4-mini", DAY)
    assert price.source.startswith("genai-prices ")
    assert price.checked == DAY


def test_our_arithmetic_is_that_of_the_list() -> None:
    from genai_prices import Usage, calc_price

    at = datetime(2026, 11, 22, tzinfo=UTC)
    rng = np.random.default_rng(0)
    for provider, model in (("openai", "gpt-5.6-sol"), ("anthropic", "claude-sonnet-5")):
        price = token_price(provider, model, DAY)
        prompt = rng.integers(1, 400_000, 30)
        cached = (prompt * rng.random(30)).astype(int)
        output = rng.integers(1, 4000, 30)
        theirs = [
            calc_price(
                Usage(input_tokens=int(p), cache_read_tokens=int(c), output_tokens=int(o)),
                model,
                provider_id=provider,
                genai_request_timestamp=at,
            ).total_price
            for p, c, o in zip(prompt, cached, output, strict=True)
        ]
        assert price.usd(prompt, output, cached) == pytest.approx([float(usd) for usd in theirs])


@pytest.mark.parametrize(
    "name",
    [
        "openai-gpt-5.4-mini", "openai-gpt-5.6-luna", "openai-gpt-5.6-terra",
        "anthropic-claude-sonnet-5", "anthropic-claude-haiku-4-5", "google-gemini-3.8-flash",
        "groq-llama-3.3-70b", "novita-llama-3.3-70b",
    ],
)  # fmt: skip
def test_the_shelf_says_what_the_list_says(name: str) -> None:
    ours = TokenPrice.named(name)
    listed = token_price(ours.provider, ours.model, DAY)
    assert ours.rates == listed.rates
    assert ours.tiers == listed.tiers
    assert ours.changes == listed.changes
    assert ours.batch_factor == listed.batch_factor


def test_who_is_not_in_the_list_is_refused() -> None:
    with pytest.raises(InputError, match="no provider is called 'deepinfra'"):
        token_price("deepinfra", "x", DAY)
    with pytest.raises(InputError, match=r"did you mean 'gpt-5\.4-mini'"):
        token_price("openai", "gpt-5.4-mimi-x", DAY)
