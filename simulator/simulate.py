"""From a scenario to a result, in one pass."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version

import numpy as np

from simulator.clock import Clock
from simulator.fleet.cluster import Progress
from simulator.fleet.plain import Plain
from simulator.fleet.run import run_fleet
from simulator.fleet.size import check_size
from simulator.record.recorder import RequestLog
from simulator.record.result import Result
from simulator.record.write_up import write_up
from simulator.scenario import Scenario
from workloads.prompts import shared_paths
from workloads.trace import Trace

__all__ = ["simulate", "version_here"]


def simulate(
    scenario: Scenario,
    trace: Trace | None = None,
    progress: Progress | None = None,
    *,
    step_by_step: bool = False,
) -> Result:
    """Serve the scenario's traffic, to the last token of the last request.

    Parameters
    ----------
    scenario : everything the run depends on.
    trace : requests to serve instead of those of ``scenario.traffic``.
    progress : called now and then with the share of the requests that have arrived.
    step_by_step : make every step an event of its own. Slower, and the tables say the same; only
        ``steps`` has a row for each step instead of one for each run of equal ones.

    Returns
    -------
    Result : tables of requests, steps and replicas; the same scenario gives the same bytes.

    Raises
    ------
    InputError
        If the model does not fit the GPU, or a request that ``max_model_len`` allows is larger than
        the whole KV cache.
    """
    trace = scenario.trace() if trace is None else trace
    with _heap_at_rest():
        return _serve(scenario, trace, progress, step_by_step)


@contextmanager
def _heap_at_rest() -> Iterator[None]:
    """The garbage collector leaves alone what was there before.

    One of its full passes over all that pandas has loaded takes as long as 3,000 requests, and
    requests under way provoke one every 16,000 requests or so.
    """
    if gc.get_freeze_count():  # somebody else has thought of it
        yield
        return
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _serve(
    scenario: Scenario, trace: Trace, progress: Progress | None, step_by_step: bool
) -> Result:
    if not scenario.is_plain() or trace.client is not None or trace.closed_loop:
        return run_fleet(scenario, trace, version_here(), progress, step_by_step=step_by_step)
    clock, requests = Clock(), RequestLog(len(trace))
    plain = Plain.of(scenario, clock, requests, 1 if step_by_step else None)
    config = plain.config
    admitted = trace.prompt_tokens + trace.output_tokens <= config.max_model_len
    check_size(trace, admitted, plain.num_gpu_blocks - 1, config.block_size)
    paths = shared_paths(trace, config.block_size) if config.enable_prefix_caching else []
    for index in np.flatnonzero(~admitted).tolist():
        requests.rejected(index, float(trace.arrival_s[index]))
    clock.process(plain.cluster.serve(trace, admitted, paths, progress))
    clock.run()
    if progress is not None:
        progress(1.0)
    end_s = max(clock.now, scenario.horizon_s or 0.0)
    return write_up(
        scenario, version_here(), trace, requests, plain.logs, plain.num_gpu_blocks, end_s,
        plain.step_time,
    )  # fmt: skip


def version_here() -> str:
    """Version of servecast that runs."""
    try:
        return version("servecast")
    except PackageNotFoundError:
        return "unknown"
