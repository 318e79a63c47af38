"""ShareGPT conversations: text without times.

A JSON list of ``{"id", "conversations": [{"from": "human" | "gpt" | "system", "value": text}]}``.
Each answer of the model is a request whose prompt is all the text before it; a token is taken for
four characters. The file has no times: every conversation begins at 0 until it is given some
(``retime`` of a replay). Questions without an answer are left out and counted.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from workloads.formats._batch import Batch, sound
from workloads.formats._files import Head
from workloads.formats._json import document, rows_of_list
from workloads.formats._rows import Ledger, Rows, column_of
from workloads.formats._text_tokens import ASSUMPTION, tokens_of
from workloads.formats._turns import predecessors, starts
from workloads.segments import Segments
from workloads.sessions import grown_prompts

__all__ = ["batches", "recognise"]

MODEL = ("gpt", "chatgpt", "assistant", "bing", "bard", "model")
Turn = tuple[int, int]
"""Tokens of new text, tokens of the answer."""


def recognise(head: Head) -> bool:
    """Whether it is a JSON list with conversations of from and value."""
    keys = ('"conversations"', '"from"', '"value"')
    return head.text.lstrip().startswith("[") and all(key in head.text for key in keys)


def batches(ledger: Ledger) -> Iterator[Batch]:
    """All answers of the file, in one batch."""
    found = rows_of_list(ledger, document(ledger), "conversation")
    talks: list[tuple[int, list[Turn]]] = []
    for line, record in zip(found.lines.tolist(), found.values(""), strict=True):
        turns = _turns(ledger, line, record)
        if turns:
            talks.append((line, turns))
    ledger.notes |= {"assumed": ASSUMPTION, "no_times": True}
    ledger.settle()
    sizes = [len(turns) for _, turns in talks]
    flat = [turn for _, turns in talks for turn in turns]
    lines = np.repeat(np.array([line for line, _ in talks], dtype=np.int64), sizes)
    rows = Rows(ledger, lines, column_of([{}] * len(flat)))
    new = np.array([turn[0] for turn in flat], dtype=np.int64)
    output = np.array([turn[1] for turn in flat], dtype=np.int64)
    first = np.repeat(starts(sizes), sizes)
    said = Segments(np.arange(len(flat) + 1), np.arange(len(flat)), new)
    prompts = grown_prompts(first, said, output)
    yield sound(
        rows,
        "conversations",
        np.zeros(len(flat)),
        prompts.row_tokens(),
        output,
        session=np.repeat(np.arange(len(sizes)), sizes),
        follows=predecessors(sizes),
        delay_s=np.zeros(len(flat)),
        segments=prompts,
    )


def _turns(ledger: Ledger, line: int, record: Mapping[str, Any]) -> list[Turn]:
    """The answers of one conversation with the text that is new before each."""
    messages = record.get("conversations")
    if not isinstance(messages, list):
        ledger.problem(line, "conversations: expected a list of messages")
        return []
    turns: list[Turn] = []
    waiting = 0
    for message in messages:
        text = message.get("value") if isinstance(message, Mapping) else None
        if not isinstance(text, str):
            ledger.problem(line, "conversations: expected messages with a text as value")
            return []
        tokens = tokens_of(text)
        if message.get("from") in MODEL and waiting and tokens:
            turns.append((waiting, tokens))
            waiting = 0
        else:
            waiting += tokens
    if waiting:
        reason = "questions without an answer"
        ledger.dropped[reason] = ledger.dropped.get(reason, 0) + 1
    return turns
