"""Import of GPU prices from a CSV in SkyPilot's columns, as offers with their source."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from datetime import date
from pathlib import Path

from hardware_profiles.errors import InputError
from hardware_profiles.gpu import GPU
from hardware_profiles.offer import Offer

__all__ = ["COLUMNS", "SKYPILOT_GPUS", "read_skypilot"]

COLUMNS = ("InstanceType", "AcceleratorName", "AcceleratorCount", "Price", "SpotPrice", "Region")
SKYPILOT_GPUS: Mapping[str, str] = {
    "A100-80GB": "a100-80gb",
    "A100-80GB-SXM": "a100-80gb",
    "A100": "a100-40gb",
    "A10G": "a10g",
    "B200": "b200",
    "H100": "h100-sxm",
    "H100-SXM": "h100-sxm",
    "H200": "h200",
    "H200-SXM": "h200",
    "L4": "l4",
    "L40S": "l40s",
    "MI300X": "mi300x",
    "RTX4090": "rtx-4090",
    "RTXPRO6000": "rtx-pro-6000",
}
"""SkyPilot's names of GPUs, and ours."""


def read_skypilot(
    path: Path | str, provider: str, checked: date, region: str | None = None
) -> list[Offer]:
    """Cheapest on-demand and spot price per GPU of each kind in a SkyPilot catalogue (``vms.csv``).

    Rows without an accelerator, or with one that is not on our shelf, are passed over; so are
    empty prices, which mean that there is no such contract.

    Parameters
    ----------
    provider : who sells, to name the offers by.
    checked : day on which the file was had: the file does not say.
    region : only that one.

    Raises
    ------
    InputError
        With file and line: no file, a missing column, a price or count that is none.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not a text file: {error}") from None
    rows = csv.DictReader(text.splitlines())
    missing = [column for column in COLUMNS if column not in (rows.fieldnames or ())]
    if missing:
        raise InputError(
            f"{path}:1: no column {', '.join(missing)}; SkyPilot's catalogues have "
            f"{', '.join(COLUMNS)}"
        )
    best: dict[tuple[str, str], tuple[float, str]] = {}
    for line, row in enumerate(rows, start=2):
        gpu = SKYPILOT_GPUS.get((row["AcceleratorName"] or "").strip())
        if gpu is None or (region is not None and row["Region"] != region):
            continue
        gpus = _number(row, "AcceleratorCount", path, line)
        if not gpus:
            raise InputError(f"{path}:{line}: AcceleratorCount: expected a number above 0")
        where = f"{row['InstanceType']} in {row['Region']}, line {line}"
        for column, mode in (("Price", "on_demand"), ("SpotPrice", "spot")):
            usd = _number(row, column, path, line)
            if usd is not None and usd > 0:
                each = round(usd / gpus, 6)
                best[gpu, mode] = min(best.get((gpu, mode), (math.inf, "")), (each, where))
    return [
        _offer(provider, gpu, mode, usd, f"{path.name}: {where}", checked)
        for (gpu, mode), (usd, where) in sorted(best.items())
    ]


def _number(row: Mapping[str, str], column: str, path: Path, line: int) -> float | None:
    """Value of a cell, None where it is empty."""
    text = (row[column] or "").strip()
    if not text:
        return None
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number >= 0):
        raise InputError(f"{path}:{line}: {column}: expected a price or count, found {text!r}")
    return number


def _offer(provider: str, gpu: str, mode: str, usd: float, source: str, checked: date) -> Offer:
    assert gpu in GPU.names()
    return Offer.parse(
        {
            "name": f"{provider}-{gpu}-{mode}".replace("_", "-"),
            "source": f"SkyPilot catalogue, {source}",
            "checked": checked,
            "confidence": "A",
            "gpu": gpu,
            "provider": provider,
            "mode": mode,
            "usd_per_gpu_hour": usd,
        }
    )
