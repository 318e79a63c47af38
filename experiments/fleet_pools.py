"""Does a second kind of GPU pay, and who should go to it?

Question. Chats of a few hundred tokens and documents of some ten thousand come to one fleet. Is one
pool of equal GPUs best, one apart for the documents, or cheap GPUs for the chats?
What is varied. The pools, and how a request finds its own: by length, by class, by price.
What is held. Llama-3.1-8B, ten minutes with 22 chats and 1.1 documents a second, the SLO, prices of
one provider, and the seeds.
What was found (2026-11-28, 3 seeds). At these prices two equal H100s are best: 99.7 % within the
SLO at 0.072 USD per thousand good requests. Going by tokens instead of turns takes a third off TTFT
p99. A GPU apart for the documents takes a fifth off TTFT p99 and a third off TPOT p99 at the same
price: chats no longer wait in steps full of documents. Three L40S for the chats cost a third more,
with 97.8 %; sent there by price they take documents too, and 86 % are good; by class, the lower
class's documents choke them. Six L40S alone cost nearly three times as much.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from experiments.fleet_study import compare, show
from workloads.trace import Trace

__all__ = ["VARIANTS", "chats_and_documents", "main"]

L40S = {"gpu": "l40s", "offer": "nebius-l40s-on-demand"}
LONGEST_CHAT = 3000
"""Tokens of a prompt that is still a chat's."""

FIRST_CLASS = 0.3
"""Share of the requests."""


def two(small: dict[str, Any], large: dict[str, Any], choice: dict[str, Any]) -> dict[str, Any]:
    """A pool for the small and one for the large."""
    pools = [{"name": "small", **small}, {"name": "large", **large}]
    return {"pools": pools, "pool_choice": choice}


BY_LENGTH = {"kind": "by_length", "up_to": [LONGEST_CHAT]}
BY_CLASS = {"kind": "by_class", "pools": {0: "large", 1: "small"}}
VARIANTS: dict[str, dict[str, Any]] = {
    "2 H100": {"replicas": 2},
    "2 H100, least tokens": {"replicas": 2, "router": {"kind": "least_tokens"}},
    "1 + 1 H100 by length": two({"replicas": 1}, {"replicas": 1}, BY_LENGTH),
    "3 L40S + 1 H100 by length": two({**L40S, "replicas": 3}, {"replicas": 1}, BY_LENGTH),
    "3 L40S + 1 H100 by class": two({**L40S, "replicas": 3}, {"replicas": 1}, BY_CLASS),
    "3 L40S + 1 H100 by price": two(
        {**L40S, "replicas": 3}, {"replicas": 1}, {"kind": "by_cost", "max_load": 24}
    ),
    "6 L40S": {**L40S, "replicas": 6},
}


def chats_and_documents(seed: int, seconds: float = 600.0) -> Trace:
    """Chats and documents, each a Poisson stream; some of both are of the first class."""
    rng = np.random.default_rng(seed)
    chats, documents = rng.poisson(22.0 * seconds), rng.poisson(1.1 * seconds)
    prompts = np.concatenate(
        [
            np.clip(rng.lognormal(5.8, 0.8, chats), 20, LONGEST_CHAT),
            np.clip(rng.lognormal(9.2, 0.4, documents), LONGEST_CHAT + 1, 30_000),
        ]
    )
    outputs = np.concatenate(
        [
            np.clip(rng.lognormal(5.2, 0.6, chats), 5, 1500),
            np.clip(rng.lognormal(5.7, 0.5, documents), 20, 1500),
        ]
    )
    arrival_s = rng.uniform(0, seconds, chats + documents)
    order = np.argsort(arrival_s, kind="stable")
    return Trace.from_columns(
        arrival_s[order],
        prompts.astype(int)[order],
        outputs.astype(int)[order],
        priority=(rng.random(len(order)) > FIRST_CLASS).astype(int),
    )


def main() -> None:
    """Run it and print the table."""
    metrics = ["good_share", "good_first", "ttft_p50_s", "ttft_p99_s", "tpot_p99_s",
               "gpu_hours", "usd_per_1k_good"]  # fmt: skip
    runs = compare(VARIANTS, chats_and_documents, metrics, range(3))
    show("Pools for chats and documents", runs, "2 H100")


if __name__ == "__main__":
    main()
