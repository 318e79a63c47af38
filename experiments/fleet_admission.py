"""Whom does one turn away in a rush, and how does one keep the small from the large?

Question. For three minutes nearly twice as much is asked as the fleet can answer, by users who give
up after 20 s and try again. What does a gate at the door save, and for whom?
What is varied. Who is let in, and in which order those go who wait at the gateway.
What is held. Llama-3.1-8B on 2 H100s with 64 sequences each, ten minutes with the rush in them,
three tenants (a crawler with most of the traffic and the lowest class, an app, and a few callers
of the first class), the SLO, the price, and the seeds.
What was found (2026-11-28, 3 seeds). Who lets all in loses the whole ten minutes to a rush of
three: engines work on answers that nobody waits for, those who gave up come again, and 20 % are
served within the SLO. Any gate brings 52 to 66 %, at a third of the price of a good request.
Shedding by class is best (66 %, all of the first class); a limit for each tenant keeps the small
ones whole without knowing classes (57 %). Order alone, with nobody turned away, keeps the small
tenants too (99.8 %), but the crawler's retries eat the rest. A bounded queue in front of fair
shares undoes them: the door turns all away alike (55 % of the first class).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from experiments.fleet_study import BASE, compare, show
from workloads.clients import Client
from workloads.trace import Trace

__all__ = ["VARIANTS", "main", "rush"]

TENANTS = {"calls": (0.1, 0), "app": (0.3, 1), "crawler": (0.6, 2)}
"""Share of the traffic, and class."""
LINE = 48
"""Requests that a replica has at most where the others wait at the gateway."""
FLEET: dict[str, Any] = {**BASE, "replicas": 2, "engine": {"max_num_seqs": 64}}
VARIANTS: dict[str, dict[str, Any]] = {
    "all at once": {},
    "bounded queue": {"admission": {"kind": "bounded_queue", "max_waiting": 16}},
    "token bucket": {"admission": {"kind": "token_bucket", "rate_per_s": 36, "burst": 60}},
    "deadline": {"admission": {"kind": "deadline", "ttft_s": 1.0}},
    "shed by class": {
        "admission": {"kind": "priority_shedding", "max_waiting": 16},
        "queue": {"kind": "priority", "max_per_replica": LINE},
    },
    "tenant limit": {"admission": {"kind": "tenant_limit", "max_in_flight": 40}},
    "in line": {"queue": {"kind": "fifo", "max_per_replica": LINE}},
    "in line by class": {"queue": {"kind": "priority", "max_per_replica": LINE}},
    "fair shares": {"queue": {"kind": "fair_share", "max_per_replica": LINE}},
    "fair shares, bounded": {
        "queue": {"kind": "fair_share", "max_per_replica": LINE},
        "admission": {"kind": "bounded_queue", "max_waiting": 16},
    },
}


def rush(seed: int, mean_per_s: float = 24.0) -> Trace:
    """Ten minutes at a rate that the fleet takes easily, and three of them at three times that."""
    rng = np.random.default_rng(seed)
    gaps = rng.exponential(1 / mean_per_s, int(mean_per_s * 1200))
    # The clock runs three times as fast in the rush.
    own_s = np.cumsum(gaps)
    arrival_s = np.interp(own_s, [0, 180, 720, 960], [0, 180, 360, 600])
    arrival_s = arrival_s[own_s < 960]
    n = len(arrival_s)
    names, shares = list(TENANTS), [share for share, _ in TENANTS.values()]
    tenant = rng.choice(names, size=n, p=shares)
    trace = Trace.from_columns(
        arrival_s,
        np.clip(rng.lognormal(6.0, 0.8, n), 20, 4000).astype(int),
        np.clip(rng.lognormal(5.3, 0.6, n), 5, 1500).astype(int),
        tenant=tenant.astype(object),
        priority=np.array([TENANTS[name][1] for name in tenant]),
    )
    return trace.sent_by(Client(timeout_s=20, max_retries=2, backoff_s=2))


def main() -> None:
    """Run it and print the table."""
    metrics = ["good_share", "good_first", "good_least", "rejected",
               "timed_out", "ttft_p99_s", "tpot_p99_s", "usd_per_1k_good"]  # fmt: skip
    show("A rush", compare(VARIANTS, rush, metrics, range(3), FLEET), "all at once")


if __name__ == "__main__":
    main()
