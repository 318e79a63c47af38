"""Result: what a run leaves behind, as frozen tables with the scenario beside them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd
import yaml

from hardware_profiles.errors import InputError
from hardware_profiles.profile import load_yaml
from simulator.record.files import read_parquet, write_json, write_parquet
from simulator.record.metrics import gaps
from simulator.record.overflowed import overflow_by
from simulator.record.store import whole_folder
from simulator.record.summary import summarise
from simulator.record.tables import empty, frame, glossary, names
from simulator.record.timeline import timeline
from simulator.scenario import Scenario

__all__ = ["Result"]

SCENARIO_FILE = "scenario.yaml"
SUMMARY_FILE = "summary.json"


@dataclass(frozen=True, eq=False, kw_only=True)
class Result:
    """Everything a run recorded. Tables are shared, not copied: read them, do not write them.

    Columns, units and meanings are in `simulator.record.tables`; derived quantities are functions
    of a Result in `metrics`, `timeline` and `summary`, and its bill in `simulator.economics`.
    """

    TABLES: ClassVar[tuple[str, ...]] = (
        "requests",
        "steps",
        "chunks",
        "decodes",
        "replicas",
        "intervals",
        "events",
        "calls",
    )

    scenario: Scenario
    version: str
    """Version of servecast that made the run."""
    horizon_s: float
    """End of the run; it begins at 0. [s]"""
    requests: pd.DataFrame
    steps: pd.DataFrame
    chunks: pd.DataFrame
    decodes: pd.DataFrame
    replicas: pd.DataFrame
    intervals: pd.DataFrame
    events: pd.DataFrame = field(default_factory=lambda: empty("events"))
    """What happened to the fleet: replicas that came and went, faults, losses."""
    calls: pd.DataFrame = field(default_factory=lambda: empty("calls"))
    """What was asked of endpoints."""
    traffic: Mapping[str, Any] = field(default_factory=dict)
    """Where the requests came from, and what was assumed, left out or skipped to have them."""

    def __post_init__(self) -> None:
        stamp = {
            "scenario": self.scenario.name,
            "version": self.version,
            "horizon_s": self.horizon_s,
        }
        for table in self.TABLES:
            columns = list(self.table(table).columns)
            if columns != names(table):
                raise ValueError(f"table {table!r} has columns {columns}")
            self.table(table).attrs.update(stamp)

    def table(self, name: str) -> pd.DataFrame:
        """The recorded table of that name."""
        table: pd.DataFrame = getattr(self, name)
        return table

    def equals(self, other: Result) -> bool:
        """Same scenario, version, horizon, and every table the same to the last bit."""
        return (
            self.scenario == other.scenario
            and self.version == other.version
            and self.horizon_s == other.horizon_s
            and all(self.table(name).equals(other.table(name)) for name in self.TABLES)
        )

    def save(
        self,
        folder: Path | str,
        also: Callable[[Path], object] | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> Path:
        """Write the run into `folder`, whole or not at all; the same run gives the same bytes.

        Writes ``<table>.parquet`` for each recorded table and for `timeline`, `gaps` and
        `overflow`, ``summary.json``, ``scenario.yaml`` (every name resolved) and ``glossary.csv``.

        Parameters
        ----------
        folder : new, empty, or an older saved run, which is replaced.
        more : sections to add to the summary.
        also : called with the folder being written, to add the bill or figures to the same whole.

        Raises
        ------
        InputError
            If the folder cannot be written or holds something else.
        """
        folder = Path(folder)
        with whole_folder(folder, SUMMARY_FILE) as partial:
            derived = {
                "timeline": timeline(self),
                "gaps": gaps(self),
                "overflow": overflow_by(self),
            }
            for name in self.TABLES:
                write_parquet(self.table(name), partial / f"{name}.parquet")
            for name, table in derived.items():
                table.attrs.update(self.requests.attrs)
                write_parquet(table, partial / f"{name}.parquet")
            write_json({**summarise(self), **(more or {})}, partial / SUMMARY_FILE)
            resolved = yaml.safe_dump(self.scenario.model_dump(mode="json"), sort_keys=False)
            (partial / SCENARIO_FILE).write_text(resolved, encoding="utf-8")
            glossary().to_csv(partial / "glossary.csv", index=False, lineterminator="\n")
            if also is not None:
                also(partial)
        return folder

    @classmethod
    def load(cls, folder: Path | str) -> Result:
        """Read back what `save` wrote.

        Raises
        ------
        InputError
            If a file is missing or is not what `save` writes.
        """
        folder = Path(folder)
        scenario = Scenario.parse(load_yaml(folder / SCENARIO_FILE))
        read = {name: read_parquet(folder / f"{name}.parquet") for name in cls.TABLES}
        stamp = read["requests"].attrs
        try:
            # Through `frame`, since Parquet does not keep the categories of a table without rows.
            frames = {
                name: frame(name, {str(column): table[column] for column in table.columns})
                for name, table in read.items()
            }
            version, horizon_s = str(stamp["version"]), float(stamp["horizon_s"])
            traffic = json.loads((folder / SUMMARY_FILE).read_text("utf-8"))["traffic"]
            return cls(
                scenario=scenario, version=version, horizon_s=horizon_s, traffic=traffic, **frames
            )
        except (KeyError, ValueError, OSError) as error:
            raise InputError(f"{folder}: not a run saved by this version: {error}") from error
