"""splitwise-sim traces.

``request_id,request_type,application_id,arrival_timestamp,batch_size,prompt_size,token_size``:
times in seconds, ``request_type`` 2 is an LLM's; requests of another type are left out and counted.
The application is given as the tenant. A ``batch_size`` other than 1 is refused: what a row of
several sequences means for arrivals the format does not say.

Source: github.com/Mutinifni/splitwise-sim, MIT.
"""

from collections.abc import Iterator

from workloads.formats._batch import Batch, sound
from workloads.formats._csv import header_of, rows_of
from workloads.formats._files import Head
from workloads.formats._rows import Ledger

__all__ = ["batches", "recognise"]

COLUMNS = ("request_type", "arrival_timestamp", "prompt_size", "token_size")
_LLM = 2


def recognise(head: Head) -> bool:
    """Whether the first line has splitwise-sim's columns."""
    return set(COLUMNS) <= set(header_of(head.first_line))


def batches(ledger: Ledger) -> Iterator[Batch]:
    """Requests of the file, batch by batch."""
    for rows in rows_of(ledger, COLUMNS):
        kind = rows.ints("request_type", least=0)
        rows.drop(kind != _LLM, "requests that are not an LLM's (request_type other than 2)")
        times = rows.seconds("arrival_timestamp")
        prompt, output = rows.tokens("prompt_size"), rows.tokens("token_size")
        if rows.has("batch_size"):
            rows.ints("batch_size", least=1, most=1)
        tenant = rows.words("application_id") if rows.has("application_id") else None
        yield sound(rows, "arrival_timestamp", times, prompt, output, tenant=tenant)
