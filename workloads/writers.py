"""Traces to files: Parquet keeps all; Azure CSV and Mooncake JSONL are for load generators."""

import gzip
import json
import os
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hardware_profiles.errors import InputError, did_you_mean
from workloads.block_names import BlockBook
from workloads.columns import OPTIONAL
from workloads.formats import mooncake
from workloads.formats.parquet import META_KEY, SEGMENT_COLUMNS
from workloads.trace import Trace

__all__ = ["FORMATS", "format_of", "lost_in", "write"]

_CHUNK = 1 << 16
EPOCH = "2024-01-01T00:00:00"
"""When a trace without a date of its own begins, in formats that need one."""


def write(
    trace: Trace | Iterable[Trace], path: Path | str, format: str | None = None
) -> tuple[int, float]:
    """Write a trace to a file, whole or not at all.

    Parameters
    ----------
    trace : what to write; or its pieces on one clock, none of which is kept.
    path : the file; with ``.gz`` at the end, text is packed with gzip.
    format : ``parquet``, ``azure`` or ``mooncake``; by the suffix (.parquet, .csv, .jsonl) when not
        given.

    Returns
    -------
    Number of requests, and the arrival of the last. [s]

    Raises
    ------
    InputError
        For an unknown format, or pieces whose rows refer to one another.
    """
    path = Path(path)
    format = format_of(path, format)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    count = _Count([trace] if isinstance(trace, Trace) else trace)
    try:
        FORMATS[format](iter(count), part, path.suffix == ".gz")
        part.replace(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from None
    finally:
        part.unlink(missing_ok=True)
    return count.requests, count.last_s


class _Count:
    """Pieces of a trace, counted as they pass."""

    def __init__(self, pieces: Iterable[Trace]) -> None:
        self._pieces = pieces
        self.requests, self.last_s = 0, 0.0

    def __iter__(self) -> Iterator[Trace]:
        for piece in self._pieces:
            self.requests += len(piece)
            self.last_s = float(piece.arrival_s[-1])
            yield piece


def format_of(path: Path, format: str | None = None) -> str:
    """Format a file is written in, by its suffix when none is given.

    Raises
    ------
    InputError
        If there is no such format.
    """
    suffix = Path(path.stem if path.suffix == ".gz" else path.name).suffix
    found = format or _BY_SUFFIX.get(suffix, "")
    if found not in FORMATS:
        raise InputError(
            f"{path}: cannot write the format {found or suffix!r}; {did_you_mean(found, FORMATS)}"
        )
    return found


def lost_in(trace: Trace, format: str) -> list[str]:
    """What of this trace the format has no place for."""
    if format == "parquet":
        return []
    there = [name for name in OPTIONAL if getattr(trace, name) is not None]
    if not trace.priority.any():
        there.remove("priority")
    if trace.segments is not None:
        if format == "azure":
            there.append("prompt identity")
        elif not _in_blocks(trace):
            there.append("prompt identity finer than blocks of 512 tokens")
    if trace.closed_loop:
        there.append("the closed loop")
    return there


def _in_blocks(trace: Trace) -> bool:
    """Whether each prompt is full blocks of one segment each, and at most one part filled."""
    assert trace.segments is not None
    offsets, ids, lengths = trace.segments
    last = np.zeros(len(ids), dtype=np.bool_)
    last[offsets[1:] - 1] = True
    whole = np.where(last, lengths <= mooncake.BLOCK_TOKENS, lengths == mooncake.BLOCK_TOKENS)
    return bool(whole.all() and (ids >= 0).all())


def _parquet(pieces: Iterator[Trace], path: Path, packed: bool) -> None:
    parquet = import_module("pyarrow.parquet")
    writer = None
    try:
        for number, piece in enumerate(pieces):
            table, refers = _table(piece)
            if writer is None:
                writer = parquet.ParquetWriter(path, table.schema, compression="zstd")
            if number and refers:
                raise InputError("a trace whose rows refer to one another is written in one piece")
            writer.write_table(table.replace_schema_metadata(writer.schema.metadata))
    finally:
        if writer is not None:
            writer.close()


def _table(trace: Trace) -> tuple[Any, bool]:
    """Arrow table of all columns, and whether rows refer to others."""
    arrow = import_module("pyarrow")
    columns = {
        name: values
        for name in ("arrival_s", "prompt_tokens", "output_tokens", *OPTIONAL)
        if (values := getattr(trace, name)) is not None
    }
    if trace.tenant is not None:
        columns["tenant"] = arrow.array(trace.tenant, arrow.string())
    refers = trace.follows is not None
    if trace.segments is not None:
        offsets, ids, lengths = trace.segments
        refers = refers or bool((ids < 0).any())
        for name, values in zip(SEGMENT_COLUMNS, (ids, lengths), strict=True):
            columns[name] = arrow.LargeListArray.from_arrays(offsets, values)
    notes = {
        "meta": dict(trace.meta),
        "closed_loop": trace.closed_loop,
        "max_concurrency": trace.max_concurrency,
        "clients": [client.model_dump(mode="json") for client in trace.clients],
        "refers": refers,
    }
    return arrow.table(columns).replace_schema_metadata({META_KEY: json.dumps(notes)}), refers


def _azure(pieces: Iterator[Trace], path: Path, packed: bool) -> None:
    def lines() -> Iterator[str]:
        yield "TIMESTAMP,ContextTokens,GeneratedTokens\n"
        began = None
        for piece in pieces:
            if began is None:
                began = np.datetime64(str(piece.meta.get("began", EPOCH)), "ns")
            for start in range(0, len(piece), _CHUNK):
                rows = slice(start, start + _CHUNK)
                ticks = np.rint(piece.arrival_s[rows] * 1e7).astype(np.int64)
                instants = np.datetime_as_string(began + ticks * 100, unit="ns")
                for instant, prompt, output in zip(
                    instants.tolist(),
                    piece.prompt_tokens[rows].tolist(),
                    piece.output_tokens[rows].tolist(),
                    strict=True,
                ):
                    yield f"{instant[:10]} {instant[11:27]},{prompt},{output}\n"

    _write_lines(lines(), path, packed)


def _mooncake(pieces: Iterator[Trace], path: Path, packed: bool) -> None:
    book = BlockBook(mooncake.BLOCK_TOKENS)

    def lines() -> Iterator[str]:
        for piece in pieces:
            rows = zip(
                _milliseconds(piece.arrival_s),
                piece.prompt_tokens.tolist(),
                piece.output_tokens.tolist(),
                book.names(piece),
                strict=True,
            )
            for ms, prompt, output, names in rows:
                record = {
                    "timestamp": int(ms) if ms == int(ms) else ms,
                    "input_length": prompt,
                    "output_length": output,
                    "hash_ids": names,
                }
                yield json.dumps(record) + "\n"

    _write_lines(lines(), path, packed)


def _milliseconds(seconds: NDArray[np.float64]) -> list[float]:
    """The shortest of the numbers that are read back as the same seconds."""
    exact = seconds * 1e3
    short = np.round(exact, 6)
    ms: list[float] = np.where(short / 1e3 == seconds, short, exact).tolist()
    return ms


def _write_lines(lines: Iterator[str], path: Path, packed: bool) -> None:
    if packed:
        # No time of writing in the file: the same trace gives the same bytes.
        with path.open("wb") as raw, gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as stream:
            stream.writelines(line.encode() for line in lines)
    else:
        with path.open("w", encoding="utf-8", newline="\n") as text:
            text.writelines(lines)


FORMATS: dict[str, Callable[[Iterator[Trace], Path, bool], None]] = {
    "parquet": _parquet,
    "azure": _azure,
    "mooncake": _mooncake,
}
_BY_SUFFIX = {".parquet": "parquet", ".csv": "azure", ".jsonl": "mooncake"}
