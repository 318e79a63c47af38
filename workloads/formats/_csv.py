"""Comma-separated rows in batches, as text, each knowing its line."""

from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from typing import Any

import numpy as np

from hardware_profiles.errors import InputError, did_you_mean
from workloads.formats._files import head_of, open_text
from workloads.formats._rows import Ledger, Rows

__all__ = ["header_of", "rows_of"]

BLOCK_BYTES = 1 << 24
"""Text examined at a time: some half a million short rows."""


def header_of(first_line: str) -> list[str]:
    """Names of the columns, without quotes and blanks.

    >>> header_of('"TIMESTAMP", ContextTokens')
    ['TIMESTAMP', 'ContextTokens']
    """
    return [name.strip().strip('"').strip() for name in first_line.split(",")]


def rows_of(
    ledger: Ledger,
    needed: Sequence[str],
    *,
    names: Sequence[str] | None = None,
    quoted_newlines: bool = False,
) -> Iterator[Rows]:
    """Batches of the rows of a CSV file; blank ones are left out.

    Parameters
    ----------
    ledger : names the file, and takes note of rows with too few or too many columns.
    needed : columns that must be there.
    names : names of the columns of a file that has no header line.
    quoted_newlines : whether a quoted value may go over several lines; rows are then counted,
        and not lines.

    Raises
    ------
    InputError
        When a column is missing, named twice, or a line is no UTF-8.
    """
    head = head_of(ledger.path)
    header = list(names) if names else header_of(head.first_line)
    line = head.blank_lines + (0 if names else 1)
    for name in needed:
        if name not in header:
            near = did_you_mean(name, header)
            raise InputError(f"{ledger.path}, line {line}: no column {name!r}; {near}")
    if len(set(header)) < len(header):
        twice = next(name for name in header if header.count(name) > 1)
        raise InputError(f"{ledger.path}, line {line}: two columns are called {twice!r}")
    ragged: list[int] = []
    for batch in _batches(ledger, header, ragged, skip=line, newlines=quoted_newlines):
        numbers = np.arange(line + 1, line + 1 + batch.num_rows + len(ragged))
        lines = numbers[~np.isin(numbers, ragged)][: batch.num_rows]
        line = int(lines[-1]) if len(lines) else line
        blank = _blank(batch)
        if blank.any():
            batch = batch.filter(import_module("pyarrow").array(~blank))
        yield Rows(ledger, lines[~blank], _getter(batch))
    ledger.settle()


def _getter(batch: Any) -> Callable[[str], Any]:
    return lambda name: batch.column(name)


def _blank(batch: Any) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Rows in which every column is empty."""
    compute = import_module("pyarrow.compute")
    blank = np.ones(batch.num_rows, dtype=np.bool_)
    for column in batch.columns:
        if not blank.any():
            break
        trimmed = compute.utf8_trim_whitespace(column)
        blank &= compute.equal(trimmed, "").to_numpy(zero_copy_only=False)
    return blank


def _batches(
    ledger: Ledger, header: list[str], ragged: list[int], *, skip: int, newlines: bool
) -> Iterator[Any]:
    arrow, csv = import_module("pyarrow"), import_module("pyarrow.csv")

    def note(row: Any) -> str:
        ragged.append(row.number)
        ledger.problem(
            row.number,
            f"expected {row.expected_columns} columns, found {row.actual_columns}: {row.text!r}",
        )
        return "skip"

    options = {
        "read_options": csv.ReadOptions(
            use_threads=False,
            block_size=BLOCK_BYTES,
            column_names=header,
            skip_rows=skip,
        ),
        "parse_options": csv.ParseOptions(
            ignore_empty_lines=False, invalid_row_handler=note, newlines_in_values=newlines
        ),
        "convert_options": csv.ConvertOptions(
            column_types={name: arrow.string() for name in header}, strings_can_be_null=False
        ),
    }
    with open_text(ledger.path) as stream:
        try:
            yield from csv.open_csv(stream, **options)
        except arrow.ArrowInvalid as error:
            ledger.settle()
            raise _explained(ledger, str(error)) from None


def _explained(ledger: Ledger, error: str) -> InputError:
    if "Empty CSV" in error:
        return ledger.fail("holds no requests, only a header")
    return ledger.fail(f"is no CSV that can be read: {error}")
