"""Endpoints on the shelf can be read, and wrong ones are refused in one line."""

from typing import Any

import pytest

from hardware_profiles.endpoint import Endpoint
from hardware_profiles.errors import InputError

GIVEN: dict[str, Any] = {
    "name": "e", "source": "s", "checked": "2026-01-01", "confidence": "C", "provider": "p",
    "model": "m", "ttft_s": 0.5, "usd_per_million_input_tokens": 1,
    "usd_per_million_output_tokens": 4,
}  # fmt: skip


@pytest.mark.parametrize("name", Endpoint.names())
def test_every_endpoint_on_the_shelf_has_its_source(name: str) -> None:
    endpoint = Endpoint.named(name)
    assert endpoint.source
    assert endpoint.usd(1000, 0, 1000) > 0


def test_cached_tokens_cost_what_cached_tokens_cost() -> None:
    endpoint = Endpoint.parse({**GIVEN, "usd_per_million_cached_input_tokens": 0.25})
    assert endpoint.usd(1_000_000, 400_000, 0) == pytest.approx(0.6 + 0.1)
    assert Endpoint.parse(GIVEN).usd(1_000_000, 400_000, 0) == pytest.approx(1.0)


def test_the_hour_of_the_day_makes_it_slower() -> None:
    endpoint = Endpoint.parse({**GIVEN, "by_hour": [1.0] * 12 + [2.0] * 12})
    assert endpoint.hour_factor(11.9 * 3600) == 1
    assert endpoint.hour_factor(12.1 * 3600) == 2
    assert endpoint.hour_factor(25 * 3600) == 1
    assert endpoint.hour_factor(0.0, start_h=12.0) == 2
    assert endpoint.hour_factor(3600.0, start_h=23.5) == 1
    assert Endpoint.parse(GIVEN).hour_factor(1e9, start_h=3) == 1


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"by_hour": [1, 2]}, "by_hour: expected 24 factors, found 2"),
        ({"ttft_s": -1}, "ttft_s: .*found -1"),
        ({"tokens_per_s": 0}, "tokens_per_s: .*found 0"),
        ({"requests_per_minut": 3}, "did you mean 'requests_per_minute'"),
        ({"requests_per_minute": 0}, "requests_per_minute: .*found 0"),
        ({"tokens_per_minute": -5}, "tokens_per_minute: .*found -5"),
        ({"tokens_per_minute": float("nan")}, "tokens_per_minute: .*found nan"),
        ({"input_tokens_per_minute": 0}, "input_tokens_per_minute: .*found 0"),
        ({"input_tokens_per_minute": float("inf")}, "input_tokens_per_minute: .*found inf"),
        ({"output_tokens_per_minute": -1}, "output_tokens_per_minute: .*found -1"),
        ({"output_tokens_per_minute": "many"}, "output_tokens_per_minute: .*found 'many'"),
        ({"by_hour": [1.0] * 23 + [0]}, "by_hour.23: .*found 0"),
        ({"ttft_sigma": 3.5}, "ttft_sigma: .*found 3.5"),
        ({"tokens_per_s_sigma": float("nan")}, "tokens_per_s_sigma: .*found nan"),
        ({"mtbf_h": 0}, "mtbf_h: .*found 0"),
        ({"outage_s": float("inf")}, "outage_s: .*found inf"),
        ({"cache_ttl_s": 0}, "cache_ttl_s: .*found 0"),
        ({"cache_min_tokens": -1}, "cache_min_tokens: .*found -1"),
        ({"usd_per_million_output_tokens": 1e9}, "usd_per_million_output_tokens: .*found 1"),
    ],
)
def test_a_wrong_one_is_refused(change: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says) as told:
        Endpoint.parse({**GIVEN, **change})
    assert "\n" not in str(told.value)
