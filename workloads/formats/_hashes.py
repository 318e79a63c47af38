"""Prompt identity from hashes of blocks: each hash is a segment as long as a block."""

from typing import Any

import numpy as np

from workloads.formats._rows import Rows
from workloads.segments import Ints, Segments, from_rows

__all__ = ["OWN", "segments_of"]

OWN = 1 << 60
"""Segments from here on are text of one request alone; hashes lie below."""


class HashBook:
    """Small numbers for hashes that are text, negative or huge; whole numbers stand as they are."""

    def __init__(self) -> None:
        self._numbers: dict[Any, int] = {}

    def number(self, name: Any) -> int:
        """Segment of a hash."""
        if isinstance(name, int) and 0 <= name < OWN >> 1:
            return name
        return (OWN >> 1) + self._numbers.setdefault(name, len(self._numbers))


def segments_of(
    rows: Rows, column: str, prompt_tokens: Ints, block_tokens: int, book: HashBook
) -> Segments:
    """Segments of each row from its list of hashes, one a block of the prompt.

    Text beyond the last hash belongs to that request alone; hashes beyond the end of the prompt
    stand for nothing that is asked, and are left out. Both are counted in the trace's notes.

    Parameters
    ----------
    rows : the batch; a row whose `column` is no list of whole numbers or words is noted as bad.
    prompt_tokens : length of each prompt, shape (rows,). [tokens]
    block_tokens : tokens in a block. [tokens]
    book : numbers given to hashes so far in this file.
    """
    table: list[list[tuple[int, int]]] = []
    wrong = np.zeros(len(prompt_tokens), dtype=np.bool_)
    short = long = 0
    for row, hashes in enumerate(rows.values(column)):
        left = int(prompt_tokens[row])
        pieces: list[tuple[int, int]] = []
        if not _are_hashes(hashes):
            wrong[row] = True
            table.append([])
            continue
        for name in hashes:
            if left <= 0:
                long += 1
                break
            pieces.append((book.number(name), min(block_tokens, left)))
            left -= block_tokens
        if left > 0:
            short += 1
            pieces.append((OWN + int(rows.lines[row]), left))
        table.append(pieces)
    rows.refuse(wrong, column, "a list of hashes")
    _count(rows, "prompts_longer_than_their_hashes", short)
    _count(rows, "prompts_shorter_than_their_hashes", long)
    return from_rows(table)


def _are_hashes(found: Any) -> bool:
    return isinstance(found, list) and all(
        isinstance(name, int | str) and not isinstance(name, bool) for name in found
    )


def _count(rows: Rows, name: str, number: int) -> None:
    if number:
        notes = rows.ledger.notes
        notes[name] = notes.get(name, 0) + number
