"""DistServe traces: a JSON list of ``{start_time [s], prompt_len, output_len}``.

Source: github.com/LLMServe/DistServe, simdistserve, Apache-2.0.
"""

from collections.abc import Iterator

from workloads.formats._batch import Batch, sound
from workloads.formats._files import Head
from workloads.formats._json import document, rows_of_list
from workloads.formats._rows import Ledger

__all__ = ["batches", "recognise"]


def recognise(head: Head) -> bool:
    """Whether it is a JSON list whose first entries have DistServe's keys."""
    keys = ('"start_time"', '"prompt_len"', '"output_len"')
    return head.text.lstrip().startswith("[") and all(key in head.text for key in keys)


def batches(ledger: Ledger) -> Iterator[Batch]:
    """Requests of the file, in one batch."""
    rows = rows_of_list(ledger, document(ledger), "entry")
    times = rows.seconds("start_time")
    prompt, output = rows.tokens("prompt_len"), rows.tokens("output_len")
    yield sound(rows, "start_time", times, prompt, output)
