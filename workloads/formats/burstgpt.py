"""BurstGPT: calls of ChatGPT and GPT-4 through Azure OpenAI over months.

Columns: ``Timestamp,[Session ID],[Elapsed time],Model,Request tokens,Response tokens,Total tokens,
Log Type``.
``Timestamp`` is seconds from 00:00 of the first day; the first request of the file is put at 0.
``Elapsed time`` is the whole duration, not the time to the first token; it and ``Session ID`` are
only in the newer files. A failed call has 0 response tokens: such rows were never answered, so
they are left out and counted. The model is given as the tenant.

Source: github.com/HPMLL/BurstGPT, CC-BY-4.0.
"""

from collections.abc import Iterator

from workloads.formats._batch import Batch, answered, as_ns, numbered, sound
from workloads.formats._csv import header_of, rows_of
from workloads.formats._files import Head
from workloads.formats._rows import Ledger

__all__ = ["batches", "recognise"]

COLUMNS = ("Timestamp", "Model", "Request tokens", "Response tokens")


def recognise(head: Head) -> bool:
    """Whether the first line has BurstGPT's columns."""
    return {*COLUMNS, "Log Type"} <= set(header_of(head.first_line))


def batches(ledger: Ledger) -> Iterator[Batch]:
    """Answered requests of the file, batch by batch."""
    sessions: dict[str, int] = {}
    for rows in rows_of(ledger, COLUMNS):
        times = rows.seconds("Timestamp")
        prompt, output = answered(rows, *COLUMNS[2:], "failed calls (0 response tokens)")
        has_session = rows.has("Session ID")
        yield sound(
            rows,
            "Timestamp",
            as_ns(times),
            prompt,
            output,
            tenant=rows.words("Model"),
            session=numbered(rows.words("Session ID"), sessions) if has_session else None,
        )
