"""What does an autoscaler save on a bursty day, and what does it cost in latency?

Question. Fixed for the peak, fixed for the mean, or following the load: which is cheapest per good
request when a replica takes minutes to come?
What is varied. The autoscaler, and the time that a cold start takes.
What is held. Llama-3.1-8B on H100s, a day pressed into an hour (one long swell with bursts), the
SLO, the price, and the seeds.
What was found (2026-11-28, 3 seeds). Following the number of requests takes less than half the
GPU-hours of a fleet sized for the peak (1.8 against 4.0) and costs 0.112 USD per thousand good
requests instead of 0.251, with all within the SLO although a replica takes two and a half minutes
to come. Coming in twelve seconds saves 6 % more; a target half as high costs a third more and
gains 12 % of TTFT p99. Scaling on queues swings between too few and too many: 93 % within the SLO
at nearly the price of the peak. KV memory in use is as good a sign as the number of requests, if
its target leaves room for what comes while a replica starts: 15 % does, 25 % does not (92 %).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from experiments.fleet_study import BASE, compare, show
from workloads.trace import Trace

__all__ = ["VARIANTS", "bursty_day", "main"]

DAY_S = 3600.0
SLOW = {"provision_s": 90, "storage_gb_s": 1.0, "warm_up_s": 40}
QUICK = {"provision_s": 5, "storage_gb_s": 10.0, "warm_up_s": 5}
FOLLOWS: dict[str, Any] = {
    "kind": "target_concurrency", "target": 60, "min_replicas": 1, "max_replicas": 8,
    "interval_s": 15, "scale_down_window_s": 300,
}  # fmt: skip
SCHEDULE: dict[str, Any] = {
    "kind": "scheduled", "min_replicas": 1, "max_replicas": 8,
    "levels": [{"from_h": h, "replicas": n} for h, n in ((0, 1), (0.2, 2), (0.35, 3), (0.7, 2))],
}  # fmt: skip
PREDICTS: dict[str, Any] = {
    "kind": "predictive", "requests_per_s": 12, "lead_s": 180, "window_s": 120,
    "min_replicas": 1, "max_replicas": 8,
}  # fmt: skip
VARIANTS: dict[str, dict[str, Any]] = {
    "fixed for the peak": {"replicas": 4},
    "fixed for the mean": {"replicas": 1},
    "concurrency, slow start": {"autoscaler": FOLLOWS, "start_up": SLOW},
    "concurrency, quick start": {"autoscaler": FOLLOWS, "start_up": QUICK},
    "concurrency, low target": {"autoscaler": {**FOLLOWS, "target": 30}, "start_up": SLOW},
    "queue, slow start": {
        "autoscaler": {**FOLLOWS, "kind": "target_queue", "target": 5},
        "start_up": SLOW,
    },
    "KV memory, slow start": {
        "autoscaler": {**FOLLOWS, "kind": "target_kv_use", "target": 0.15},
        "start_up": SLOW,
    },
    "KV memory, high target": {
        "autoscaler": {**FOLLOWS, "kind": "target_kv_use", "target": 0.25},
        "start_up": SLOW,
    },
    "by the clock": {"autoscaler": SCHEDULE, "start_up": SLOW, "replicas": 1},
    "present rate": {"autoscaler": PREDICTS, "start_up": SLOW},
}


def bursty_day(seed: int, mean_per_s: float = 12.0) -> Trace:
    """A swell from a fifth of the mean to twice it, with ten bursts of a minute at 1.5 times."""
    rng = np.random.default_rng(seed)
    peak = mean_per_s * 3.2
    at = np.cumsum(rng.exponential(1 / peak, int(peak * DAY_S * 1.05)))
    at = at[at < DAY_S]
    level = mean_per_s * (1.0 - 0.8 * np.cos(2 * np.pi * at / DAY_S))
    for start in rng.uniform(0, DAY_S, 10):
        level = np.where((at >= start) & (at < start + 60), level * 1.5, level)
    arrival_s = at[rng.random(len(at)) < level / peak]
    n = len(arrival_s)
    prompt = np.clip(rng.lognormal(6.4, 0.9, n), 8, 8000).astype(np.int64)
    output = np.clip(rng.lognormal(5.3, 0.7, n), 2, 2000).astype(np.int64)
    return Trace.from_columns(arrival_s, prompt, output)


def main() -> None:
    """Run it and print the table."""
    metrics = ["ttft_p99_s", "good_share", "gpu_hours", "idle_share", "usd", "usd_per_1k_good"]
    base = {**BASE, "router": {"kind": "least_loaded"}, "horizon_s": DAY_S}
    runs = compare(VARIANTS, bursty_day, metrics, range(3), base)
    show("Autoscaling a bursty day", runs, "fixed for the peak")


if __name__ == "__main__":
    main()
