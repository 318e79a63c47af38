"""Cold starts: how often replicas warmed up, and what of it was waiting for what."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from simulator.record.by_pool import by_pool

if TYPE_CHECKING:
    from simulator.record.result import Result

__all__ = ["ColdStart", "cold_start", "cold_starts"]

PHASES = ("provision_s", "load_s", "warm_up_s")


class ColdStart(NamedTuple):
    """Time in which GPUs were paid for and could not serve yet; the three make the whole of it."""

    starts: int
    """Times that a replica warmed up: when it was new, and when it had been down."""
    provision_gpu_hours: float
    """Waiting for the machine. [GPU h]"""
    load_gpu_hours: float
    """Reading weights. [GPU h]"""
    warm_up_gpu_hours: float
    """Profiling, compiling, capturing CUDA graphs. [GPU h]"""


def cold_starts(result: Result) -> pd.DataFrame:
    """One row each time a replica warmed up, how long each phase took, as far as it came.

    A machine is provisioned once; after a repair its weights are loaded again. A start that was cut
    short has only its first phases.

    Returns
    -------
    DataFrame with the columns ``replica``, ``start_s`` and ``provision_s``, ``load_s``,
    ``warm_up_s`` [s]
    """
    spans = result.intervals[result.intervals["state"] == "warming"]
    who, begin = spans["replica"].to_numpy(), spans["start_s"].to_numpy()
    left = spans["end_s"].to_numpy() - begin
    asked = result.replicas.set_index("replica")["requested_s"].reindex(who).to_numpy()
    planned = np.zeros((2, len(spans)))
    for plan, mine in by_pool(result, who):
        if plan.start_up is not None:
            planned[0, mine] = np.where(begin == asked, plan.start_up.provision_s, 0.0)[mine]
            planned[1, mine] = plan.start_up.load_s(plan.weight_bytes())
    table = {"replica": who, "start_s": begin}
    for name, seconds in zip(PHASES, planned, strict=False):
        table[name] = np.minimum(left, seconds)
        left = left - table[name]
    return pd.DataFrame({**table, PHASES[-1]: left})


def cold_start(result: Result) -> ColdStart:
    """All cold starts of a run together."""
    starts = cold_starts(result)
    gpus = result.replicas.set_index("replica")["gpus"].reindex(starts["replica"]).to_numpy()
    hours = ((starts[name].to_numpy() * gpus).sum() / 3600 for name in PHASES)
    return ColdStart(len(starts), *map(float, hours))
