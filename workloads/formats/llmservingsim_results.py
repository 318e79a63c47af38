"""LLMServingSim's results: one served request a row, times in nanoseconds.

``instance id,request id,model,input,output,arrival,end_time,latency,queuing_delay,TTFT,TPOT,ITL``:
``arrival``, ``input`` and ``output`` are replayed. Rows stand in the order in which requests ended.
"""

from collections.abc import Iterator

from workloads.formats._batch import Batch, sound
from workloads.formats._csv import header_of, rows_of
from workloads.formats._files import Head
from workloads.formats._rows import Ledger

__all__ = ["batches", "recognise"]

COLUMNS = ("arrival", "input", "output")


def recognise(head: Head) -> bool:
    """Whether the first line has the columns of its results."""
    return {*COLUMNS, "request id", "end_time"} <= set(header_of(head.first_line))


def batches(ledger: Ledger) -> Iterator[Batch]:
    """Requests of the file, batch by batch, in any order."""
    ledger.in_order = False
    for rows in rows_of(ledger, COLUMNS):
        times = rows.seconds("arrival", scale=1e9)
        prompt, output = rows.tokens("input"), rows.tokens("output")
        yield sound(rows, "arrival", times, prompt, output)
