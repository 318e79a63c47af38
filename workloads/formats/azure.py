"""Azure LLM inference traces of 2023 and 2024, and the multimodal one of 2025.

``TIMESTAMP,ContextTokens,GeneratedTokens``; the one of 2025 has ``NumImages`` after the first.
Times are of the wall clock with a fraction of up to seven digits (100 ns), in 2024 with a zone;
the first request of the trace is at 0. A row with 0 generated tokens is refused: it says that no
answer was made, and an answer of one token would be an invention. `skip_bad_rows` leaves such rows
out and counts them.

Source: Azure Public Dataset, ``AzureLLMInferenceDataset{2023,2024}.md``, CC-BY.
"""

from collections.abc import Iterator

from workloads.formats._batch import Batch, sound
from workloads.formats._csv import header_of, rows_of
from workloads.formats._files import Head
from workloads.formats._rows import Ledger

__all__ = ["batches", "recognise"]

COLUMNS = ("TIMESTAMP", "ContextTokens", "GeneratedTokens")


def recognise(head: Head) -> bool:
    """Whether the first line has Azure's columns."""
    return set(COLUMNS) <= set(header_of(head.first_line))


def batches(ledger: Ledger) -> Iterator[Batch]:
    """Requests of the file, batch by batch."""
    images = 0
    for rows in rows_of(ledger, COLUMNS):
        times = rows.wall_ns("TIMESTAMP")
        prompt, output = rows.tokens("ContextTokens"), rows.tokens("GeneratedTokens")
        if rows.has("NumImages"):
            images += int(rows.ints("NumImages", least=0).sum())
            ledger.notes["images"] = images
            ledger.notes["assumed"] = "ContextTokens include the tokens of the images"
        yield sound(rows, "TIMESTAMP", times, prompt, output)
