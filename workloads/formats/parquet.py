"""Parquet: servecast's own files, which keep all of a trace, and those of others by their columns.

Own files have the columns of a trace under their own names, with ``segment_ids`` and
``segment_lengths`` as lists. In a file of others ``columns`` says what is what, as for a plain
CSV; its times may be seconds, or timestamps (then the first request is at 0).
"""

import json
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import numpy as np

from hardware_profiles.errors import did_you_mean
from workloads.clients import Client
from workloads.formats._batch import Batch, numbered, sound
from workloads.formats._files import Head
from workloads.formats._rows import Ledger, Rows
from workloads.segments import Ints, Segments, offsets_of

__all__ = ["META_KEY", "SEGMENT_COLUMNS", "batches", "recognise"]

META_KEY = b"servecast"
"""Where the rest of a trace is in the metadata of its file."""
SEGMENT_COLUMNS = ("segment_ids", "segment_lengths")
NEEDED = ("arrival_s", "prompt_tokens", "output_tokens")
WHOLE = ("priority", "session", "follows", "client")
BATCH_ROWS = 1 << 19
_ANY = 2**63 - 1


def recognise(head: Head) -> bool:
    """Whether it begins as all Parquet files do."""
    return head.raw.startswith(b"PAR1")


def batches(ledger: Ledger) -> Iterator[Batch]:
    """Requests of the file, batch by batch.

    A trace whose rows refer to one another (turns to earlier ones, prompts to answers) comes in
    one batch.
    """
    arrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")
    ledger.place = "row"
    try:
        # With pre_buffer, what has been read stays in memory to the end of the file.
        with parquet.ParquetFile(ledger.path, pre_buffer=False) as file:
            refers = _take_notes(ledger, file.schema_arrow.metadata or {})
            found = file.schema_arrow.names
            for key in NEEDED:
                column = ledger.columns.get(key, key)
                if column not in found:
                    raise ledger.fail(f"no column {column!r}; {did_you_mean(column, found)}")
            row, sessions = 0, dict[str, int]()
            size = max(file.metadata.num_rows, 1) if refers else BATCH_ROWS
            for table in file.iter_batches(size):
                yield _batch(ledger, table, row, sessions)
                row += table.num_rows
    except (arrow.ArrowException, OSError) as error:
        raise ledger.fail(f"is cut off, or no Parquet file: {error}") from None


def _take_notes(ledger: Ledger, metadata: dict[bytes, bytes]) -> bool:
    """Take over what a file of our own says of the trace; whether its rows refer to others."""
    if META_KEY not in metadata:
        return False
    notes = json.loads(metadata[META_KEY])
    ledger.notes |= notes["meta"]
    ledger.traits = {
        "closed_loop": notes["closed_loop"],
        "max_concurrency": notes["max_concurrency"],
        "clients": tuple(Client.parse(client) for client in notes["clients"]),
    }
    return bool(notes["refers"])


def _batch(ledger: Ledger, table: Any, row: int, sessions: dict[str, int]) -> Batch:
    present = set(table.schema.names)
    lines = np.arange(row + 1, row + 1 + table.num_rows)
    rows = Rows(ledger, lines, lambda name: _column(table, name))
    name = {key: ledger.columns.get(key, key) for key in (*NEEDED, *WHOLE, "tenant", "delay_s")}
    stamped = import_module("pyarrow").types.is_timestamp(
        table.schema.field(name["arrival_s"]).type
    )
    times = rows.wall_ns(name["arrival_s"]) if stamped else rows.seconds(name["arrival_s"])
    optional: dict[str, Any] = {
        key: rows.ints(name[key], -_ANY, _ANY, -1)
        for key in WHOLE
        if name[key] in present and (key != "session" or _is_whole(table, name[key]))
    }
    if name["session"] in present and "session" not in optional:
        optional["session"] = numbered(rows.words(name["session"]), sessions)
    if name["tenant"] in present:
        optional["tenant"] = rows.words(name["tenant"])
    if name["delay_s"] in present:
        optional["delay_s"] = rows.numbers(name["delay_s"], absent=0)
    if present.issuperset(SEGMENT_COLUMNS):
        optional["segments"] = _segments(table)
    prompt, output = rows.tokens(name["prompt_tokens"]), rows.tokens(name["output_tokens"])
    return sound(rows, name["arrival_s"], times, prompt, output, **optional)


def _column(table: Any, name: str) -> Any:
    """A column as text or as a NumPy array."""
    types = import_module("pyarrow").types
    column = table.column(name)
    text = types.is_string(column.type) or types.is_large_string(column.type)
    if types.is_dictionary(column.type):
        return column.dictionary_decode()
    return column if text else column.to_numpy(zero_copy_only=False)


def _is_whole(table: Any, name: str) -> bool:
    return bool(import_module("pyarrow").types.is_integer(table.schema.field(name).type))


def _segments(table: Any) -> Segments:
    ids, lengths = (table.column(name) for name in SEGMENT_COLUMNS)
    counts = ids.value_lengths().to_numpy(zero_copy_only=False)
    flat: list[Ints] = [
        part.flatten().to_numpy(zero_copy_only=False).astype(np.int64) for part in (ids, lengths)
    ]
    return Segments(offsets_of(counts), *flat)
