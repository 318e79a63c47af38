"""Rows of a log in whichever of three wrappings it comes: CSV, JSON Lines or a JSON list."""

from collections.abc import Iterator, Sequence

from workloads.formats import _csv, _json
from workloads.formats._files import Head, head_of
from workloads.formats._rows import Ledger, Rows

__all__ = ["keys_of", "rows_of"]


def keys_of(head: Head) -> set[str]:
    """Names of the columns, or keys of the first object, as far as the head shows them."""
    text = head.text.lstrip()
    if text.startswith("["):
        return _json.keys_within(text)
    if text.startswith("{"):
        return set(_json.first_record(head))
    return set(_csv.header_of(head.first_line))


def rows_of(
    ledger: Ledger, needed: Sequence[str], *, quoted_newlines: bool = False
) -> Iterator[Rows]:
    """Batches of rows; a CSV must have the columns `needed`.

    With `quoted_newlines` places in a CSV count rows, not lines.
    """
    text = head_of(ledger.path).text.lstrip()
    if text.startswith("["):
        yield _json.rows_of_list(ledger, _json.document(ledger), "entry")
    elif text.startswith("{"):
        yield from _json.rows_of(ledger)
    else:
        ledger.place = "row" if quoted_newlines else "line"
        yield from _csv.rows_of(ledger, needed, quoted_newlines=quoted_newlines)
