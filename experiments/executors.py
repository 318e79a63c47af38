"""Ways to run many cells: one after the other, in processes, on a dask cluster."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from typing import Any
from urllib.parse import urlsplit

from experiments.cell import Outcome, Task, run_task
from hardware_profiles.errors import InputError

__all__ = ["Executor", "executor", "in_processes", "on_cluster", "one_by_one"]

Executor = Callable[[Sequence[Task]], Iterator[Outcome]]
"""Outcomes in whatever order they come; tasks that were lost on the way have none."""

PATIENCE_S = 10.0
"""Wait for the scheduler of a cluster to answer."""
TRIES = 3
"""Pools of processes that may die (memory) before it is given up."""


def executor(n_jobs: int = 1, cluster: str | None = None) -> Executor:
    """The way that was asked for.

    Parameters
    ----------
    n_jobs : processes; 1 runs all in this one, -1 takes a process for each core.
    cluster : address of a dask scheduler, ``tcp://host:8786``; its workers run the cells.

    Raises
    ------
    InputError
        If `n_jobs` makes no sense, or dask is not installed.
    """
    if cluster is not None:
        _check_address(cluster)
        _need_dask()
        return lambda tasks: on_cluster(tasks, cluster)
    if n_jobs == 0 or n_jobs < -1 or n_jobs > 4096:
        raise InputError(f"jobs: expected a number of processes, or -1 for all; found {n_jobs}")
    count = (os.cpu_count() or 1) if n_jobs == -1 else n_jobs
    return lambda tasks: (
        in_processes(tasks, count) if min(count, len(tasks)) > 1 else one_by_one(tasks)
    )


def one_by_one(tasks: Sequence[Task]) -> Iterator[Outcome]:
    """In this process."""
    return map(run_task, tasks)


def in_processes(tasks: Sequence[Task], n_jobs: int) -> Iterator[Outcome]:
    """In so many processes of this machine.

    Raises
    ------
    InputError
        If processes are killed again and again; what they had finished is in the store.
    """
    from joblib import Parallel, delayed

    left = {task.key: task for task in tasks}
    for _ in range(TRIES):
        pool = Parallel(
            n_jobs=min(n_jobs, len(left)), return_as="generator_unordered", batch_size=1
        )
        try:
            for outcome in pool(delayed(run_task)(task) for task in list(left.values())):
                left.pop(outcome.key, None)
                yield outcome
            return
        except BrokenProcessPool:
            continue
    raise InputError(
        f"processes were killed {TRIES} times, for want of memory perhaps; {len(left)} cells are "
        "left: run it again with fewer jobs, what is finished stays"
    )


def on_cluster(tasks: Sequence[Task], address: str) -> Iterator[Outcome]:
    """On the workers of a dask cluster, which need servecast and nothing else: no shared disk.

    A worker that dies has its cells run by another. Workers are asked for a cell by its key, so
    that two who ask for the same cell at once have it run once.

    Raises
    ------
    InputError
        If no scheduler answers there.
    """
    from distributed import Client, as_completed

    try:
        client = Client(address, timeout=PATIENCE_S, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, TimeoutError, ValueError) as problem:
        raise InputError(
            f"cluster {address}: no dask scheduler answers ({type(problem).__name__}); "
            "start one with `dask scheduler`, and workers with `dask worker tcp://host:8786`"
        ) from None
    with client:
        # A cell that was kept on disk by this machine is looked up before; workers keep nothing.
        bare = [task._replace(folder=None) for task in tasks]
        futures: list[Any] = [
            client.submit(run_task, task, key=f"servecast-{task.key}", pure=False) for task in bare
        ]
        keys = {future.key: task.key for future, task in zip(futures, bare, strict=True)}
        done = as_completed(futures, loop=client.loop)  # type: ignore[no-untyped-call]
        del futures  # a future that nobody holds is forgotten by the cluster
        for future in done:
            if future.status == "finished":
                yield future.result()
            else:
                told = f"lost on the cluster: {future.exception()}"
                yield Outcome(keys[future.key], {}, " ".join(told.split()), final=False)


def _check_address(address: str) -> None:
    try:
        parts = urlsplit(address)
        good = parts.scheme in ("tcp", "tls") and parts.hostname and parts.port
    except ValueError:
        good = False
    if not good:
        raise InputError(f"cluster: expected an address such as tcp://host:8786, found {address!r}")


def _need_dask() -> None:
    try:
        import distributed  # noqa: F401
    except ImportError:
        raise InputError(
            'cluster: dask is not installed; `pip install "servecast[cluster]"` has it'
        ) from None
