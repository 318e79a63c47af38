"""Traces to files: Parquet keeps all; Azure CSV and Mooncake JSONL are for load generators."""

import gzip
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

import numpy as np

from hardware_profiles.errors import InputError, did_you_mean
from workloads.block_names import block_names
from workloads.columns import OPTIONAL
from workloads.formats import mooncake
from workloads.formats.parquet import META_KEY, SEGMENT_COLUMNS
from workloads.trace import Trace

__all__ = ["FORMATS", "format_of", "lost_in", "write"]

_CHUNK = 1 << 16
EPOCH = datetime(2024, 1, 1, tzinfo=UTC)
"""When a trace without a date of its own begins, in formats that need one."""


def write(trace: Trace, path: Path | str, format: str | None = None) -> None:
    """Write a trace to a file, whole or not at all.

    Parameters
    ----------
    trace : what to write.
    path : the file; with ``.gz`` at the end, text is packed with gzip.
    format : ``parquet``, ``azure`` or ``mooncake``; by the suffix (.parquet, .csv, .jsonl) when not
        given.

    Raises
    ------
    InputError
        For an unknown format, or a trace that cannot be told in it.
    """
    path = Path(path)
    format = format_of(path, format)
    part = path.with_name(f".{path.name}.part")
    try:
        FORMATS[format](trace, part, path.suffix == ".gz")
        part.replace(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from None
    finally:
        part.unlink(missing_ok=True)


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


def _parquet(trace: Trace, path: Path, packed: bool) -> None:
    arrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")
    columns = {
        name: values
        for name in ("arrival_s", "prompt_tokens", "output_tokens", *OPTIONAL)
        if (values := getattr(trace, name)) is not None
    }
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
    table = arrow.table(columns).replace_schema_metadata({META_KEY: json.dumps(notes)})
    parquet.write_table(table, path, compression="zstd")


def _azure(trace: Trace, path: Path, packed: bool) -> None:
    ticks = np.rint(trace.arrival_s * 1e7).astype(np.int64)
    began = np.datetime64(str(trace.meta.get("began", EPOCH.strftime("%Y-%m-%dT%H:%M:%S"))), "ns")

    def lines() -> Iterator[str]:
        yield "TIMESTAMP,ContextTokens,GeneratedTokens\n"
        for start in range(0, len(trace), _CHUNK):
            rows = slice(start, start + _CHUNK)
            instants = np.datetime_as_string(began + ticks[rows] * 100, unit="ns")
            for instant, prompt, output in zip(
                instants.tolist(),
                trace.prompt_tokens[rows].tolist(),
                trace.output_tokens[rows].tolist(),
                strict=True,
            ):
                yield f"{instant[:10]} {instant[11:27]},{prompt},{output}\n"

    _write_lines(lines(), path, packed)


def _mooncake(trace: Trace, path: Path, packed: bool) -> None:
    def lines() -> Iterator[str]:
        rows = zip(
            (trace.arrival_s * 1e3).tolist(),
            trace.prompt_tokens.tolist(),
            trace.output_tokens.tolist(),
            block_names(trace, mooncake.BLOCK_TOKENS),
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


def _write_lines(lines: Iterator[str], path: Path, packed: bool) -> None:
    if packed:
        # No time of writing in the file: the same trace gives the same bytes.
        with path.open("wb") as raw, gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as stream:
            stream.writelines(line.encode() for line in lines)
    else:
        with path.open("w", encoding="utf-8", newline="\n") as text:
            text.writelines(lines)


FORMATS: dict[str, Callable[[Trace, Path, bool], None]] = {
    "parquet": _parquet,
    "azure": _azure,
    "mooncake": _mooncake,
}
_BY_SUFFIX = {".parquet": "parquet", ".csv": "azure", ".jsonl": "mooncake"}
