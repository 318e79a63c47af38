"""Price book: list prices of models from the `genai-prices` data set, on a day that is named.

It ships with the package and needs no network. Its traps are met here, so that nobody else has to:
the day is never today by default, tiers are kept apart, a batch price that is silently the ordinary
one is not believed, names that resolve to another model are told.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from hardware_profiles.errors import InputError, did_you_mean
from hardware_profiles.price import SecondSource
from hardware_profiles.price_per_token import TokenPrice

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, ModelPrice, Provider

__all__ = ["price_changes", "providers", "token_price"]

FIELDS = {
    "input": "input_mtok",
    "output": "output_mtok",
    "cached": "cache_read_mtok",
    "cache_write": "cache_write_mtok",
}
BATCH = {"processing": "batch"}
YEARS_AHEAD = 5
"""For which announced changes are looked for."""


def token_price(
    provider: str,
    model: str,
    on: date,
    *,
    batch_factor: float | None = None,
    second: SecondSource | None = None,
) -> TokenPrice:
    """Price of a model at a provider, as the list has it for a day, with the changes announced.

    Parameters
    ----------
    on : day of the requests. Announced changes are in the list, so it may lie in the future.
    batch_factor : price of batches over the ordinary one, where the list has none of its own.
    second : what another source says of a million input tokens.

    Raises
    ------
    InputError
        If the list has no such provider or model, or the model has no price per token.

    >>> price = token_price("openai", "gpt-5.4-mini", date(2026, 11, 22))
    >>> price.rates.input, price.rates.cached, price.rates.output, price.batch_factor
    (0.75, 0.075, 4.5, 0.5)
    """
    seller = _provider(provider)
    entry = _model(seller, model)
    at = _noon(on)
    listed = entry.get_prices(at)
    if listed.input_mtok is None or listed.output_mtok is None:
        raise InputError(f"{provider}/{model}: the price list has no price per token for it")
    starts = sorted({tier.start for field in FIELDS.values() for tier in _tiers(listed, field)})
    package = f"genai-prices {version('genai-prices')}"
    notes = f"{entry.price_comments or ''} List price on {on}.".strip()
    if entry.id.lower() != model.lower():
        notes += f" {model!r} is another name of {entry.id}."
    return TokenPrice.parse(
        {
            "name": f"{provider}-{entry.id}".replace("/", "-"),
            "source": f"{package}, {', '.join(map(str, seller.pricing_urls or ()))}".rstrip(", "),
            # The list says of no entry when it was checked: it is as old as the package, at most.
            "checked": min(on, date.today()),
            "confidence": "B",
            "notes": notes,
            "provider": provider,
            "model": entry.id,
            "rates": _rates(listed, 0),
            "tiers": [{"above_tokens": s, "rates": _rates(listed, s)} for s in starts],
            "changes": _changes(entry, on),
            "batch_factor": _batch_factor(entry, listed, at, batch_factor),
            "second": second,
        }
    )


def price_changes(provider: str, model: str, first: date, last: date) -> dict[date, TokenPrice]:
    """Prices by the first day of each month between two days: a path for a projection."""
    months = range(first.year * 12 + first.month - 1, last.year * 12 + last.month)
    days = [date(month // 12, month % 12 + 1, 1) for month in months]
    return {day: token_price(provider, model, day) for day in days}


def _noon(day: date) -> datetime:
    """Noon, as a price that changes at midnight in some place has changed by then."""
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


def _changes(entry: ModelInfo, on: date) -> list[dict[str, Any]]:
    """Changes that the list has announced for the years after a day, to the day."""
    found = []
    before = _rates(entry.get_prices(_noon(on)), 0)
    for week in range(YEARS_AHEAD * 52):
        first = on + timedelta(weeks=week)
        if _rates(entry.get_prices(_noon(first + timedelta(weeks=1))), 0) == before:
            continue
        for day in (first + timedelta(days=n) for n in range(1, 8)):
            rates = _rates(entry.get_prices(_noon(day)), 0)
            if rates != before and rates["input"] is not None and rates["output"] is not None:
                found.append({"on": day, "rates": rates})
                before = rates
    return found


@cache
def providers() -> dict[str, Provider]:
    """Who is in the list."""
    from genai_prices.data import providers as listed

    return {provider.id: provider for provider in listed}


def _provider(name: str) -> Provider:
    known = providers()
    if name not in known:
        raise InputError(f"no provider is called {name!r}; {did_you_mean(name, known)}")
    return known[name]


def _model(provider: Provider, name: str) -> ModelInfo:
    """Entry of a model: by its own id first, as not every id finds itself."""
    for entry in provider.models:
        if entry.id.lower() == name.lower():
            return entry
    found = provider.find_model(name)
    if found is None:
        ids = [entry.id for entry in provider.models]
        nearest = did_you_mean(name, ids)
        if len(ids) > 12:
            nearest = nearest.split("?")[0] + "?" if "?" in nearest else f"it has {len(ids)} others"
        raise InputError(f"{provider.id} has no model called {name!r}; {nearest}")
    return found


def _tiers(price: ModelPrice, field: str) -> list[Any]:
    return list(getattr(getattr(price, field), "tiers", ()))


def _rates(price: ModelPrice, above: int) -> dict[str, float | None]:
    """Rates of a request longer than `above` tokens."""
    return {kind: _rate(getattr(price, field), above) for kind, field in FIELDS.items()}


def _rate(value: Any, above: int) -> float | None:
    if value is None:
        return None
    if isinstance(value, Decimal | int | float):
        return float(value)
    reached = [tier.price for tier in value.tiers if tier.start <= above]
    return float(reached[-1] if reached else value.base)


def _batch_factor(
    entry: ModelInfo, listed: ModelPrice, at: datetime, configured: float | None
) -> float | None:
    """Price of a batch over the ordinary one; the list falls back to the ordinary in silence."""
    batched = entry.get_prices(at, BATCH)
    ordinary, cheaper = _rates(listed, 0), _rates(batched, 0)
    if cheaper == ordinary:
        return configured
    out, out_batch = ordinary["output"], cheaper["output"]
    factor = out_batch / out if out and out_batch is not None else None
    if factor is not None and ordinary["input"] and cheaper["input"] is not None:
        # One factor for all kinds of tokens; where they differ, the dearer one.
        factor = max(factor, cheaper["input"] / ordinary["input"])
    return factor
