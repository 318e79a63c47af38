"""Writing tables and numbers so that the same content is the same bytes."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd

from hardware_profiles.errors import InputError

__all__ = ["read_parquet", "write_json", "write_parquet"]


def write_parquet(frame: pd.DataFrame, path: Path) -> None:
    """Parquet with a fixed compression and without the index; ``frame.attrs`` go along."""
    frame.to_parquet(path, engine="pyarrow", compression="zstd", index=False)


def read_parquet(path: Path) -> pd.DataFrame:
    """Table that `write_parquet` wrote.

    Raises
    ------
    InputError
        If there is no such file, or it is something else.
    """
    try:
        return pd.read_parquet(path, engine="pyarrow")
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file; expected a saved run") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not a table of a saved run: {error}") from None


def write_json(data: object, path: Path) -> None:
    """Indented JSON of plain values; NaN and infinities are not JSON and become null."""
    text = json.dumps(_plain(data), indent=2, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


def _plain(data: object) -> object:
    if isinstance(data, np.generic):
        data = data.item()
    if isinstance(data, dict):
        return {str(key): _plain(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [_plain(value) for value in data]
    if isinstance(data, float) and not math.isfinite(data):
        return None
    return data
