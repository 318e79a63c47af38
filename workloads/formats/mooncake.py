"""Mooncake traces (FAST'25), as GuideLLM and other load generators replay them too.

One JSON object a line: ``timestamp`` [ms], ``input_length``, ``output_length`` [tokens] and
``hash_ids``, one for each block of 512 tokens of the prompt (the last block may be part filled).
A hash stands for its block and all before it, so equal hashes are shared prefixes.

Source: github.com/kvcache-ai/Mooncake, FAST25-release, Apache-2.0.
"""

from collections.abc import Iterator

from workloads.formats._batch import Batch, sound
from workloads.formats._files import Head
from workloads.formats._hashes import HashBook, segments_of
from workloads.formats._json import first_record, rows_of
from workloads.formats._rows import Ledger

__all__ = ["BLOCK_TOKENS", "batches", "recognise"]

BLOCK_TOKENS = 512


def recognise(head: Head) -> bool:
    """Whether the first object has Mooncake's keys, and neither chats nor a graph of calls."""
    keys = first_record(head).keys()
    needed = {"timestamp", "input_length", "output_length", "hash_ids"}
    return needed <= keys and not {"chat_id", "session_id", "wait_for"} & keys


def batches(ledger: Ledger) -> Iterator[Batch]:
    """Requests of the file, batch by batch."""
    book = HashBook()
    ledger.notes["block_tokens"] = BLOCK_TOKENS
    for rows in rows_of(ledger):
        times = rows.seconds("timestamp", scale=1e3)
        prompt, output = rows.tokens("input_length"), rows.tokens("output_length")
        segments = segments_of(rows, "hash_ids", prompt, BLOCK_TOKENS, book)
        yield sound(rows, "timestamp", times, prompt, output, segments=segments)
