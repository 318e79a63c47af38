"""Carry a study out: run the cells that are missing, and lay all of them in one table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from experiments.cell import Outcome, Task, code_version, keep, load
from experiments.executors import Executor, executor
from experiments.grid import Point
from experiments.labels import shown
from experiments.replicating import runs_needed
from experiments.statistics import mean_interval
from experiments.store import Store, write_whole
from experiments.study import Study, Until
from experiments.summaries import differences, intervals
from hardware_profiles.errors import InputError

__all__ = ["StudyRun", "run_cells", "run_study"]

Progress = Callable[[float], None]
Run = tuple[int, int]
"""A point of the study and a replication of it."""


@dataclass(frozen=True, eq=False, kw_only=True)
class StudyRun:
    """What a study left behind."""

    study: Study
    table: pd.DataFrame
    """One row a cell: point, the values of the axes, replication, seed, status, error, metrics."""
    run_now: int
    """Cells that were run this time; the others had been before."""

    def summary(self) -> pd.DataFrame:
        """One row for each point and metric: mean over the replications, and its interval."""
        return intervals(self.study, self.table)

    def differences(self) -> pd.DataFrame:
        """One row for each point and metric: how it differs from the baseline, run by run."""
        return differences(self.study, self.table)

    @property
    def failed(self) -> pd.DataFrame:
        """Cells that failed, with the reason."""
        return self.table[self.table["status"] == "failed"]

    def save(self, folder: Path | str) -> None:
        """Write ``table.parquet``, ``table.csv``, ``summary.csv``, ``study.yaml`` into a folder."""
        folder = Store(folder).open().folder
        tables = {"table": self.table, "summary": self.summary()}
        if self.study.baseline is not None:
            tables["differences"] = self.differences()
        for name, table in tables.items():
            text = table.to_csv(index=False, lineterminator="\n")
            write_whole(folder / f"{name}.csv", text.encode())
        write_whole(folder / "table.parquet", self.table.to_parquet(index=False))
        told = yaml.safe_dump(self.study.model_dump(mode="json"), sort_keys=False)
        write_whole(folder / "study.yaml", told.encode())


def run_study(
    study: Study,
    folder: Path | str,
    *,
    n_jobs: int = 1,
    cluster: str | None = None,
    progress: Progress | None = None,
) -> StudyRun:
    """Run every cell of a study that `folder` does not hold yet.

    Each cell is kept as soon as it is finished, under the hash of its resolved scenario, the
    metrics and the version. So a study that was stopped, or killed, goes on where it was, and one
    to which a value was added runs that value alone.

    Parameters
    ----------
    folder : where ``cells/`` is kept; made if it is not there.
    n_jobs : processes; 1 runs all in this one, -1 takes one for each core.
    cluster : address of a dask scheduler whose workers run the cells instead.
    progress : called with the share that is done of what is to be run now.

    Raises
    ------
    InputError
        If the study makes no sense, the folder cannot be written, no cluster answers, or every
        cell failed.
    """
    execute = executor(n_jobs, cluster)
    store = Store(Path(folder) / "cells").open()
    points = study.points()
    counts = {i: _first(study) for i, point in enumerate(points) if point.scenario is not None}
    keys: dict[Run, str] = {}
    outcomes: dict[str, Outcome] = {}
    run_now = 0
    while True:
        tasks = {}
        for run in ((i, r) for i, count in counts.items() for r in range(count)):
            if run not in keys:
                task = _task(study, points[run[0]], run[1], store.folder)
                keys[run] = task.key
                tasks[keys[run]] = task
        run_now += run_cells(
            tasks, store, execute, outcomes, progress, cluster is not None, run_now
        )
        grown = {i: _wanted(study, i, n, keys, outcomes) for i, n in counts.items()}
        if grown == counts:
            break
        counts = grown
    table = _table(study, points, counts, keys, outcomes)
    if len(table) and (table["status"] == "failed").all():
        raise InputError(f"every cell failed; the first: {table['error'].iloc[0]}")
    return StudyRun(study=study, table=table, run_now=run_now)


def run_cells(
    tasks: Mapping[str, Task],
    store: Store,
    execute: Executor,
    outcomes: dict[str, Outcome],
    progress: Progress | None = None,
    keep_here: bool = False,
    before: int = 0,
) -> int:
    """Fill `outcomes` with those of the tasks; returns how many had to be run.

    Parameters
    ----------
    tasks : by key.
    keep_here : whether workers do not see the store, so that outcomes are kept as they arrive.
    before : cells that were run in earlier rounds of the same study, for the progress.
    """
    missing: dict[str, Task] = {}
    for key, task in tasks.items():
        known = outcomes.get(key) or load(store, key)
        if known is None:
            missing[key] = task
        else:
            outcomes[key] = known
    if not missing:
        return 0
    for done, outcome in enumerate(execute(list(missing.values())), start=1):
        if keep_here:
            keep(store, outcome, missing[outcome.key].scenario.name)
        outcomes[outcome.key] = outcome
        if progress is not None:
            progress((before + done) / (before + len(missing)))
    return len(missing)


def _first(study: Study) -> int:
    wanted = study.replications
    return wanted.least if isinstance(wanted, Until) else wanted


def _task(study: Study, point: Point, replication: int, folder: Path) -> Task:
    assert point.scenario is not None
    seed = point.scenario.seed + replication
    scenario = point.scenario.model_copy(update={"seed": seed})
    return Task(scenario, study.metrics, study.warm_up_s, code_version(), folder)


def _wanted(
    study: Study, i: int, count: int, keys: Mapping[Run, str], outcomes: Mapping[str, Outcome]
) -> int:
    """Replications that a point should have, judged by those it has."""
    until = study.replications
    if not isinstance(until, Until):
        return count
    values = [outcomes[keys[i, r]].values.get(until.metric) for r in range(count)]
    numbers = [value for value in values if value is not None]
    if len(numbers) < count:
        return count
    found = mean_interval(numbers, study.level)
    needed = runs_needed(found, half_width=until.half_width, relative=until.relative)
    return min(max(needed, count), until.most)


def _table(
    study: Study,
    points: list[Point],
    counts: Mapping[int, int],
    keys: Mapping[Run, str],
    outcomes: Mapping[str, Outcome],
) -> pd.DataFrame:
    extra = ("warm_up_s", "settled") if study.warm_up_s == "mser" else ()
    rows: list[dict[str, Any]] = []
    for i, point in enumerate(points):
        at = {"point": i, **{path: shown(value) for path, value in point.values.items()}}
        for r in range(counts.get(i, _first(study))):
            outcome = outcomes[keys[i, r]] if (i, r) in keys else Outcome("", {}, point.error)
            seed = None if point.scenario is None else point.scenario.seed + r
            status = "failed" if outcome.error else "ok"
            run = {"replication": r, "seed": seed, "status": status, "error": outcome.error}
            values = {name: outcome.values.get(name) for name in (*study.metrics, *extra)}
            rows.append({**at, **run, **values})
    table = pd.DataFrame(rows)
    numbers = [*study.metrics, *extra]
    table[numbers] = table[numbers].astype("float64")
    table["seed"] = table["seed"].astype("Int64")
    for path in study.paths:  # a column of numbers and words is a column of words
        if table[path].map(type).nunique() > 1:
            table[path] = table[path].astype(str)
    return table
