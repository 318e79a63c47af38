"""Qwen-Bailian usage traces: chats of a public cloud, anonymised.

One JSON object a line: ``chat_id``, ``parent_chat_id`` (-1 for the first turn), ``timestamp`` [s],
``input_length``, ``output_length`` [tokens], ``type`` (text, search, image, file), ``turn``, and
``hash_ids``, salted, one for each block of 16 tokens of the prompt. The session of a request is
the chat its turns go back to; a parent that is not in the file begins a session too. Trace A is of
consumers, B of companies. The type is given as the tenant.

Source: github.com/alibaba-edu/qwen-bailian-usagetraces-anon.
"""

from collections.abc import Iterator

import numpy as np

from workloads.formats._batch import Batch, sound
from workloads.formats._files import Head
from workloads.formats._hashes import HashBook, segments_of
from workloads.formats._json import first_record, rows_of
from workloads.formats._rows import Ledger

__all__ = ["BLOCK_TOKENS", "batches", "recognise"]

BLOCK_TOKENS = 16
_ANY = 2**63 - 1


def recognise(head: Head) -> bool:
    """Whether the first object has chats with parents."""
    needed = {"chat_id", "parent_chat_id", "timestamp", "input_length", "output_length"}
    return needed <= first_record(head).keys()


def batches(ledger: Ledger) -> Iterator[Batch]:
    """Requests of the file, batch by batch."""
    book = HashBook()
    session_of: dict[int, int] = {}
    ledger.notes["block_tokens"] = BLOCK_TOKENS
    for rows in rows_of(ledger):
        times = rows.seconds("timestamp")
        prompt, output = rows.tokens("input_length"), rows.tokens("output_length")
        chats = rows.ints("chat_id", least=0, most=_ANY)
        parents = rows.ints("parent_chat_id", least=-1, most=_ANY)
        segments = segments_of(rows, "hash_ids", prompt, BLOCK_TOKENS, book)
        session = np.zeros(len(times), dtype=np.int64)
        for row in np.flatnonzero(rows.good):
            chat, parent = int(chats[row]), int(parents[row])
            found = session_of.get(parent)
            session[row] = session_of[chat] = len(session_of) if found is None else found
        yield sound(
            rows,
            "timestamp",
            times,
            prompt,
            output,
            tenant=rows.words("type"),
            session=session,
            segments=segments,
        )
