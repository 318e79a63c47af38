"""The table of requests on disk, a chapter at a time."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from simulator.record.chapter import Chapter
from simulator.record.tables import TABLES

__all__ = ["RequestRows"]


class RequestRows:
    """Writes ``requests.parquet``: the rows of each chapter as they end, by `request_id` in each.

    Columns are those of the table `requests`; words are text.
    """

    def __init__(self, path: Path) -> None:
        self._arrow = import_module("pyarrow")
        kinds = {"int64": "int64", "float64": "float64", "category": "string"}
        self._schema = self._arrow.schema(
            [(column.name, getattr(self._arrow, kinds[column.dtype])())
             for column in TABLES["requests"]]
        )  # fmt: skip
        parquet = import_module("pyarrow.parquet")
        self._writer: Any = parquet.ParquetWriter(path, self._schema, compression="zstd")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._writer.close()

    def add(self, chapter: Chapter) -> None:
        """Write the requests that ended in a chapter."""
        table = chapter.ended.requests
        words = {
            column.name: table[column.name].astype(object)
            for column in TABLES["requests"]
            if column.dtype == "category"
        }
        rows = self._arrow.Table.from_pandas(
            table.assign(**words), schema=self._schema, preserve_index=False
        )
        self._writer.write_table(rows.replace_schema_metadata(None))
