"""The pools of a fleet, each with the replicas and the steps that are its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from simulator.record.result import Result
    from simulator.scenario import Scenario

__all__ = ["by_pool", "per_replica"]


def by_pool(result: Result, replica: ArrayLike) -> Iterator[tuple[Scenario, NDArray[np.bool_]]]:
    """Each pool as a scenario of its own, and which rows of a column of replicas are its.

    A fleet of one kind is one pool, and all rows are its.
    """
    plans = result.scenario.plans()
    rows = np.asarray(replica)
    if len(plans) == 1:
        yield next(iter(plans.values())), np.ones(len(rows), dtype=bool)
        return
    pool = result.replicas.set_index("replica")["pool"].astype(str).reindex(rows).to_numpy()
    for name, plan in plans.items():
        yield plan, pool == name


def per_replica(result: Result, of: str) -> pd.Series[float]:
    """A number of each replica's offer (``usd_per_gpu_s``, ``billing_quantum_s``), by its row."""
    numbers = np.zeros(len(result.replicas))
    for plan, mine in by_pool(result, result.replicas["replica"]):
        numbers[mine] = getattr(plan.offer, of)
    return pd.Series(numbers, index=result.replicas.index)
