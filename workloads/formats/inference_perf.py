"""inference-perf's ``per_request_lifecycle_metrics.json``: a JSON list, times in seconds.

``start_time``, ``info.input_tokens``, ``info.output_tokens``, ``error``. Requests with an error
are left out and counted.
"""

from collections.abc import Iterator

import numpy as np

from workloads.formats._batch import Batch, as_ns, sound
from workloads.formats._files import Head
from workloads.formats._json import document, rows_of_list
from workloads.formats._rows import Ledger

__all__ = ["batches", "recognise"]


def recognise(head: Head) -> bool:
    """Whether it is a JSON list of requests with start and info."""
    keys = ('"start_time"', '"info"')
    return head.text.lstrip().startswith("[") and all(key in head.text for key in keys)


def batches(ledger: Ledger) -> Iterator[Batch]:
    """Answered requests, in one batch, in any order."""
    ledger.in_order = False
    rows = rows_of_list(ledger, document(ledger), "entry")
    failed = [isinstance(e, str | dict) and bool(e) for e in rows.values("error")]
    rows.drop(np.array(failed, dtype=np.bool_), "requests with an error")
    times = as_ns(rows.numbers("start_time"))
    prompt, output = rows.tokens("info.input_tokens"), rows.tokens("info.output_tokens")
    yield sound(rows, "start_time", times, prompt, output)
