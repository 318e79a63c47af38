"""LLMServingSim's flat traces: JSON Lines with times in nanoseconds.

``input_toks,output_toks,arrival_time_ns,[input_tok_ids],[output_tok_ids]``. Where token ids are
given, they are the prompt's identity: prompts share a prefix as far as their ids agree, which is
kept in blocks of 16 tokens.

Source: github.com/casys-kaist/LLMServingSim.
"""

from collections.abc import Iterator
from hashlib import blake2b
from typing import Any

import numpy as np

from workloads.formats._batch import Batch, sound
from workloads.formats._files import Head
from workloads.formats._hashes import OWN
from workloads.formats._json import first_record, rows_of
from workloads.formats._rows import Ledger, Rows
from workloads.segments import Ints, Segments, from_rows

__all__ = ["batches", "recognise"]

BLOCK_TOKENS = 16


def recognise(head: Head) -> bool:
    """Whether the first object has LLMServingSim's keys and no calls within."""
    keys = first_record(head).keys()
    return {"input_toks", "output_toks", "arrival_time_ns"} <= keys


def batches(ledger: Ledger) -> Iterator[Batch]:
    """Requests of the file, batch by batch."""
    numbers: dict[bytes, int] = {}
    identity: bool | None = None
    for rows in rows_of(ledger):
        times = rows.seconds("arrival_time_ns", scale=1e9)
        prompt, output = rows.tokens("input_toks"), rows.tokens("output_toks")
        if identity is None:
            identity = any(isinstance(ids, list) for ids in rows.values("input_tok_ids"))
        segments = _segments(rows, prompt, numbers) if identity else None
        yield sound(rows, "arrival_time_ns", times, prompt, output, segments=segments)


def _segments(rows: Rows, prompt: Ints, numbers: dict[bytes, int]) -> Segments:
    """Blocks of 16 token ids as segments; prompts without ids are text of their own."""
    table: list[list[tuple[int, int]]] = []
    wrong = np.zeros(len(prompt), dtype=np.bool_)
    for row, ids in enumerate(rows.values("input_tok_ids")):
        tokens = int(prompt[row])
        if not isinstance(ids, list):
            table.append([(OWN + int(rows.lines[row]), tokens)])
            continue
        wrong[row] = len(ids) != tokens
        table.append(_blocks(ids, numbers))
    rows.refuse(wrong, "input_tok_ids", "as many token ids as input_toks says")
    return from_rows(table)


def _blocks(ids: list[Any], numbers: dict[bytes, int]) -> list[tuple[int, int]]:
    pieces, parent = [], b""
    for start in range(0, len(ids), BLOCK_TOKENS):
        block = ids[start : start + BLOCK_TOKENS]
        parent = blake2b(parent + repr(block).encode(), digest_size=16).digest()
        pieces.append((numbers.setdefault(parent, len(numbers)), len(block)))
    return pieces
