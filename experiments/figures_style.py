"""How our pictures look: colours that everybody can tell apart, plain axes, the same bytes."""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

__all__ = [
    "COLOURS",
    "SERIES",
    "TimeUnit",
    "caption",
    "plain_log",
    "plain_numbers",
    "save",
    "style",
    "three_digits",
    "time_unit",
    "usd",
]

BLUE, ORANGE, GREEN, RED = "#0072B2", "#E69F00", "#009E73", "#D55E00"
PURPLE, SKY, GREY, BLACK = "#CC79A7", "#56B4E9", "#8C8C8C", "#222222"
# Okabe and Ito (2008), Color Universal Design: distinct with any kind of colour vision.
SERIES = (BLUE, RED, GREEN, PURPLE, SKY, ORANGE)

COLOURS = {
    "busy": BLUE,
    "idle": ORANGE,
    "warming": PURPLE,
    "down": BLACK,
    "draining": "#7FB8D8",
    "prefill": SKY,
    "decode": BLUE,
    "waiting": RED,
    "running": BLUE,
    "kv": GREEN,
    "slo": RED,
    "rest": GREY,
}

STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#E3E3E3",
    "grid.linewidth": 0.8,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "figure.titleweight": "bold",
    "figure.dpi": 110,
    "savefig.dpi": 150,
    "svg.hashsalt": "servecast",
    "text.parse_math": False,
}


@contextmanager
def style() -> Iterator[None]:
    """Draw with our settings, and leave the user's alone."""
    with mpl.rc_context(STYLE):
        yield


class TimeUnit(NamedTuple):
    """A unit of time that suits the length of a run."""

    name: str
    seconds: float


def time_unit(horizon_s: float) -> TimeUnit:
    """Unit in which a run of that length has numbers of a readable size.

    >>> time_unit(3600.0)
    TimeUnit(name='min', seconds=60.0)
    """
    if horizon_s <= 300:
        return TimeUnit("s", 1.0)
    return TimeUnit("min", 60.0) if horizon_s <= 4 * 3600 else TimeUnit("h", 3600.0)


def plain_log(axes: Axes) -> None:
    """A logarithmic x axis with its numbers written out: 0.1, 10, 1,000."""
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    subs = (1.0, 2.0, 5.0) if high < 30 * low else (1.0, 3.0) if high < 300 * low else (1.0,)
    axes.xaxis.set_major_locator(LogLocator(subs=subs))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def plain_numbers(axes: Axes) -> None:
    """A y axis with thousands set apart."""
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))


def three_digits(value: float) -> str:
    """A number to three significant digits, never with an exponent.

    >>> three_digits(12234.0), three_digits(0.4356), three_digits(10.0)
    ('12,200', '0.436', '10.0')
    """
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    places = 2 - math.floor(math.log10(abs(value)))
    return f"{round(value, places):,.{max(0, places)}f}"


def usd(amount: float, of: float | None = None) -> str:
    """Dollars with as many decimals as it takes to tell parts of a whole apart.

    >>> usd(1234.5), usd(0.0241, of=0.36), usd(0.00012)
    ('$1,234.50', '$0.0241', '$0.000120')
    """
    size = abs(amount if of is None else of)
    if size == 0 or not math.isfinite(size):
        return f"${amount:,.2f}"
    return f"${amount:,.{max(2, 2 - math.floor(math.log10(size)) + (of is not None))}f}"


def caption(figure: Figure, text: str) -> None:
    """Sentences under the picture that say what one sees, so that it can travel alone."""
    width = int(figure.get_figwidth() * 14.5)
    lines = textwrap.wrap(text, width)
    room = 0.19 * len(lines) / figure.get_figheight()
    figure.set_layout_engine("constrained", rect=(0, room + 0.01, 1, 1 - room - 0.01))
    figure.text(
        0.012, 0.012, "\n".join(lines), fontsize=8.5, color="#444444", va="bottom", ha="left"
    )


def save(figure: Figure, folder: Path, stem: str) -> list[Path]:
    """Write ``stem.png``, ``.svg`` and ``.pdf`` without dates or versions: same run, same bytes."""
    metadata: dict[str, dict[str, Any]] = {
        "png": {"Software": None},
        "svg": {"Date": None, "Creator": "servecast"},
        "pdf": {"CreationDate": None, "Creator": "servecast", "Producer": "servecast"},
    }
    paths = []
    with style():
        for kind, tags in metadata.items():
            path = folder / f"{stem}.{kind}"
            figure.savefig(path, metadata=tags)
            paths.append(path)
    _number_ids(folder / f"{stem}.svg")
    return paths


def _number_ids(path: Path) -> None:
    """Name the definitions of an SVG in order: some of matplotlib's names are memory addresses."""
    text = path.read_text(encoding="utf-8")
    for number, name in enumerate(dict.fromkeys(re.findall(r'id="([a-zA-Z][0-9a-f]{10})"', text))):
        text = text.replace(name, f"def{number}")
    path.write_text(text, encoding="utf-8")
