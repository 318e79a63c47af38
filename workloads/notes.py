"""What somebody who reads a result must know of its traffic: assumed, left out, skipped."""

from collections.abc import Mapping
from typing import Any

__all__ = ["assumptions", "notes_of"]

ASSUMED = ("assumed", "assumed_times", "assumed_identity")
KEPT = ("source", "format", "dropped_rows", "skipped_rows")


def assumptions(meta: Mapping[str, Any]) -> list[str]:
    """What was assumed in making a trace, in sentences.

    >>> assumptions({"assumed_times": "they come evenly", "source": "log.csv"})
    ['they come evenly']
    """
    return [str(meta[key]) for key in ASSUMED if meta.get(key)]


def notes_of(meta: Mapping[str, Any]) -> dict[str, Any]:
    """The notes of a trace that belong in the summary of a run, as plain values.

    >>> notes_of({"source": "log.csv", "skipped_rows": 2, "assumed": "all share one text"})
    {'source': 'log.csv', 'skipped_rows': 2, 'assumed': ['all share one text']}
    """
    notes: dict[str, Any] = {key: meta[key] for key in KEPT if meta.get(key)}
    assumed = assumptions(meta)
    return notes | ({"assumed": assumed} if assumed else {})
