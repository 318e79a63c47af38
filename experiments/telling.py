"""A run told in a terminal: what users saw, what the GPUs did, what it cost."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from rich.table import Table

__all__ = ["LATENCIES", "Line", "compare_table", "latency_table", "number"]

LATENCIES = {
    "queue_s": "queue wait",
    "ttft_s": "time to first token",
    "tpot_s": "time per output token",
    "itl_s": "between two tokens",
    "e2e_s": "end to end",
}
PERCENTILES = ("mean", "p50", "p90", "p95", "p99")


class Line(NamedTuple):
    """One line of a summary: what it is, where it stands, how it is written."""

    title: str
    path: str
    write: Callable[[float], str]


def number(value: float, digits: int = 3) -> str:
    """A number with so many significant digits, thousands set apart; a dash for what is unknown.

    >>> number(1234.5), number(0.012345), number(float("nan")), number(7)
    ('1,234', '0.0123', '–', '7')
    """
    if value is None or not math.isfinite(value):
        return "–"
    if value == 0 or float(value).is_integer():
        return f"{value:,.0f}"
    places = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return f"{value:,.{places}f}"


def share(value: float) -> str:
    """Write a share as per cent.

    >>> share(0.1234)
    '12.3 %'
    """
    return f"{100 * value:.1f} %" if value is not None and math.isfinite(value) else "–"


def milliseconds(value: float) -> str:
    """Write seconds as milliseconds."""
    return number(1e3 * value)


def dollars(value: float) -> str:
    """Write an amount of money, small ones with enough digits to be told apart.

    >>> dollars(1234.5), dollars(0.00123456)
    ('$1,234.50', '$0.00123')
    """
    if value is None or not math.isfinite(value):
        return "–"
    return f"${value:,.2f}" if abs(value) >= 1 or value == 0 else f"${number(value)}"


def look_up(summary: Mapping[str, Any], path: str) -> float:
    """Value at a dotted path; NaN where it is not there or unknown.

    >>> look_up({"a": {"b": 3}}, "a.b")
    3
    """
    found: Any = summary
    for part in path.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return math.nan if found is None else found


def latency_table(summary: Mapping[str, Any]) -> Table:
    """Latencies of one run in milliseconds, a row each."""
    table = Table(title="what users saw [ms]", title_justify="left", header_style="bold")
    table.add_column("")
    for percentile in PERCENTILES:
        table.add_column(percentile, justify="right")
    for key, title in LATENCIES.items():
        found = summary["latency"][key]
        table.add_row(title, *(milliseconds(found[p]) for p in PERCENTILES))
    return table


def compare_table(
    title: str, lines: Sequence[Line], runs: Mapping[str, Mapping[str, Any]]
) -> Table:
    """Table with a row for each line and a column for each run; unknown lines are left out."""
    table = Table(title=title, title_justify="left", header_style="bold")
    table.add_column("")
    for name in runs:
        table.add_column(name, justify="right")
    for line in lines:
        values = [look_up(summary, line.path) for summary in runs.values()]
        if all(isinstance(value, float) and math.isnan(value) for value in values):
            continue
        table.add_row(line.title, *(line.write(value) for value in values))
    return table
