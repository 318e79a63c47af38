"""Agentic Mooncake traces, as NVIDIA Dynamo replays them: a graph of calls.

Mooncake's keys and ``request_id``, ``session_id``, ``wait_for`` (the calls whose answers come
first), ``delay`` and ``tool_wait_ms`` [ms]. A call without a ``timestamp`` is put where it would
fall if answers came as fast as assumed. Of several calls waited for, the one that ends last on
that assumption is kept as the one it follows. ``delay`` and ``tool_wait_ms`` are taken to run at
the same time, so the longer counts. ``branches``, ``prefix_reset`` and ``tool_events`` add nothing:
what is repeated of a prompt is in ``hash_ids``.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from workloads.formats._batch import Batch, numbered, sound
from workloads.formats._files import Head
from workloads.formats._hashes import HashBook, segments_of
from workloads.formats._json import first_record, rows_of
from workloads.formats._parse import MISSING
from workloads.formats._rows import Ledger, Rows, column_of
from workloads.formats._turns import Chain, assumption, estimate
from workloads.formats.mooncake import BLOCK_TOKENS
from workloads.process import Seconds
from workloads.segments import Ints

__all__ = ["batches", "recognise"]


def recognise(head: Head) -> bool:
    """Whether the first object has Mooncake's keys and those of a graph of calls."""
    keys = first_record(head).keys()
    return {"input_length", "output_length", "request_id"} <= keys and bool(
        {"wait_for", "session_id"} & keys
    )


def batches(ledger: Ledger) -> Iterator[Batch]:
    """All calls of the file, in one batch; a call is written below those it waits for."""
    ledger.in_order = False
    ledger.notes |= {"block_tokens": BLOCK_TOKENS, "assumed": assumption()}
    found = list(rows_of(ledger))
    records = [record for rows in found for record in rows.values("")]
    lines = np.concatenate([np.zeros(0, dtype=np.int64), *(rows.lines for rows in found)])
    rows = Rows(ledger, lines, column_of(records))
    prompt, output = rows.tokens("input_length"), rows.tokens("output_length")
    ms = np.maximum(rows.numbers("delay", absent=0), rows.numbers("tool_wait_ms", absent=0))
    rows.refuse(ms < 0, "delay", "a time of at least 0 ms")
    stamps = rows.numbers("timestamp", absent=-1) / 1e3
    times, follows = _placed(rows, stamps, output, ms / 1e3)
    yield sound(
        rows,
        "timestamp",
        times,
        prompt,
        output,
        session=numbered(rows.words("session_id"), {}),
        follows=follows,
        delay_s=np.where(follows < 0, 0.0, ms / 1e3),
        segments=segments_of(rows, "hash_ids", prompt, BLOCK_TOKENS, HashBook()),
    )


def _placed(rows: Rows, stamps: Seconds, output: Ints, delay: Seconds) -> tuple[Seconds, Ints]:
    """Instant of each call, and the row of the call it follows."""
    place = {name: row for row, name in enumerate(rows.words("request_id")) if name is not None}
    times = np.where(stamps < 0, 0.0, stamps)
    follows = np.full(len(times), -1, dtype=np.int64)
    unknown = np.zeros(len(times), dtype=np.bool_)
    lost = np.zeros(len(times), dtype=np.bool_)
    for row, names in enumerate(_lists(rows.values("wait_for"))):
        before = [place.get(str(name), row) for name in names]
        unknown[row] = any(earlier >= row for earlier in before)
        lost[row] = stamps[row] < 0 and not before
        if not before or unknown[row]:
            continue
        ready = [
            estimate(Chain(float(times[b]), [int(output[b]), 0], [0.0, float(delay[row])]))[1]
            for b in before
        ]
        follows[row] = before[int(np.argmax(ready))]
        if stamps[row] < 0:
            times[row] = max(ready)
    rows.refuse(unknown, "wait_for", "request_ids of lines above")
    rows.refuse(lost, "timestamp", "a time, or a call to wait for")
    early = (follows >= 0) & (times < times[follows])
    rows.refuse(early, "timestamp", "a time not before that of the call it waits for")
    return times, follows


def _lists(values: list[Any]) -> list[list[Any]]:
    """Lists as they are; a single name is a list of one, nothing is an empty list."""
    return [
        v if isinstance(v, list) else [] if v is None or v is MISSING or v == "" else [v]
        for v in values
    ]
