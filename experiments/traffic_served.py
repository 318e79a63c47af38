"""What becomes of a trace on a fleet: requests at once, and the prefix hits that emerge.

Question: how many requests does a fleet really hold, and how much of a trace's repeated prompt text
does it find? What is varied: nothing; one scenario is run. Its requests at once are counted from
arrival to end, and its hits stand beside what a cache could find, bounded from the prompts alone.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from simulator.record.result import Result
from simulator.scenario import Scenario
from simulator.simulate import simulate
from workloads.reuse import reuse_bound
from workloads.simultaneous import of_intervals
from workloads.trace import Trace

__all__ = ["Served", "at_once_in", "reuse_in", "served"]


class Served(NamedTuple):
    """Two answers from one run."""

    at_once: pd.Series
    """Mean, percentiles of time, peak and peak over mean of the requests in the system."""
    reuse: pd.DataFrame
    """Share of prompt tokens found, simulated and bounded."""


def served(scenario: Scenario) -> Served:
    """Run a scenario and look at its requests at once and its prefix hits."""
    trace = scenario.trace()
    result = simulate(scenario, trace)
    return Served(at_once_in(result), reuse_in(scenario, trace, result))


def at_once_in(result: Result) -> pd.Series:
    """Requests in the system at once, from arrival to end; rejected ones are not counted.

    Those that are never finished stay to the end of the run.
    """
    requests = result.requests[result.requests.outcome != "rejected"]
    ends = requests.finish_s.fillna(result.horizon_s)
    return of_intervals(requests.arrival_s.to_numpy(), ends.to_numpy()).summary()


def reuse_in(scenario: Scenario, trace: Trace, result: Result) -> pd.DataFrame:
    """Share of prompt tokens found, simulated beside the bounds.

    Returns
    -------
    Columns cache, cache_tokens, hit_rate: what the fleet found at first admissions, then what one
    cache could find that is as large as a replica's, as all replicas' together, or without bound.
    Only the last is a bound for certain: a cache that keeps what is in use, as an engine must, can
    find a little more than one that always forgets the least recently used.
    """
    block = scenario.engine.block_size
    replica = (scenario.num_gpu_blocks() - 1) * block
    sizes = (replica, replica * scenario.replicas)
    bound = reuse_bound(trace, block, sizes)
    found = float(result.requests.cached_tokens.sum() / trace.prompt_tokens.sum())
    names = ["simulated", "one replica's", "all replicas'", "without bound"]
    return pd.DataFrame(
        {
            "cache": names,
            "cache_tokens": [float(sizes[1]), *map(float, sizes), np.inf],
            "hit_rate": [found, *bound.hit_rate],
        }
    )
