"""`servecast catalogue add-prices`: offers from a price table of SkyPilot, all of them or none."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from rich.table import Table
from rich.text import Text

from hardware_profiles.errors import InputError
from hardware_profiles.offer import Offer
from hardware_profiles.price_import import read_skypilot

__all__ = ["add_prices"]


def add_prices(
    table: Path,
    provider: str | None,
    checked: str | None,
    region: str | None,
    out: Path | None,
    console: Console,
) -> list[Path]:
    """Write an offer for each GPU and mode of a ``vms.csv``, the cheapest per GPU-hour.

    Parameters
    ----------
    table : the file, in SkyPilot's columns.
    provider : who sells.
    checked : the day on which the file was had, as 2026-11-22; the file does not say.
    region : only that one.
    out : folder to write into; the shelf of offers if not given.

    Raises
    ------
    InputError
        If the table or the day is wrong, nothing in it is of use, or an offer of a name is there
        already; nothing is written then.
    """
    if provider is None:
        raise InputError("add-prices: needs --provider, the one who sells")
    if checked is None:
        raise InputError("add-prices: needs --checked, the day on which the table was had")
    try:
        day = date.fromisoformat(checked)
    except ValueError:
        raise InputError(f"--checked: expected a day as 2026-11-22, found {checked!r}") from None
    if not table.is_file():
        raise InputError(f"{table}: there is no such file")
    offers = read_skypilot(table, provider, day, region)
    if not offers:
        where = f" in region {region}" if region else ""
        raise InputError(f"{table}: no price of a GPU that is on the shelf{where}")
    folder = out or Offer.shelf
    paths = [folder / f"{offer.name}.yaml" for offer in offers]
    for path in paths:
        if path.exists():
            raise InputError(f"{path}: is there already; take it away, or name a folder with --out")
    folder.mkdir(parents=True, exist_ok=True)
    for path, offer in zip(paths, offers, strict=True):
        path.write_text(yaml.safe_dump(_entry(offer), sort_keys=False), encoding="utf-8")
    _tell(offers, console)
    console.print(f"{len(offers)} offers written to {folder}", highlight=False, soft_wrap=True)
    return paths


def _entry(offer: Offer) -> dict[str, Any]:
    """What was read, without the defaults."""
    found = offer.model_dump(mode="json", exclude_defaults=True)
    return {**found, "checked": offer.checked}


def _tell(offers: list[Offer], console: Console) -> None:
    table = Table(header_style="bold")
    for head in ("offer", "USD per GPU-hour", "from"):
        table.add_column(head, justify="right" if head.startswith("USD") else "left")
    for offer in offers:
        table.add_row(offer.name, f"{offer.usd_per_gpu_hour:.3f}", Text(offer.source))
    console.print(table)
