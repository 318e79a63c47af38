"""Own the peak, or own the mean and buy the rest?

Question. How many GPUs should one own when a paid API takes what is too much?
What is varied. The number of replicas, with and without the way out.
What is held. Llama-3.1-8B on H100s, half an hour of traffic with bursts to three times the mean, an
endpoint at its list price with no limits, the SLO, and the seeds.
What was found (2026-11-28, 3 seeds). Without a way out three replicas keep the SLO for all, at
0.077 USD per thousand good requests; two keep it for 39 %, one for 7 %. With it one replica is
the cheapest way: it sends 46 % of its requests out, keeps the SLO for 98 % and costs 0.057, a
quarter less than owning the peak; two cost 0.065 and send 19 % out for 99.2 %, three 0.080 and 4
%. Buying all costs 0.068 and keeps it for 96 %. The endpoint's speed is an assumption, and its
price is what makes the difference: see its entry.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from experiments.fleet_study import BASE, compare, show
from workloads.trace import Trace

__all__ = ["VARIANTS", "bursts", "main"]

HALF_HOUR_S = 1800.0
OUT: dict[str, Any] = {
    "when": [{"kind": "queue", "max_waiting": 1}, {"kind": "ttft", "ttft_s": 0.5}],
    "endpoints": [
        {
            "like": "openrouter-llama-3.1-8b",
            "requests_per_minute": None,
            "tokens_per_minute": None,
            "mtbf_h": None,
        }
    ],
}
AT_MOST: dict[str, Any] = {"queue": {"kind": "fifo", "max_per_replica": 128}}
"""So many requests at a replica keep the time per token within the SLO."""
VARIANTS: dict[str, dict[str, Any]] = {
    **{f"{n} replicas": {"replicas": n} for n in (1, 2, 3, 4)},
    **{f"{n} and the way out": {"replicas": n, **AT_MOST, "overflow": OUT} for n in (1, 2, 3)},
    "only the way out": {"replicas": 0, "overflow": {**OUT, "when": [{"kind": "always"}]}},
}


def bursts(seed: int, mean_per_s: float = 20.0) -> Trace:
    """Poisson arrivals, with bursts of 90 s at three times the rate every five minutes or so."""
    rng = np.random.default_rng(seed)
    peak = mean_per_s * 3
    at = np.cumsum(rng.exponential(1 / peak, int(peak * HALF_HOUR_S * 1.1)))
    at = at[at < HALF_HOUR_S]
    level = np.full(len(at), mean_per_s)
    for start in np.arange(200, HALF_HOUR_S, 300) + rng.uniform(-60, 60, 6):
        level[(at >= start) & (at < start + 90)] = peak
    arrival_s = at[rng.random(len(at)) < level / peak]
    n = len(arrival_s)
    prompt = np.clip(rng.lognormal(6.4, 0.9, n), 8, 8000).astype(np.int64)
    output = np.clip(rng.lognormal(5.3, 0.7, n), 2, 2000).astype(np.int64)
    return Trace.from_columns(arrival_s, prompt, output)


def main() -> None:
    """Run it and print the table."""
    metrics = ["ttft_p99_s", "tpot_p99_s", "good_share", "outside_share", "usd", "usd_per_1k_good"]
    base = {**BASE, "router": {"kind": "least_loaded"}, "horizon_s": HALF_HOUR_S}
    runs = compare(VARIANTS, bursts, metrics, range(3), base)
    show("Owning and buying", runs, "3 replicas")


if __name__ == "__main__":
    main()
