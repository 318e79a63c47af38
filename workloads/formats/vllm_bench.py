"""Results of ``vllm bench serve --save-result --save-detailed``: one JSON document.

Its arrays ``start_times`` [s], ``input_lens``, ``output_lens`` [tokens] and ``errors`` are the
requests that were sent; the first is put at 0. Requests that failed are left out and counted.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from workloads.formats._batch import Batch, as_ns, sound
from workloads.formats._files import Head
from workloads.formats._json import document, rows_of_list
from workloads.formats._rows import Ledger

__all__ = ["batches", "recognise"]

ARRAYS = ("start_times", "input_lens", "output_lens")


def recognise(head: Head) -> bool:
    """Whether it is one JSON object with the keys that vLLM writes first."""
    keys = ('"backend"', '"num_prompts"', '"request_rate"')
    return head.text.lstrip().startswith("{") and all(key in head.text for key in keys)


def batches(ledger: Ledger) -> Iterator[Batch]:
    """Requests of the run, in one batch."""
    result = document(ledger)
    arrays = _arrays(ledger, result)
    errors = result.get("errors") or [""] * len(arrays["start_times"])
    records = [dict(zip(arrays, row, strict=True)) for row in zip(*arrays.values(), strict=True)]
    ledger.in_order = False
    rows = rows_of_list(ledger, records, "request")
    failed = np.array([bool(error) for error in errors[: len(records)]], dtype=np.bool_)
    rows.drop(failed, "failed requests")
    times = as_ns(rows.numbers("start_times"))
    prompt, output = rows.tokens("input_lens"), rows.tokens("output_lens")
    yield sound(rows, "start_times", times, prompt, output)


def _arrays(ledger: Ledger, result: Any) -> dict[str, list[Any]]:
    """The needed arrays, all of one length."""
    if not isinstance(result, dict):
        raise ledger.fail(f"expected one JSON object, found {type(result).__name__}")
    arrays = {}
    for name in ARRAYS:
        if not isinstance(result.get(name), list):
            raise ledger.fail(f"has no array {name!r}; run the benchmark with --save-detailed")
        arrays[name] = result[name]
    if len({len(array) for array in arrays.values()}) > 1:
        sizes = ", ".join(f"{name}: {len(array)}" for name, array in arrays.items())
        raise ledger.fail(f"its arrays are of different lengths ({sizes}); expected one length")
    return arrays
