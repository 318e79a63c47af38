"""JSON records with their places: one a line, or all in one document."""

import json
import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from hardware_profiles.errors import InputError
from workloads.formats._files import Head, open_binary
from workloads.formats._rows import Ledger, Rows, column_of

__all__ = ["document", "first_record", "keys_within", "rows_of", "rows_of_list"]

BATCH_LINES = 50_000


def first_record(head: Head) -> dict[str, Any]:
    """First line as a JSON object; empty if it is none, or longer than the head."""
    try:
        record = json.loads(head.first_line)
    except (ValueError, RecursionError):
        return {}
    return record if isinstance(record, dict) else {}


def keys_within(text: str) -> set[str]:
    """Keys of the first object in a JSON text that may be cut off."""
    first = re.search(r"\{[^{}]*", text)
    return set(re.findall(r'"([^"\\]+)"\s*:', first[0])) if first else set()


def rows_of(ledger: Ledger) -> Iterator[Rows]:
    """Batches of the objects of a JSON Lines file; blank lines are left out.

    A line that is no JSON object is noted as bad.
    """
    records: list[dict[str, Any]] = []
    lines: list[int] = []
    with open_binary(ledger.path) as stream:
        for number, line in enumerate(stream, 1):
            record = _record(ledger, number, line)
            if record is not None:
                records.append(record)
                lines.append(number)
            if len(records) == BATCH_LINES:
                yield Rows(ledger, np.array(lines, dtype=np.int64), column_of(records))
                records, lines = [], []
    if records:
        yield Rows(ledger, np.array(lines, dtype=np.int64), column_of(records))
    ledger.settle()


def rows_of_list(ledger: Ledger, records: Any, what: str) -> Rows:
    """Rows of a list of objects in one document; places count from 1 and are called `what`.

    Raises
    ------
    InputError
        If it is no list.
    """
    if not isinstance(records, list):
        raise ledger.fail(f"expected a JSON list of objects, found {type(records).__name__}")
    ledger.place = what
    for number, record in enumerate(records, 1):
        if not isinstance(record, dict):
            ledger.problem(number, f"expected an object with keys, found {type(record).__name__}")
    sound = [(n, r) for n, r in enumerate(records, 1) if isinstance(r, dict)]
    lines = np.array([number for number, _ in sound], dtype=np.int64)
    return Rows(ledger, lines, column_of([record for _, record in sound]))


def document(ledger: Ledger) -> Any:
    """The one JSON value that the file holds.

    Raises
    ------
    InputError
        With line and column when it is no JSON, is cut off, or is no UTF-8.
    """
    with open_binary(ledger.path) as stream:
        data = stream.read()
    try:
        return json.loads(data.decode("utf-8-sig"))
    except json.JSONDecodeError as error:
        raise InputError(
            f"{ledger.path}, line {error.lineno}, column {error.colno}: no JSON: {error.msg}"
        ) from None
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{ledger.path}, line {line}: bytes that are no UTF-8; save the file as UTF-8"
        ) from None
    except (ValueError, RecursionError) as error:
        raise ledger.fail(f"no JSON that can be read: {error}") from None


def _record(ledger: Ledger, number: int, line: bytes) -> dict[str, Any] | None:
    """Object on one line; None for a blank line and, noted, for anything else."""
    try:
        text = line.decode("utf-8-sig" if number == 1 else "utf-8").strip()
    except UnicodeDecodeError:
        ledger.problem(number, "bytes that are no UTF-8; save the file as UTF-8")
        return None
    if not text:
        return None
    try:
        record = json.loads(text)
    except json.JSONDecodeError as error:
        ledger.problem(number, f"no JSON object: {error.msg} (column {error.colno})")
        return None
    except (ValueError, RecursionError) as error:
        ledger.problem(number, f"no JSON object: {error}")
        return None
    if not isinstance(record, dict):
        ledger.problem(number, f"expected an object with keys, found {type(record).__name__}")
        return None
    return record
