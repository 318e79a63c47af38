"""OpenAI batch files: JSON Lines of ``{custom_id, method, url, body}``, all asked for at once.

Prompts are the messages of the body; equal messages at the beginning are shared text. A token is
taken for four characters, and an answer is taken to be as long as the body's ``max_tokens`` (or
``max_completion_tokens``, ``max_output_tokens``) allows: what comes out is an upper bound.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from workloads.formats._batch import Batch, sound
from workloads.formats._files import Head
from workloads.formats._json import first_record, rows_of
from workloads.formats._rows import Ledger
from workloads.formats._text_tokens import ASSUMPTION, tokens_of
from workloads.segments import from_rows

__all__ = ["batches", "recognise"]

LIMITS = ("max_tokens", "max_completion_tokens", "max_output_tokens")
Pieces = list[tuple[int, int]]


def recognise(head: Head) -> bool:
    """Whether the first object is a call of the batch API."""
    return {"custom_id", "url", "body"} <= first_record(head).keys()


def batches(ledger: Ledger) -> Iterator[Batch]:
    """Requests of the file, batch by batch, all at 0."""
    numbers: dict[str, int] = {}
    ledger.notes["assumed"] = f"{ASSUMPTION}; answers are as long as max_tokens allows"
    for rows in rows_of(ledger):
        bodies = [body if isinstance(body, Mapping) else {} for body in rows.values("body")]
        prompts = [_prompt(body, numbers) for body in bodies]
        segments = from_rows(prompts)
        output = np.array([_limit(body) for body in bodies], dtype=np.int64)
        prompt = segments.row_tokens()
        rows.refuse(prompt < 1, "body", "messages, a prompt or an input with some text")
        rows.refuse(output < 1, "body", f"one of {', '.join(LIMITS)} of at least 1")
        times = np.zeros(len(bodies))
        yield sound(rows, "body", times, prompt, output, segments=segments)


def _prompt(body: Mapping[str, Any], numbers: dict[str, int]) -> Pieces:
    """Messages as segments; equal ones are one segment."""
    messages = body.get("messages", body.get("input", body.get("prompt")))
    parts = messages if isinstance(messages, list) else [messages]
    texts = [_text(part) for part in parts]
    return [(numbers.setdefault(text, len(numbers)), tokens_of(text)) for text in texts if text]


def _text(part: Any) -> str:
    """All text in a message."""
    if isinstance(part, str):
        return part
    if isinstance(part, list):
        return "".join(_text(piece) for piece in part)
    if isinstance(part, Mapping):
        return _text(part.get("content") or part.get("text") or "")
    return ""


def _limit(body: Mapping[str, Any]) -> int:
    found = next((body[key] for key in LIMITS if key in body), 0)
    return found if isinstance(found, int) and 0 < found < 2**31 else 0
