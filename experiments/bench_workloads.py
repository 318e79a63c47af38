"""The standard workloads of `make bench`: Llama-3.1-8B on H100s under a fixed law of step times.

512 tokens in and 256 out unless a name says otherwise, ``max_num_seqs`` 256,
``max_num_batched_tokens`` 2048, everything else as the engine's profile has it (asynchronous
scheduling and prefix caching on).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from simulator.scenario import Scenario
from workloads import formats
from workloads.trace import Trace

__all__ = ["WORKLOADS", "Workload"]

LAW = {"kind": "linear", "c0": 6.2e-3, "c_tok": 1.6e-5, "c_ctx": 3.0e-8, "c_seq": 4.0e-6}
"""[s] A decode step of 1, 32, 128, 256 sequences at context 1024 takes 6.3, 7.8, 12.7, 19.2 ms,
where measured operator tables (aiconfigurator-core 0.12, H100) say 6.2, 8.3, 12.8, 19.6."""
TRACES = Path(__file__).resolve().parents[2] / "shared" / "traces"
AZURE = TRACES / "AzureLLMInferenceTrace_conv.csv"
MOONCAKE = TRACES / "mooncake_conversation_trace.jsonl.gz"
ROOMY = 80_001
"""KV blocks that 256 sequences of 4,608 tokens never fill."""


class Workload(NamedTuple):
    """What is run: a trace, and a scenario to serve it."""

    make_trace: Callable[[], Trace]
    replicas: int = 1
    router: str = "round_robin"
    engine: dict[str, Any] = {}
    needs: Path | None = None
    """File without which it cannot be run."""

    def scenario(self, name: str) -> Scenario:
        """The scenario; its own traffic plays no part."""
        batch = {"max_num_seqs": 256, "max_num_batched_tokens": 2048}
        return Scenario.parse(
            {
                "name": name,
                "traffic": "steady-chat",
                "model": "llama-3.1-8b",
                "gpu": "h100-sxm",
                "replicas": self.replicas,
                "router": {"kind": self.router},
                "engine": {**batch, **self.engine},
                "step_time": LAW,
            }
        )


def poisson(
    requests: int, rate_per_s: float, output: int = 256, *, lognormal: bool = False
) -> Callable[[], Trace]:
    """Poisson arrivals; lengths fixed, or lognormal with the same means (CV 0.8)."""

    def make() -> Trace:
        rng = np.random.default_rng(0)
        arrivals = np.cumsum(rng.exponential(1 / rate_per_s, requests))
        if not lognormal:
            return Trace.from_columns(arrivals, np.full(requests, 512), np.full(requests, output))
        sigma = np.sqrt(np.log(1 + 0.8**2))
        draws = rng.lognormal(-(sigma**2) / 2, sigma, (2, requests))
        lengths = np.maximum(1, np.rint(draws * [[512], [output]])).astype(np.int64)
        return Trace.from_columns(arrivals, lengths[0], lengths[1])

    return make


def sessions() -> Trace:
    """W1's arrivals as turns of sessions of 4, behind one of 8 prefixes of 400 tokens."""
    rng = np.random.default_rng(0)
    arrivals = np.cumsum(rng.exponential(1 / 32, 10_000))
    rows: list[dict[str, Any]] = []
    open_sessions: list[tuple[list[list[Any]], int]] = []
    for i, arrival_s in enumerate(arrivals.tolist()):
        if len(open_sessions) > 400:  # the next turn comes some 12 s after the last
            history, turn = open_sessions.pop(0)
        else:
            history, turn = [[f"system {rng.integers(8)}", 400]], 0
        prompt = [*history, [f"question {i}", 112]]
        rows.append({"arrival_s": arrival_s, "prompt": prompt, "output_tokens": 256})
        if turn < 3:
            open_sessions.append(([*prompt, [f"out:{i}", 256]], turn + 1))
    return Trace.from_requests(rows)


def azure(rate_scale: float) -> Callable[[], Trace]:
    """The Azure conversation hour, faster or as it was."""
    return lambda: formats.read(AZURE).rate_scaled(rate_scale)


def mooncake() -> Trace:
    """The Mooncake conversation hour with its hash ids."""
    return formats.read(MOONCAKE)


W1_BLOCKS = 25_562
"""KV blocks that vLLM finds room for beside Llama-3.1-8B on an H100 at 0.9 of its memory."""
LONG = {"max_model_len": 131_072}

WORKLOADS: dict[str, Workload] = {
    "W1": Workload(poisson(10_000, 32)),
    "W1 sync": Workload(poisson(10_000, 32), engine={"async_scheduling": False}),
    "W1b": Workload(poisson(10_000, 32, lognormal=True)),
    "W2": Workload(poisson(40_000, 128), 4, "least_loaded"),
    "W3": Workload(poisson(200_000, 512), 16, "least_loaded"),
    "W4": Workload(sessions),
    "W5": Workload(poisson(10_000, 32), engine={"num_gpu_blocks_override": W1_BLOCKS // 5}),
    "W6 1x": Workload(azure(1), needs=AZURE),
    "W6 4x": Workload(azure(4), needs=AZURE),
    "W7": Workload(mooncake, 8, engine=LONG, needs=MOONCAKE),
    "W8": Workload(poisson(1_000_000, 512), 16, "least_loaded"),
    **{
        f"W9 {output}": Workload(
            poisson(10_000, 32, output), engine={"num_gpu_blocks_override": ROOMY}
        )
        for output in (64, 256, 1024, 4096)
    },
    "W9 4096, KV full": Workload(poisson(10_000, 32, 4096)),
}
"""W9 has a cache that never fills, for it asks what length costs; the last row is W9's longest with
the cache that an H100 has, where nearly every request is preempted twice."""
