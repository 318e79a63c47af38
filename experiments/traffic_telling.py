"""A trace's profile told in a terminal."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from workloads.fit import Fit
from workloads.notes import assumptions
from workloads.profile_trace import TraceProfile

__all__ = ["tell_fit", "tell_formats", "tell_notes", "tell_profile", "tell_served"]

MOST_ROWS = 12


def tell_profile(found: TraceProfile, console: Console) -> None:
    """Print the verdict and the tables that fit a screen."""
    console.print(Text(f"{found.verdict.word}: {found.verdict.reason}", style="bold"))
    _print(console, "overview", found.tables()["overview"])
    lengths = found.lengths.rename_axis("length").reset_index()
    _print(console, "lengths [tokens]", lengths.drop(columns=["total", "p1", "p5"]))
    _print(console, "arrivals in windows (Poisson: 1)", found.arrivals.dispersion())
    _print(console, "gaps taken together (Poisson: 1)", found.arrivals.gap_dispersion())
    _print(console, "counts against later counts (Poisson: 0)", found.arrivals.autocorrelation())
    service = found.service
    at_once = (
        f"requests at once, each under way for {service.base_s:g} s + "
        f"{service.prompt_token_s:g} s a prompt token + {service.output_token_s:g} s a token"
    )
    _print(console, at_once, found.simultaneous.to_frame().T)
    if len(found.reuse):
        reuse = found.reuse.assign(
            hit_rate=[f"{100 * rate:.1f} %" for rate in found.reuse.hit_rate]
        )
        _print(console, "prompt tokens a prefix cache of that size could find, at most", reuse)
    if len(found.sessions):
        _print(console, "conversations", found.sessions.rename_axis("").reset_index())
    if len(found.tenants):
        _print(console, f"tenants, the first {MOST_ROWS} of {len(found.tenants)}", found.tenants)
    tell_notes(found.meta, console)


def tell_fit(found: Fit, console: Console) -> None:
    """Print what was tried and how near the recipe comes."""
    kind = getattr(found.traffic.arrivals, "kind", "")
    console.print(Text(f"arrivals: {kind} (the simplest of the nearest)", style="bold"))
    _print(console, "processes tried", found.candidates)
    _print(console, "the trace, and one draw of the recipe", found.quality)
    for lost in found.left_out:
        console.print(f"not in the recipe: {lost}", highlight=False, soft_wrap=True)


def tell_served(at_once: pd.Series, reuse: pd.DataFrame, console: Console) -> None:
    """Print the requests at once, and the hit rate that emerged beside its bounds."""
    _print(console, "requests at once, from arrival to end", at_once.to_frame().T)
    shares = reuse.assign(hit_rate=[f"{100 * rate:.1f} %" for rate in reuse.hit_rate])
    _print(console, "prompt tokens found in a prefix cache", shares)


def tell_formats(sentences: Mapping[str, str], console: Console) -> None:
    """Print the formats that can be read."""
    table = pd.DataFrame(
        {"format": list(sentences), "what it is": [s.replace("``", "") for s in sentences.values()]}
    )
    _print(console, "formats of traces and logs", table, most=len(table))


def tell_notes(meta: Any, console: Console) -> None:
    """Print what was assumed, left out or skipped in reading a trace."""
    for assumed in assumptions(meta):
        console.print(f"assumed: {assumed}", highlight=False, soft_wrap=True, markup=False)
    for reason, count in meta.get("dropped_rows", {}).items():
        console.print(f"left out: {count} {reason}", highlight=False, soft_wrap=True, markup=False)
    if meta.get("skipped_rows"):
        first = "; ".join(meta.get("skipped_examples", ()))
        line = f"skipped: {meta['skipped_rows']} bad rows, the first: {first}"
        console.print(line, highlight=False, soft_wrap=True, markup=False)


def _print(console: Console, title: str, table: pd.DataFrame, most: int = MOST_ROWS) -> None:
    shown = Table(title=Text(title), title_justify="left", header_style="bold")
    for place, name in enumerate(table.columns):
        words = place == 0 or all(isinstance(value, str) for value in table[name])
        shown.add_column(Text(str(name)), justify="left" if words else "right")
    for row in _rows(table.head(most)):
        shown.add_row(*row)
    console.print(shown)


def _rows(table: pd.DataFrame) -> Iterable[Sequence[Text]]:
    for row in table.itertuples(index=False):
        yield [Text(_written(value)) for value in row]


def _written(value: Any) -> str:
    """A number as people read it; words as they are.

    >>> _written(1234567), _written(0.012345), _written(float("nan")), _written("x")
    ('1,234,567', '0.0123', '–', 'x')
    """
    if isinstance(value, str):
        return value
    number = float(value)
    if np.isnan(number):
        return "–"
    if np.isinf(number):
        return "without bound"
    if number.is_integer() and abs(number) >= 1:
        return f"{number:,.0f}"
    return f"{number:,.1f}" if abs(number) >= 1000 else f"{number:.3g}"
