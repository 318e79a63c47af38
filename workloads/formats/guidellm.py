"""GuideLLM benchmark reports (JSON or YAML): the requests of all benchmarks, on one clock.

Per request ``request_start_time`` [s] (``start_time`` in older reports), ``prompt_tokens`` and
``output_tokens``. Requests that failed or were cut short are left out and counted.
"""

import codecs
import re
from collections.abc import Iterator, Mapping
from typing import Any

from hardware_profiles.yaml_file import parse_yaml
from workloads.formats._batch import Batch, as_ns, sound
from workloads.formats._files import Head, head_of, open_text
from workloads.formats._json import document, rows_of_list
from workloads.formats._rows import Ledger

__all__ = ["batches", "recognise"]


def recognise(head: Head) -> bool:
    """Whether it is one object that holds benchmarks."""
    json_report = head.text.lstrip().startswith("{") and '"benchmarks"' in head.text
    return json_report or re.search(r"^benchmarks:", head.text, re.MULTILINE) is not None


def batches(ledger: Ledger) -> Iterator[Batch]:
    """Successful requests, in one batch."""
    report = _report(ledger)
    benchmarks = report.get("benchmarks") if isinstance(report, dict) else None
    if not isinstance(benchmarks, list):
        raise ledger.fail("has no list 'benchmarks'; expected a GuideLLM report in JSON or YAML")
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


def _report(ledger: Ledger) -> Any:
    if head_of(ledger.path).text.lstrip().startswith("{"):
        return document(ledger)
    with open_text(ledger.path) as stream:
        return parse_yaml(stream.read().removeprefix(codecs.BOM_UTF8), str(ledger.path))


def _group(benchmark: Any, group: str) -> list[Any]:
    requests = benchmark.get("requests") if isinstance(benchmark, Mapping) else None
    found = requests.get(group) if isinstance(requests, Mapping) else None
    return found if isinstance(found, list) else []


def _renamed(record: Any) -> Any:
    if isinstance(record, Mapping) and "request_start_time" not in record:
        return {**record, "request_start_time": record.get("start_time")}
    return record
