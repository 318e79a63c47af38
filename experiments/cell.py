"""A cell: one scenario with one seed, run and measured, remembered under the hash of it all."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Mapping
from functools import cache, lru_cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

from experiments.load import Load
from experiments.measures import WarmUpRule, measure
from experiments.store import Store, hash_of
from hardware_profiles.errors import InputError
from simulator.scenario import Scenario
from simulator.simulate import simulate

__all__ = ["Outcome", "Task", "code_version", "run_task"]

SOURCES = ("hardware_profiles", "workloads", "simulator", "experiments.measures")


class Task(NamedTuple):
    """What a worker, here or on another machine, needs to run a cell."""

    scenario: Scenario
    metrics: tuple[str, ...]
    warm_up: WarmUpRule
    version: str
    """Of the code that the cell is to be run with."""
    folder: Path | None = None
    """Store to keep the outcome in; None if whoever asked keeps it."""
    load: Load = Load()
    """What to make of the scenario's traffic; by default it comes as it is."""

    @property
    def key(self) -> str:
        """Hash of all that the outcome depends on; the name of the scenario is not of it."""
        scenario = self.scenario.model_dump(mode="json", exclude={"name"})
        return hash_of(
            {
                "scenario": _with_contents(scenario),
                "load": self.load,
                "metrics": self.metrics,
                "warm_up": self.warm_up,
                "version": self.version,
            }
        )


class Outcome(NamedTuple):
    """What became of a cell."""

    key: str
    values: dict[str, float]
    """Metrics by name; empty if the cell failed."""
    error: str = ""
    """Why it failed, in one line."""
    final: bool = True
    """False for a failure that may not come again: such a cell is run again next time."""
    wall_s: float = 0.0


def run_task(task: Task) -> Outcome:
    """Run a cell, unless somebody has; what goes wrong in it is its outcome.

    With ``task.folder`` the outcome is kept before it is handed back, so that whoever dies
    afterwards loses nothing.
    """
    key = task.key
    if task.folder is None:
        return _run(task, key)
    store = Store(task.folder).open()
    with store.claim(key):
        known = load(store, key)
        if known is not None:
            return known
        outcome = _run(task, key)
        keep(store, outcome, task.scenario.name)
        return outcome


def load(store: Store, key: str) -> Outcome | None:
    """A kept outcome, or None if there is none that holds for good."""
    found = store.get(key)
    if found is None or not found.get("final"):
        return None
    values = {k: math.nan if v is None else float(v) for k, v in found["values"].items()}
    return Outcome(key, values, found["error"], True, found["wall_s"])


def keep(store: Store, outcome: Outcome, name: str) -> None:
    """Keep an outcome; numbers that cannot be said become null."""
    values = {k: v if math.isfinite(v) else None for k, v in outcome.values.items()}
    store.put(outcome.key, {"name": name, **outcome._asdict(), "values": values})


def _run(task: Task, key: str) -> Outcome:
    begin = perf_counter()
    values: dict[str, float] = {}
    error, final = "", True
    elsewhere = task.folder is None  # another machine may have another servecast
    try:
        if elsewhere and code_version() != task.version:
            raise InputError(f"this worker has servecast {code_version()}, not {task.version}")
        trace = task.load.of(task.scenario)
        values = measure(simulate(task.scenario, trace), task.metrics, task.warm_up)
    except InputError as problem:
        error = " ".join(str(problem).split())
        final = not elsewhere or code_version() == task.version
    except Exception as problem:  # a cell that breaks must not take the others with it
        error, final = f"{type(problem).__name__}: {' '.join(str(problem).split())}", False
    return Outcome(key, values, error, final, round(perf_counter() - begin, 3))


@cache
def code_version() -> str:
    """Version of servecast, and a digest of the sources that results come from.

    The digest is there because code changes between versions, and with it what a cell holds.
    """
    try:
        told = version("servecast")
    except PackageNotFoundError:
        told = "unknown"
    digest = hashlib.sha256()
    for path in sorted(p for name in SOURCES for p in _files(name)):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return f"{told}+{digest.hexdigest()[:12]}"


def _files(package: str) -> list[Path]:
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        return []
    origin = Path(spec.origin)
    if origin.name != "__init__.py":
        return [origin]
    # Shelves of names that a scenario resolves are in its hash; calibrations are looked up later.
    shelf = [*origin.parent.glob("calibrations/*.yaml")]
    return [*origin.parent.rglob("*.py"), *shelf]


def _with_contents(data: Any) -> Any:
    """The same with the path of a file replaced by a digest of what is in it."""
    if isinstance(data, Mapping):
        return {
            key: _digest(value) if key == "path" and _is_file(value) else _with_contents(value)
            for key, value in data.items()
        }
    return [_with_contents(value) for value in data] if isinstance(data, list) else data


def _is_file(value: Any) -> bool:
    return isinstance(value, str) and os.path.isfile(value)  # noqa: PTH113 - any string may come


def _digest(path: str) -> str:
    stat = Path(path).stat()
    return _digest_of(path, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=256)
def _digest_of(path: str, size: int, changed_ns: int) -> str:
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
