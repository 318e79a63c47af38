"""People: who looks after it, who is called at night, and the second copy they test on."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from simulator.economics.capital import HOURS_PER_MONTH

__all__ = ["incident_cost", "merged_episodes", "people_cost", "staging_cost"]

NIGHT_FACTOR = 1.5


def people_cost(fte: float, loaded_usd_per_year: float, stipend_usd: float = 0.0) -> float:
    """Salaries with all they cost the employer, and the on-call stipend. [USD/month]

    Grows with models and sites, not with tokens; buying an API takes somebody, too.

    >>> people_cost(0.5, 240_000, 1_000)
    11000.0
    """
    return fte * loaded_usd_per_year / 12 + stipend_usd


def incident_cost(
    incidents: float,
    hours_each: float,
    responders: float,
    usd_per_hour: float,
    night_share: float = 0.0,
) -> float:
    """Hours spent on incidents, half as dear again at night. [USD]

    >>> incident_cost(4, 1.5, 2, 115.0, night_share=0.5)
    1725.0
    """
    factor = 1 + night_share * (NIGHT_FACTOR - 1)
    return incidents * hours_each * responders * usd_per_hour * factor


def merged_episodes(instants_s: ArrayLike, within_s: float = 1800.0) -> int:
    """Incidents among instants at which something was wrong: closer ones are the same. [s]

    >>> merged_episodes([0.0, 60.0, 1800.0, 9000.0])
    2
    """
    t = np.sort(np.asarray(instants_s, dtype=np.float64))
    return int(len(t) > 0) + int((np.diff(t) > within_s).sum())


def staging_cost(
    compute_usd: float, share: float, gpus: int, usd_per_gpu_h: float, hours: float
) -> float:
    """The environment to test in: a share of the compute, or a minimum of hours. [USD/month]

    >>> round(staging_cost(17_228, 0.05, gpus=2, usd_per_gpu_h=2.95, hours=100))
    861
    """
    if not 0 <= hours <= HOURS_PER_MONTH:
        raise ValueError(f"a month has {HOURS_PER_MONTH:.0f} hours, found {hours}")
    return max(share * compute_usd, gpus * usd_per_gpu_h * hours)
