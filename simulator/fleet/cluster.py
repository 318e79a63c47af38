"""Many replicas, and the way to them."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence

import numpy as np
from simpy import Event

from simulator.clock import ARRIVAL, Clock
from simulator.engine.replica import Replica
from simulator.engine.request import Path, Request
from simulator.fleet.router import LoadRouter
from workloads.trace import Trace

Progress = Callable[[float], None]

AT_ONCE = 1 << 15
"""Rows of a trace that are turned into Python numbers at a time."""
SHOWN_EVERY = 512
"""Arrivals between two reports of progress."""


class Cluster:
    """Replicas behind a router.

    Parameters
    ----------
    clock : simulated time
    replicas : in order of their numbers
    loads : requests at each replica, running or waiting; the replicas keep it up to date
    router : chooses a replica for each request
    rng : what a router may draw from
    """

    def __init__(
        self,
        clock: Clock,
        replicas: Sequence[Replica],
        loads: list[int],
        router: LoadRouter,
        rng: np.random.Generator,
    ) -> None:
        self.clock = clock
        self.replicas = replicas
        self.loads = loads
        self.router = router
        self.rng = rng

    def serve(
        self,
        trace: Trace,
        admitted: np.ndarray,
        paths: Sequence[Path],
        progress: Progress | None = None,
    ) -> Generator[Event, None, None]:
        """The process of all arrivals: each row at its time goes where the router says."""
        at, loads, choose, rng = self.clock.at, self.loads, self.router.choose, self.rng
        replicas = self.replicas
        for number, row in enumerate(_rows(trace, admitted)):
            index, arrival_s, prompt, output, priority = row
            if progress is not None and number % SHOWN_EVERY == 0:
                progress(index / len(trace))
            yield at(arrival_s, ARRIVAL)
            chosen = choose(number, loads, rng)
            loads[chosen] += 1
            path = paths[index] if paths else ()
            replicas[chosen].submit(Request(index, arrival_s, prompt, output, priority, path))


def _rows(trace: Trace, admitted: np.ndarray) -> Iterator[tuple[int, float, int, int, int]]:
    """Row number, arrival, prompt and output tokens and priority of the rows that are let in."""
    columns = (trace.arrival_s, trace.prompt_tokens, trace.output_tokens, trace.priority)
    rows = np.flatnonzero(admitted)
    for start in range(0, len(rows), AT_ONCE):
        part = rows[start : start + AT_ONCE]
        yield from zip(part.tolist(), *(column[part].tolist() for column in columns), strict=True)
