"""GuideLLM benchmark reports (JSON): the requests of every benchmark in the file, on one clock.

Per request ``request_start_time`` [s] (``start_time`` in older reports), ``prompt_tokens`` and
``output_tokens``. Requests that failed or were cut short are left out and counted.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from workloads.formats._batch import Batch, as_ns, sound
from workloads.formats._files import Head
from workloads.formats._json import document, rows_of_list
from workloads.formats._rows import Ledger

__all__ = ["batches", "recognise"]


def recognise(head: Head) -> bool:
    """Whether it is one JSON object that holds benchmarks."""
    return head.text.lstrip().startswith("{") and '"benchmarks"' in head.text


def batches(ledger: Ledger) -> Iterator[Batch]:
    """Successful requests, in one batch."""
    report = document(ledger)
    benchmarks = report.get("benchmarks") if isinstance(report, dict) else None
    if not isinstance(benchmarks, list):
        raise ledger.fail("has no list 'benchmarks'; expected a GuideLLM report in JSON")
    records = [_renamed(record) for b in benchmarks for record in _group(b, "successful")]
    lost = sum(len(_group(b, group)) for b in benchmarks for group in ("errored", "incomplete"))
    if lost:
        ledger.dropped["failed or cut short"] = lost
    ledger.notes["benchmarks"] = len(benchmarks)
    ledger.in_order = False
    rows = rows_of_list(ledger, records, "request")
    times = as_ns(rows.numbers("request_start_time"))
    prompt, output = rows.tokens("prompt_tokens"), rows.tokens("output_tokens")
    yield sound(rows, "request_start_time", times, prompt, output)


def _group(benchmark: Any, group: str) -> list[Any]:
    requests = benchmark.get("requests") if isinstance(benchmark, Mapping) else None
    found = requests.get(group) if isinstance(requests, Mapping) else None
    return found if isinstance(found, list) else []


def _renamed(record: Any) -> Any:
    if isinstance(record, Mapping) and "request_start_time" not in record:
        return {**record, "request_start_time": record.get("start_time")}
    return record
