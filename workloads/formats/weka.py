"""WEKA replay files of GuideLLM: ``t`` [s], ``in``, ``out`` [tokens], ``hash_ids`` of 64 tokens."""

from collections.abc import Iterator

from workloads.formats._batch import Batch, sound
from workloads.formats._files import Head
from workloads.formats._hashes import HashBook, segments_of
from workloads.formats._json import first_record, rows_of
from workloads.formats._rows import Ledger

__all__ = ["BLOCK_TOKENS", "batches", "recognise"]

BLOCK_TOKENS = 64


def recognise(head: Head) -> bool:
    """Whether the first object has these four keys."""
    return {"t", "in", "out", "hash_ids"} <= first_record(head).keys()


def batches(ledger: Ledger) -> Iterator[Batch]:
    """Requests of the file, batch by batch."""
    book = HashBook()
    ledger.notes["block_tokens"] = BLOCK_TOKENS
    for rows in rows_of(ledger):
        times = rows.seconds("t")
        prompt, output = rows.tokens("in"), rows.tokens("out")
        segments = segments_of(rows, "hash_ids", prompt, BLOCK_TOKENS, book)
        yield sound(rows, "t", times, prompt, output, segments=segments)
