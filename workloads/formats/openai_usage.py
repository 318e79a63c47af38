"""Logs of OpenAI usage objects: JSON Lines with a time and how many tokens were used.

The time is ``timestamp``, ``created``, ``created_at`` or ``time``: a date, or a number since 1970.
Tokens are under ``usage`` or at the top: ``prompt_tokens`` and ``completion_tokens`` (chat), or
``input_tokens`` and ``output_tokens`` (responses). ``cached_tokens`` in the details of the prompt
say how much of it the provider found in its cache; the trace then *assumes* that all prompts of a
model with cached tokens begin with the same text, so that a prefix cache can find it here too.
Calls without an answer (0 tokens) are left out and counted. The log may be in any order.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from workloads.formats import _json
from workloads.formats._batch import Batch, answered, sound
from workloads.formats._files import Head
from workloads.formats._hashes import OWN
from workloads.formats._parse import MISSING
from workloads.formats._rows import Ledger, Rows, column_of
from workloads.segments import Ints, Segments, from_rows

__all__ = ["batches", "recognise"]

TIMES = ("timestamp", "created", "created_at", "time")
PROMPT, OUTPUT = ("prompt_tokens", "input_tokens"), ("completion_tokens", "output_tokens")


def recognise(head: Head) -> bool:
    """Whether the first object has a time and token counts as OpenAI calls them."""
    record = _json.first_record(head)
    if "startTime" in record:
        return False
    flat = _flat(record)
    return all(flat[key] is not MISSING for key in ("time", "prompt_tokens", "completion_tokens"))


def batches(ledger: Ledger) -> Iterator[Batch]:
    """Answered calls, batch by batch."""
    ledger.in_order = False
    models: dict[str | None, int] = {}
    for found in _json.rows_of(ledger):
        records = [_flat(record) for record in found.values("")]
        rows = Rows(ledger, found.lines, column_of(records))
        times = rows.wall_ns("time", epoch=True)
        reason = "calls without an answer (0 completion tokens)"
        prompt, output = answered(rows, "prompt_tokens", "completion_tokens", reason)
        cached = rows.ints("cached_tokens", least=0, absent=0)
        rows.refuse(cached > prompt, "cached_tokens", "no more cached than prompt tokens")
        model = rows.words("model")
        _note(ledger, cached[rows.good], prompt[rows.good])
        segments = _shared(prompt, cached, model, rows.lines, models)
        yield sound(rows, "time", times, prompt, output, tenant=model, segments=segments)


def _flat(record: Mapping[str, Any]) -> dict[str, Any]:
    """The few keys that matter, wherever this dialect has them."""
    usage = record.get("usage")
    used = usage if isinstance(usage, Mapping) else record
    details = used.get("prompt_tokens_details") or used.get("input_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, Mapping) else None
    return {
        "time": _first(record, TIMES),
        "prompt_tokens": _first(used, PROMPT),
        "completion_tokens": _first(used, OUTPUT),
        "cached_tokens": used.get("cached_tokens") if cached is None else cached,
        "model": record.get("model"),
    }


def _first(record: Mapping[str, Any], keys: tuple[str, ...]) -> Any:
    return next((record[key] for key in keys if key in record), MISSING)


def _shared(
    prompt: Ints, cached: Ints, model: Any, lines: Ints, models: dict[str | None, int]
) -> Segments:
    """Prompts as a beginning shared by all of the model, and text of their own."""
    rows = zip(prompt.tolist(), cached.tolist(), model, lines.tolist(), strict=True)
    return from_rows(
        [
            [(models.setdefault(name, len(models)), hit), (OWN + line, tokens - hit)]
            for tokens, hit, name, line in rows
        ]
    )


def _note(ledger: Ledger, cached: Ints, prompt: Ints) -> None:
    notes = ledger.notes
    notes["cached_tokens_in_log"] = notes.get("cached_tokens_in_log", 0) + int(cached.sum())
    notes["prompt_tokens_in_log"] = notes.get("prompt_tokens_in_log", 0) + int(prompt.sum())
    notes["assumed"] = "cached tokens are the beginning of one text shared by all of a model"
