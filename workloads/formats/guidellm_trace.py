"""GuideLLM's ``trace_synthetic`` replay files: Mooncake's keys without hashes, times in seconds.

One JSON object a line: ``timestamp`` [s], ``input_length``, ``output_length`` [tokens].
"""

from collections.abc import Iterator

from workloads.formats._batch import Batch, sound
from workloads.formats._files import Head
from workloads.formats._json import first_record, rows_of
from workloads.formats._rows import Ledger

__all__ = ["batches", "recognise"]


def recognise(head: Head) -> bool:
    """Whether the first object has times and lengths, and no hashes."""
    keys = first_record(head).keys()
    unlike = {"hash_ids", "chat_id", "session_id", "wait_for"}
    return {"timestamp", "input_length", "output_length"} <= keys and not unlike & keys


def batches(ledger: Ledger) -> Iterator[Batch]:
    """Requests of the file, batch by batch."""
    for rows in rows_of(ledger):
        times = rows.seconds("timestamp")
        prompt, output = rows.tokens("input_length"), rows.tokens("output_length")
        yield sound(rows, "timestamp", times, prompt, output)
