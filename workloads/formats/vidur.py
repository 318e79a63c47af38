"""Vidur's processed traces: ``arrived_at`` [s], ``num_prefill_tokens``, ``num_decode_tokens``.

Source: github.com/microsoft/vidur, data/processed_traces, MIT.
"""

from collections.abc import Iterator

from workloads.formats._batch import Batch, sound
from workloads.formats._csv import header_of, rows_of
from workloads.formats._files import Head
from workloads.formats._rows import Ledger

__all__ = ["batches", "recognise"]

COLUMNS = ("arrived_at", "num_prefill_tokens", "num_decode_tokens")


def recognise(head: Head) -> bool:
    """Whether the first line has Vidur's columns."""
    return set(COLUMNS) <= set(header_of(head.first_line))


def batches(ledger: Ledger) -> Iterator[Batch]:
    """Requests of the file, batch by batch."""
    for rows in rows_of(ledger, COLUMNS):
        times = rows.seconds("arrived_at")
        prompt = rows.tokens("num_prefill_tokens")
        output = rows.tokens("num_decode_tokens")
        yield sound(rows, "arrived_at", times, prompt, output)
