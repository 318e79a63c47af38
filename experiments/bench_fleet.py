"""What a fleet's policies cost in time, beside the plain round-robin run of the same requests.

Question. How much slower is a request that passes a gateway, a policy, a prefix-aware router?
What is varied. The policy; the traffic is the same for all that are compared with each other.
What is held. 16 replicas, model, GPU, law of step times, seed. The least of several runs counts:
the others had to wait for the machine.
What we found. Policies that need no more than counts cost 3 to 27 % (random, two choices, least
loaded, least tokens, accept all, token bucket): some run as the plain fleet does, the others take
the short way through the gateway. Those that look at every queue or keep tenants apart, and
autoscalers, cost 35 to 50 %, prefix-aware routing 30 to 40 %, the weighted score 75 %. Asked for
are 30 % at most of policies without a state, and 200 % of prefix-aware routing.
"""

from __future__ import annotations

from time import process_time
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

from simulator.scenario import Scenario
from simulator.simulate import simulate
from workloads.trace import Trace

__all__ = ["POLICIES", "FleetSpeed", "conversations", "main", "measure_fleet", "strangers"]

REPLICAS = 16
POLICIES: dict[str, tuple[str, dict[str, Any]]] = {
    "round robin": ("strangers", {}),
    "through the gateway": ("strangers", {"admission": {"kind": "accept_all"}}),
    "random": ("strangers", {"router": {"kind": "random"}}),
    "power of two": ("strangers", {"router": {"kind": "power_of_two"}}),
    "least loaded": ("strangers", {"router": {"kind": "least_loaded"}}),
    "least tokens": ("strangers", {"router": {"kind": "least_tokens"}}),
    "token bucket": (
        "strangers",
        {"admission": {"kind": "token_bucket", "rate_per_s": 1e6, "burst": 1e6}},
    ),
    "bounded queue": ("strangers", {"admission": {"kind": "bounded_queue", "max_waiting": 99}}),
    "tenant limit": ("strangers", {"admission": {"kind": "tenant_limit", "max_in_flight": 99_999}}),
    "autoscaler": (
        "strangers",
        {
            "autoscaler": {
                "kind": "target_concurrency",
                "target": 64,
                "min_replicas": REPLICAS,
                "max_replicas": REPLICAS,
            }
        },
    ),
    "conversations, round robin": ("conversations", {}),
    "prefix, exact": ("conversations", {"router": {"kind": "prefix_aware"}}),
    "prefix, own index": (
        "conversations",
        {"router": {"kind": "prefix_aware", "index": "approximate"}},
    ),
    "weighted score": ("conversations", {"router": {"kind": "weighted"}}),
}
"""Traffic and what the fleet has besides its replicas."""
BASELINE = {"strangers": "round robin", "conversations": "conversations, round robin"}


class FleetSpeed(NamedTuple):
    """One policy's cost."""

    policy: str
    us_per_request: float
    """Processor time. [µs]"""
    times_plain: float
    """Over the plain round-robin run of the same traffic."""


def strangers(requests: int = 16_000, rate_per_s: float = 512.0) -> Trace:
    """Prompts that share nothing, at a rate that 16 replicas just take."""
    rng = np.random.default_rng(0)
    arrival_s = np.cumsum(rng.exponential(1 / rate_per_s, requests))
    return Trace.from_columns(arrival_s, np.full(requests, 512), np.full(requests, 256))


def conversations(sessions: int = 3_200, turns: int = 5, rate_per_s: float = 512.0) -> Trace:
    """Conversations with one of eight system prompts; each turn repeats the ones before."""
    rng = np.random.default_rng(0)
    starts = np.cumsum(rng.exponential(turns / rate_per_s, sessions))
    rows = []
    for session, start in enumerate(starts.tolist()):
        prompt: list[list[Any]] = [[f"system {session % 8}", 256]]
        for turn in range(turns):
            prompt = [*prompt, [f"{session} {turn}", 128]]
            arrival_s = start + 4.0 * turn
            rows.append({"arrival_s": arrival_s, "prompt": prompt, "output_tokens": 128})
    return Trace.from_requests(rows)


def measure_fleet(repeats: int = 3) -> list[FleetSpeed]:
    """Processor time of each policy, the least of so many runs."""
    traces = {"strangers": strangers(), "conversations": conversations()}
    found: dict[str, float] = {}
    for _ in range(repeats):
        for name, (traffic, fleet) in POLICIES.items():
            trace = traces[traffic]
            begin = process_time()
            simulate(_scenario(fleet), trace)
            took = (process_time() - begin) / len(trace) * 1e6
            found[name] = min(took, found.get(name, took))
    return [
        FleetSpeed(name, took, took / found[BASELINE[POLICIES[name][0]]])
        for name, took in found.items()
    ]


def _scenario(fleet: dict[str, Any]) -> Scenario:
    law = {"kind": "linear", "c0": 0.006, "c_tok": 2.1e-5, "c_ctx": 4.3e-8, "c_seq": 7e-6}
    return Scenario.parse(
        {
            "traffic": "steady-chat",
            "model": "llama-3.1-8b",
            "gpu": "h100-sxm",
            "replicas": REPLICAS,
            "engine": {"max_num_seqs": 256, "max_num_batched_tokens": 2048},
            "step_time": law,
            **fleet,
        }
    )


def main() -> None:
    """Print a table with a row for each policy."""
    table = Table(title=f"{REPLICAS} replicas, least of three runs", title_justify="left")
    for title in ("", "µs per request", "times plain"):
        table.add_column(title, justify="right" if title else "left", no_wrap=True)
    for speed in measure_fleet():
        table.add_row(speed.policy, f"{speed.us_per_request:.1f}", f"{speed.times_plain:.2f}")
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
