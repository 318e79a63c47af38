"""LiteLLM spend logs: its table exported as CSV, as JSON Lines, or as the API's JSON list.

``startTime``, ``prompt_tokens``, ``completion_tokens``; the team, else the user, is the tenant.
Left out and counted: failed calls, calls that LiteLLM answered from its own cache, and calls
without an answer (embeddings). The log may be in any order.
"""

from collections.abc import Iterator

import numpy as np

from workloads.formats._batch import Batch, answered, sound
from workloads.formats._files import Head
from workloads.formats._rows import Ledger, Rows
from workloads.formats._tables import keys_of, rows_of

__all__ = ["batches", "recognise"]

COLUMNS = ("startTime", "prompt_tokens", "completion_tokens")


def recognise(head: Head) -> bool:
    """Whether it has LiteLLM's columns."""
    return set(COLUMNS) <= keys_of(head)


def batches(ledger: Ledger) -> Iterator[Batch]:
    """Answered calls, batch by batch."""
    ledger.in_order = False
    for rows in rows_of(ledger, COLUMNS, quoted_newlines=True):
        if rows.has("status"):
            rows.drop(rows.words("status") == "failure", "failed calls")
        if rows.has("cache_hit"):
            hit = [str(word).lower() == "true" for word in rows.words("cache_hit")]
            rows.drop(np.array(hit, dtype=np.bool_), "calls answered by LiteLLM's own cache")
        times = rows.wall_ns("startTime", epoch=True)
        reason = "calls without an answer (0 completion tokens)"
        prompt, output = answered(rows, *COLUMNS[1:], reason)
        yield sound(rows, "startTime", times, prompt, output, tenant=_tenant(rows))


def _tenant(rows: Rows) -> np.ndarray[tuple[int], np.dtype[np.object_]]:
    tenant = np.full(len(rows.lines), None, dtype=object)
    for column in ("team_id", "user"):
        if rows.has(column):
            tenant = np.where(tenant == None, rows.words(column), tenant)  # noqa: E711
    return tenant
