"""No price is believed that has no source or date, is of tomorrow, in other money, or absurd."""

from __future__ import annotations

from typing import Any

import pytest

from hardware_profiles.endpoint import Endpoint
from hardware_profiles.errors import InputError
from hardware_profiles.offer import Offer
from hardware_profiles.people import People
from hardware_profiles.price_per_token import TokenPrice
from hardware_profiles.profile import Profile
from hardware_profiles.server import Server
from hardware_profiles.site import Site
from simulator.economics.overheads import Overheads

PRICED: dict[type[Profile], str] = {
    Offer: "usd_per_gpu_hour",
    TokenPrice: "rates.output",
    Endpoint: "usd_per_million_output_tokens",
    Server: "usd",
    Site: "usd_per_kwh",
    People: "usd_per_year",
    Overheads: "tooling_usd",
}
"""Each kind of entry with dollars in it, and one of its prices."""
ENTRIES = [(kind, name) for kind in PRICED for name in kind.names()]
NAN, INFINITE = float("nan"), float("inf")


def entry(kind: type[Profile]) -> dict[str, Any]:
    return dict(kind._raw(kind.names()[0]))


def refused(kind: type[Profile], changed: dict[str, Any]) -> str:
    with pytest.raises(InputError) as found:
        kind.parse(changed)
    assert "\n" not in str(found.value)
    return str(found.value)


def repriced(kind: type[Profile], usd: float) -> dict[str, Any]:
    keys, changed = PRICED[kind].split("."), entry(kind)
    if len(keys) == 1:
        return {**changed, keys[0]: usd}
    return {**changed, keys[0]: {**changed[keys[0]], keys[1]: usd}}


@pytest.mark.parametrize(("kind", "name"), ENTRIES)
def test_every_price_on_the_shelves_has_source_date_and_confidence(
    kind: type[Profile], name: str
) -> None:
    found = kind.named(name)
    assert len(found.source) > 5
    assert found.checked.year >= 2025
    assert found.confidence in ("A", "B", "C")


@pytest.mark.parametrize("kind", PRICED)
@pytest.mark.parametrize("usd", [-1.0, 1e12, NAN, INFINITE, "cheap", None])
def test_an_amount_that_cannot_be_is_refused_by_its_key(kind: type[Profile], usd: Any) -> None:
    assert PRICED[kind] in refused(kind, repriced(kind, usd))


@pytest.mark.parametrize("kind", PRICED)
@pytest.mark.parametrize("key", ["source", "checked", "confidence"])
def test_a_price_from_nowhere_is_refused(kind: type[Profile], key: str) -> None:
    changed = entry(kind)
    del changed[key]
    assert key in refused(kind, changed)


@pytest.mark.parametrize("kind", PRICED)
def test_a_price_read_tomorrow_is_refused(kind: type[Profile]) -> None:
    assert "lies in the future" in refused(kind, {**entry(kind), "checked": "2999-01-01"})
    assert "checked" in refused(kind, {**entry(kind), "checked": "lately"})


@pytest.mark.parametrize("kind", PRICED)
def test_money_of_two_countries_is_not_added_up(kind: type[Profile]) -> None:
    assert "cannot be added up" in refused(kind, {**entry(kind), "currency": "EUR"})
    assert "all prices are in USD" in refused(kind, {**entry(kind), "eur_per_thing": 3.0})
