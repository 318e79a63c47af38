"""Are interruptible machines cheaper once what they lose is counted?

Question. On-demand, spot, or spot with somebody else's API as the net: what does a good request
cost?
What is varied. The offer, how often machines are taken back, and whether there is a way out.
What is held. Llama-3.1-8B on 4 H100s, half an hour of steady traffic, cold starts of two minutes,
30 s of notice, five minutes on average until another machine can be had, the SLO, and the seeds.
What was found (2026-11-28, 3 seeds). Taken back once an hour, four spot machines serve a good
request at 42 % of the price on demand, with 97.5 % within the SLO; the interval is wide, for a
single reclaim decides. Taken back every 20 minutes they keep it for 71 % only. Then the way out
brings 99.6 % with 9 % of the requests bought, at 41 % of the price on demand; two machines more
bring all of it at 53 %.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from experiments.fleet_overflow import AT_MOST, OUT
from experiments.fleet_study import BASE, compare, show
from workloads.trace import Trace

__all__ = ["VARIANTS", "main", "steady"]

HALF_HOUR_S = 1800.0
SPOT: dict[str, Any] = {"offer": "nebius-h100-sxm-spot"}
NET: dict[str, Any] = {**OUT, "when": [*OUT["when"], {"kind": "outage"}]}


def reclaimed(mtbf_h: float) -> dict[str, Any]:
    """Machines that are taken back once in so many hours."""
    fault = {"kind": "spot_reclaim", "mtbf_h": mtbf_h, "notice_s": 30, "no_capacity_s": 300}
    return {**SPOT, "faults": [fault]}


VARIANTS: dict[str, dict[str, Any]] = {
    "on demand": {},
    "spot, never taken": SPOT,
    "spot, once an hour": reclaimed(1),
    "spot, every 20 min": reclaimed(1 / 3),
    "spot, every 20 min, and the way out": {**reclaimed(1 / 3), **AT_MOST, "overflow": NET},
    "spot, every 20 min, 6 of them": {**reclaimed(1 / 3), "replicas": 6},
}


def steady(seed: int, rate_per_s: float = 45.0) -> Trace:
    """Poisson arrivals at a rate that the four take with little to spare."""
    rng = np.random.default_rng(seed)
    arrival_s = np.cumsum(rng.exponential(1 / rate_per_s, int(rate_per_s * HALF_HOUR_S)))
    n = len(arrival_s)
    prompt = np.clip(rng.lognormal(6.4, 0.9, n), 8, 8000).astype(np.int64)
    output = np.clip(rng.lognormal(5.3, 0.7, n), 2, 2000).astype(np.int64)
    return Trace.from_columns(arrival_s, prompt, output)


def main() -> None:
    """Run it and print the table."""
    metrics = ["ttft_p99_s", "good_share", "outside_share", "gpu_hours", "usd", "usd_per_1k_good"]
    base = {
        **BASE,
        "replicas": 4,
        "router": {"kind": "least_loaded"},
        "start_up": {"provision_s": 60, "storage_gb_s": 1.0, "warm_up_s": 40},
    }
    runs = compare(VARIANTS, steady, metrics, range(3), base)
    show("Spot", runs, "on demand")


if __name__ == "__main__":
    main()
