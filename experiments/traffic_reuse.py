"""Does the hit rate that emerges lie under what an unbounded cache could find?

Question: how much of a trace's repeated prompt text does a fleet really find? What is varied:
nothing; one scenario is run, and its trace is bounded from its prompt identity alone. What is held:
the trace and the block size.
"""

import numpy as np
import pandas as pd

from simulator.scenario import Scenario
from simulator.simulate import simulate
from workloads.reuse import reuse_bound

__all__ = ["reuse_of"]


def reuse_of(scenario: Scenario) -> pd.DataFrame:
    """Share of prompt tokens found, simulated beside the bounds.

    Returns
    -------
    Columns cache, cache_tokens, hit_rate: what the fleet found at first admissions, then what one
    cache could find that is as large as a replica's, as all replicas' together, or without bound.
    Only the last is a bound for certain: a cache that keeps what is in use, as an engine must, can
    find a little more than one that always forgets the least recently used.
    """
    trace = scenario.trace()
    result = simulate(scenario, trace)
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
