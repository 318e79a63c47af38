"""AIPerf's ``profile_export.jsonl``: one request a line, as of its layout of October 2025.

``metadata.request_start_ns``, ``metadata.conversation_id``, and the metrics
``input_sequence_length`` and ``output_sequence_length``, each ``{value, unit}``. Requests with an
error, cancelled ones and those of the warm-up are left out and counted.
"""

from collections.abc import Iterator

import numpy as np

from workloads.formats._batch import Batch, numbered, sound
from workloads.formats._files import Head
from workloads.formats._json import first_record, rows_of
from workloads.formats._rows import Ledger

__all__ = ["batches", "recognise"]

_ANY = 2**63 - 1


def recognise(head: Head) -> bool:
    """Whether the first object has metadata and metrics."""
    return {"metadata", "metrics"} <= first_record(head).keys()


def batches(ledger: Ledger) -> Iterator[Batch]:
    """Completed requests, batch by batch, in any order."""
    ledger.in_order = False
    sessions: dict[str, int] = {}
    for rows in rows_of(ledger):
        errors = np.array([bool(error) for error in rows.values("error")], dtype=np.bool_)
        cancelled = np.array([v is True for v in rows.values("metadata.was_cancelled")], np.bool_)
        phase = rows.words("metadata.benchmark_phase")
        rows.drop(errors & _known(rows.values("error")), "requests with an error")
        rows.drop(cancelled, "cancelled requests")
        rows.drop(phase == "warmup", "requests of the warm-up")
        times = rows.ints("metadata.request_start_ns", least=0, most=_ANY)
        prompt = rows.tokens("metrics.input_sequence_length.value")
        output = rows.tokens("metrics.output_sequence_length.value")
        session = numbered(rows.words("metadata.conversation_id"), sessions)
        yield sound(rows, "metadata.request_start_ns", times, prompt, output, session=session)


def _known(values: list[object]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Where a key is there at all (a key that is not there is truthy too)."""
    return np.array([isinstance(v, str | dict | list) for v in values], dtype=np.bool_)
