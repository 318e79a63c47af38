"""Service: an endpoint as its client sees it, when only its latency and limits are known.

Its fields are those of an endpoint on the shelf. Nothing queues behind anything: each answer takes
what it takes, whatever this client sends, until a limit refuses it.
"""

from __future__ import annotations

from collections import deque
from datetime import date
from typing import Annotated, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field, field_validator

from hardware_profiles.price import read_before_today
from hardware_profiles.profile import NotNegative, Positive, Text
from hardware_profiles.value import Value
from simulator.scenario import SLO
from workloads.trace import Trace

__all__ = ["Service", "good", "serve"]

Sigma = Annotated[float, Field(ge=0, le=3)]
MINUTE_S = 60.0


class Service(Value):
    """Speed and limits of an endpoint; medians, and the deviation of the logarithm."""

    source: Text
    checked: date
    ttft_s: NotNegative
    """Median time to the first token of a short prompt [s]."""
    ttft_sigma: Sigma = 0.0
    ttft_s_per_1k_prompt_tokens: NotNegative = 0.0
    tokens_per_s: Positive
    """Median speed of one answer [tokens/s]."""
    tokens_per_s_sigma: Sigma = 0.0
    requests_per_minute: Positive | None = None
    tokens_per_minute: Positive | None = None
    """Prompt tokens; more are answered with 429, as more requests are."""
    mtbf_h: Positive | None = None
    """Mean time between outages [h]."""
    outage_s: Positive = 600.0

    @field_validator("checked", mode="after")
    @classmethod
    def _not_in_the_future(cls, checked: date) -> date:
        return read_before_today(checked)


def serve(service: Service, trace: Trace, rng: np.random.Generator) -> pd.DataFrame:
    """Send every request of a trace to an endpoint, once.

    Returns
    -------
    DataFrame, a row a request: arrival_s, prompt_tokens, generated_tokens, outcome (completed or
    rejected), ttft_s, tpot_s, e2e_s.
    """
    n = len(trace)
    slow = service.ttft_s * np.exp(service.ttft_sigma * rng.standard_normal(n))
    ttft = slow + service.ttft_s_per_1k_prompt_tokens * trace.prompt_tokens / 1e3
    speed = service.tokens_per_s * np.exp(service.tokens_per_s_sigma * rng.standard_normal(n))
    served = _within_limits(service, trace) & ~_down(service, trace, rng)
    tpot = np.where(served & (trace.output_tokens > 1), 1.0 / speed, np.nan)
    e2e = ttft + (trace.output_tokens - 1) / speed
    return pd.DataFrame(
        {
            "arrival_s": trace.arrival_s,
            "prompt_tokens": trace.prompt_tokens,
            "generated_tokens": np.where(served, trace.output_tokens, 0),
            "outcome": np.where(served, "completed", "rejected"),
            "ttft_s": np.where(served, ttft, np.nan),
            "tpot_s": tpot,
            "e2e_s": np.where(served, e2e, np.nan),
        }
    )


def good(requests: pd.DataFrame, slo: SLO) -> NDArray[np.bool_]:
    """For each request, whether it was completed within every bound."""
    fine = (requests["outcome"] == "completed").to_numpy()
    for column in ("ttft_s", "tpot_s", "e2e_s"):
        bound = getattr(slo, column)
        if bound is not None:
            fine = fine & ~(requests[column].to_numpy() > bound)
    return np.asarray(fine, dtype=bool)


def _within_limits(service: Service, trace: Trace) -> NDArray[np.bool_]:
    """Which requests stay within the limits of the minute before them."""
    most = service.requests_per_minute or np.inf
    tokens_most = service.tokens_per_minute or np.inf
    taken = np.ones(len(trace), dtype=bool)
    if np.isinf(most) and np.isinf(tokens_most):
        return taken
    recent: deque[tuple[float, int]] = deque()
    tokens = 0
    rows: Any = zip(trace.arrival_s.tolist(), trace.prompt_tokens.tolist(), strict=True)
    for i, (now, asked) in enumerate(rows):
        while recent and recent[0][0] <= now - MINUTE_S:
            tokens -= recent.popleft()[1]
        taken[i] = len(recent) + 1 <= most and tokens + asked <= tokens_most
        if taken[i]:
            recent.append((now, asked))
            tokens += asked
    return taken


def _down(service: Service, trace: Trace, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Which requests fall into an outage."""
    down = np.zeros(len(trace), dtype=bool)
    if service.mtbf_h is None or not len(trace):
        return down
    now, end = 0.0, float(trace.arrival_s[-1])
    while now <= end:
        begin = now + rng.exponential(service.mtbf_h * 3600)
        now = begin + rng.exponential(service.outage_s)
        down |= (trace.arrival_s >= begin) & (trace.arrival_s < now)
    return down
