"""Readers of public traces and logs, one file a format, found by the file's name.

A reader is a module of this folder without a leading underscore. It has ``recognise(head)``, which
says from the beginning of a file whether it is of that format, and ``batches(ledger)``, which
yields its rows. Nothing needs to be registered.
"""

from collections.abc import Iterator, Mapping
from importlib import import_module
from itertools import chain
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import numpy as np

from hardware_profiles.errors import InputError, did_you_mean
from workloads.formats._batch import Batch, join
from workloads.formats._files import head_of
from workloads.formats._rows import Ledger
from workloads.segments import densify
from workloads.trace import Trace

__all__ = ["described", "names", "read", "recognise", "stream"]


_HUGE_ID = 2**40
"""Ids from here on are made small, so that traces can be merged without overflow."""
_YEAR_1973_NS = 10**17
"""An earlier first request was timed by a clock with a zero of its own, not by the calendar."""


def names() -> tuple[str, ...]:
    """All formats that can be read, in alphabetical order."""
    return tuple(sorted(m.name for m in iter_modules(__path__) if not m.name.startswith("_")))


def described() -> dict[str, str]:
    """First sentence of what each reader says of its format, by name."""
    return {name: str(_module(name).__doc__).partition("\n")[0] for name in names()}


def recognise(path: Path | str) -> str:
    """Name of the format that a file's content shows.

    Raises
    ------
    InputError
        If the file cannot be read, or is of no known format.
    """
    path = Path(path)
    head = head_of(path)
    found = [name for name in names() if _module(name).recognise(head)]
    if len(found) == 1:
        return found[0]
    if len(found) > 1:
        raise InputError(f"{path}: may be {' or '.join(found)}; say which with `format`")
    own = "for a CSV with names of its own say with `columns` which is which; else " * (
        head.first_line.count(",") > 1
    )
    raise InputError(
        f"{path}: of no format known here (it begins {head.first_line[:60]!r}); {own}name it with "
        f"`format`, one of: {', '.join(names())}"
    )


def read(
    path: Path | str,
    format: str | None = None,
    *,
    skip_bad_rows: bool = False,
    sort: bool = False,
    columns: Mapping[str, str] | None = None,
) -> Trace:
    """Whole trace held by a file, plain or packed with gzip or zstd.

    Parameters
    ----------
    path : the file.
    format : one of `names()`; recognised by the content when not given.
    skip_bad_rows : leave out rows that cannot be used and count them in
        ``meta["skipped_rows"]``, instead of refusing the file at the first.
    sort : accept rows that are not in order of time.
    columns : names of the file's columns by what they mean (``plain_csv``, ``parquet``); a file
        for which they are given is of one of these formats.

    Raises
    ------
    InputError
        With file and line, what was found there and what would have gone right.
    """
    ledger = Ledger(Path(path), skip_bad_rows, in_order=not sort, columns=dict(columns or {}))
    name, batches = _open(ledger, format)
    whole = join(list(batches))
    if whole.segments is not None and whole.segments.ids.max(initial=0) >= _HUGE_ID:
        whole = whole._replace(segments=densify(whole.segments))
    return _trace(whole, _origin(whole), ledger, name)


def stream(
    path: Path | str,
    format: str | None = None,
    *,
    skip_bad_rows: bool = False,
    columns: Mapping[str, str] | None = None,
) -> Iterator[Trace]:
    """The same rows piece by piece, for files larger than memory; all pieces are on one clock.

    Segments of the same id are the same text in all pieces. Only the last piece's ``meta`` has the
    final count of skipped rows. A format whose rows are in no order comes in one piece.

    Raises
    ------
    InputError
        As `read`.
    """
    ledger = Ledger(Path(path), skip_bad_rows, columns=dict(columns or {}))
    name, batches = _open(ledger, format)
    first = next(batches)
    if not ledger.in_order:
        first, batches = join([first, *batches]), iter(())
    origin = _origin(first)
    for batch in chain([first], batches):
        yield _trace(batch, origin, ledger, name)


def _module(name: str) -> Any:
    return import_module(f"{__name__}.{name}")


def _open(ledger: Ledger, format: str | None) -> tuple[str, Iterator[Batch]]:
    """Name of the format, and the batches that have rows; there is at least one."""
    name = format or (_mapped(ledger.path) if ledger.columns else recognise(ledger.path))
    if name not in names():
        raise InputError(f"no trace format is called {name!r}; {did_you_mean(name, names())}")
    head_of(ledger.path)
    full = (batch for batch in _module(name).batches(ledger) if len(batch.time))
    first = next(full, None)
    if first is None:
        lost = f" ({ledger.skipped} bad rows were skipped)" if ledger.skipped else ""
        raise ledger.fail(f"holds no requests{lost}; expected one or more")
    return name, chain([first], full)


def _mapped(path: Path) -> str:
    """Format of a file whose columns the user has named."""
    return "parquet" if _module("parquet").recognise(head_of(path)) else "plain_csv"


def _origin(batch: Batch) -> int | float:
    """Instant on the file's clock that becomes 0."""
    return int(batch.time.min()) if batch.time.dtype.kind == "i" else 0.0


def _trace(batch: Batch, origin: int | float, ledger: Ledger, name: str) -> Trace:
    wall = batch.time.dtype.kind == "i"
    meta: dict[str, Any] = {"source": ledger.path.name, "format": name}
    if wall and origin > _YEAR_1973_NS:
        meta["began"] = str(np.datetime64(int(origin), "ns"))
    elif wall:
        meta["began_s"] = origin / 1e9
    meta |= ledger.notes
    if ledger.skipped:
        meta |= {"skipped_rows": ledger.skipped, "skipped_examples": tuple(ledger.examples)}
    if ledger.dropped:
        meta["dropped_rows"] = dict(ledger.dropped)
    return Trace.from_columns(
        (batch.time - origin) / 1e9 if wall else batch.time,
        batch.prompt_tokens,
        batch.output_tokens,
        **batch.optional,
        segments=batch.segments,
        meta=meta,
        **ledger.traits,
    )
