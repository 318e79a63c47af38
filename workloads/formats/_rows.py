"""Rows under examination: which can be used, and what is wrong with the first that cannot."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hardware_profiles.errors import InputError
from workloads.columns import MAX_TOKENS
from workloads.formats import _parse
from workloads.segments import Ints

__all__ = ["Ledger", "Rows"]

_EXAMPLES = 5
_SHOWN = 40


@dataclass
class Ledger:
    """What is remembered from one batch of a file to the next."""

    path: Path
    skip_bad_rows: bool = False
    in_order: bool = True
    """Whether a time that goes back is an error."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """Names of the file's columns by what they mean, where the user said so."""
    place: str = "line"
    """What the numbers of rows count: lines, or the entries of a list."""
    latest: float | int | None = None
    """Latest arrival so far, on the file's own clock."""
    skipped: int = 0
    """Rows left out because they were bad."""
    examples: list[str] = field(default_factory=list)
    """What was wrong with the first of them."""
    dropped: dict[str, int] = field(default_factory=dict)
    """Rows left out because the format says they are no served request, by reason."""
    notes: dict[str, Any] = field(default_factory=dict)
    """What the reader assumed; ends up in the trace's `meta`."""
    traits: dict[str, Any] = field(default_factory=dict)
    """What the file says of the trace as a whole; further arguments of `Trace.from_columns`."""
    _problems: dict[int, str] = field(default_factory=dict)

    def problem(self, line: int, text: str) -> None:
        """Remember what is wrong with a line; the first word on a line stands."""
        self._problems.setdefault(line, text)

    def settle(self) -> None:
        """Raise for the first bad line, or count all of them if they may be skipped."""
        if not self._problems:
            return
        if not self.skip_bad_rows:
            line = min(self._problems)
            raise InputError(f"{self.path}, {self.place} {line}: {self._problems[line]}")
        for line in sorted(self._problems)[: _EXAMPLES - len(self.examples)]:
            self.examples.append(f"{self.place} {line}: {self._problems[line]}")
        self.skipped += len(self._problems)
        self._problems.clear()

    def fail(self, text: str) -> InputError:
        """Error about the file as a whole."""
        return InputError(f"{self.path}: {text}")


class Rows:
    """One batch of rows; each column is checked as it is asked for.

    Parameters
    ----------
    ledger : where problems are noted.
    lines : the rows' line numbers, counted from 1.
    raw : a function that gives a column as text (CSV) or as Python values (JSON).
    """

    def __init__(self, ledger: Ledger, lines: Ints, raw: Callable[[str], Any]) -> None:
        self.ledger, self.lines, self._raw = ledger, lines, raw
        self.good = np.ones(len(lines), dtype=np.bool_)

    def ints(
        self, column: str, least: int = 1, most: int = MAX_TOKENS - 1, absent: int | None = None
    ) -> Ints:
        """Whole numbers in ``[least, most]``; where `absent` is given it stands for no value."""
        parsed = _parse.ints(self._raw(column), absent)
        outside = (parsed.values < least) | (parsed.values > most)
        expected = f"a whole number from {least} to {most}"
        self.refuse(parsed.wrong | (outside & ~parsed.absent), column, expected)
        values: Ints = parsed.values
        return values

    def tokens(self, column: str, least: int = 1) -> Ints:
        """Numbers of tokens, below 2**31."""
        parsed = _parse.ints(self._raw(column), None)
        self.refuse(parsed.wrong, column, "a whole number of tokens")
        unit = "token" if least == 1 else "tokens"
        self.refuse(parsed.values < least, column, f"at least {least} {unit}")
        self.refuse(parsed.values >= MAX_TOKENS, column, "fewer than 2**31 tokens")
        values: Ints = parsed.values
        return values

    def seconds(self, column: str, scale: float = 1.0) -> NDArray[np.float64]:
        """Finite times not before 0, in seconds; the file's unit is `scale` to the second."""
        parsed = _parse.floats(self._raw(column), None)
        self.refuse(parsed.wrong, column, "a finite number")
        self.refuse(parsed.values < 0, column, "a time not before 0")
        return parsed.values / scale

    def numbers(self, column: str, absent: float | None = None) -> NDArray[np.float64]:
        """Finite numbers; where `absent` is given it stands for no value."""
        parsed = _parse.floats(self._raw(column), absent)
        self.refuse(parsed.wrong, column, "a finite number")
        values: NDArray[np.float64] = parsed.values
        return values

    def values(self, column: str) -> list[Any]:
        """A column of JSON values as they stand."""
        return list(self._raw(column))

    def wall_ns(self, column: str, epoch: bool = False) -> Ints:
        """Wall-clock times as nanoseconds since 1970 (UTC where no zone is given).

        With `epoch` numbers are accepted too: s, ms, µs or ns since 1970, told by their size.
        """
        parsed = _parse.instants(self._raw(column)) if epoch else _parse.wall_ns(self._raw(column))
        expected = "a time like 2023-11-16 18:15:46.6805900"
        self.refuse(parsed.wrong, column, expected + (" or seconds since 1970" if epoch else ""))
        values: Ints = parsed.values
        return values

    def has(self, column: str) -> bool:
        """Whether the file has such a column."""
        try:
            return self._raw(column) is not None
        except KeyError:
            return False

    def words(self, column: str) -> NDArray[np.object_]:
        """Text as it stands, None where there is none."""
        return _parse.words(self._raw(column))

    def refuse(self, wrong: NDArray[np.bool_], column: str, expected: str) -> None:
        """Note as bad the rows that are `wrong` and not bad already."""
        fresh = np.flatnonzero(wrong & self.good)
        if not len(fresh):
            return
        raw = self._raw(column)
        for row in fresh if self.ledger.skip_bad_rows else fresh[:1]:
            found = _shown(raw[int(row)])
            self.ledger.problem(
                int(self.lines[row]), f"{column}: expected {expected}, found {found}"
            )
        self.good[fresh] = False

    def drop(self, unwanted: NDArray[np.bool_], reason: str) -> None:
        """Leave out rows that are sound but no served request, and count them."""
        gone = unwanted & self.good
        count = int(gone.sum())
        if count:
            self.ledger.dropped[reason] = self.ledger.dropped.get(reason, 0) + count
            self.good &= ~gone

    def settle(self, column: str, times: NDArray[Any]) -> NDArray[np.bool_]:
        """Rows that can be used; raises for the first bad one unless they may be skipped.

        `times` are the arrivals read from `column`: where order matters, none may go back.
        """
        if self.ledger.in_order and self.good.any():
            shown = times[self.good]
            before = np.maximum.accumulate(shown)
            if self.ledger.latest is not None:
                before = np.maximum(before, self.ledger.latest)
            back = np.zeros(len(times), dtype=np.bool_)
            back[self.good] = shown < before
            self.refuse(back, column, "a time not before the line above (or ask for sorting)")
            self.ledger.latest = before[-1]
        self.ledger.settle()
        return self.good


def _shown(found: object) -> str:
    if found is _parse.MISSING:
        return "nothing"
    text = repr(found.as_py() if hasattr(found, "as_py") else found)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def column_of(records: Sequence[Mapping[str, Any]]) -> Callable[[str], list[Any]]:
    """Column getter over JSON objects; a dot goes into nested ones, no name gives all of it."""

    def get(name: str) -> list[Any]:
        values: list[Any] = list(records)
        for key in name.split(".") if name else ():
            values = [
                value.get(key, _parse.MISSING) if isinstance(value, Mapping) else _parse.MISSING
                for value in values
            ]
        return values

    return get
