"""What users saw: latency, throughput and goodput, read off the tables of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simulator.record.distribution import Distribution, describe
from simulator.record.runs import Runs
from simulator.record.tokens import passed_over, token_gaps, work
from simulator.scenario import step_time_of

if TYPE_CHECKING:
    from simulator.record.result import Result

__all__ = [
    "Goodput",
    "Throughput",
    "e2e",
    "gaps",
    "goodput",
    "itl",
    "meets_slo",
    "outcomes",
    "prefix_hit_rate",
    "queue",
    "sending_s",
    "throughput",
    "tpot",
    "ttft",
]

Bools = NDArray[np.bool_]


def ttft(result: Result) -> Distribution:
    """Time to the first token, of requests that got one; API cost included. [s]"""
    return describe(result.requests["ttft_s"])


def tpot(result: Result) -> Distribution:
    """Time per output token after the first: one mean per request of two tokens or more. [s]"""
    return describe(result.requests["tpot_s"])


def e2e(result: Result) -> Distribution:
    """Time from arrival to the last token, of completed requests; API cost included. [s]"""
    return describe(result.requests.loc[_completed(result), "e2e_s"])


def queue(result: Result) -> Distribution:
    """Wait from arrival to the first admission, of requests that were admitted. [s]"""
    return describe(result.requests["queue_s"])


def itl(result: Result) -> Distribution:
    """Time between two tokens of a request, each pair of tokens counted once. [s]

    A sequence that decodes in a step waits that step out; one that was preempted or passed over
    waits longer, and those waits are the table of `gaps`. Tokens of an accepted draft come together
    and count as one.
    """
    runs = Runs.of(result.steps)
    done = work(result, runs)
    step_s, sequences = runs.gaps_s()
    np.subtract.at(sequences, passed_over(done), 1)
    longer = token_gaps(done, runs)["gap_s"].to_numpy()
    weights = np.concatenate([sequences, np.ones(len(longer), np.int64)])
    return describe(np.concatenate([step_s, longer]) + sending_s(result), weights)


def gaps(result: Result) -> pd.DataFrame:
    """Table `gaps`: every wait between two tokens that was more than the next step."""
    runs = Runs.of(result.steps)
    return token_gaps(work(result, runs), runs)


class Throughput(NamedTuple):
    """What was served per second of the whole run."""

    requests_per_s: float
    """Completed requests. [1/s]"""
    prompt_tokens_per_s: float
    """Prompt tokens computed, repeated ones and drafts too, cached ones not. [tokens/s]"""
    output_tokens_per_s: float
    """Output tokens given. [tokens/s]"""


def throughput(result: Result) -> Throughput:
    """Served per second, from time 0 to the end of the run."""
    totals = (
        _completed(result).sum(),
        result.steps["prefill_tokens"].sum(),
        result.requests["generated_tokens"].sum(),
    )
    return Throughput(*(_ratio(float(total), result.horizon_s) for total in totals))


class Goodput(NamedTuple):
    """Requests that were completed within the SLO; rejected and unfinished ones are misses."""

    good_requests: int
    share: float
    """Of all requests that arrived."""
    requests_per_s: float
    """[1/s]"""


def meets_slo(result: Result) -> Bools:
    """For each request, whether it was completed and within every bound of the scenario's SLO.

    A request of one token has no TPOT and cannot miss a bound on it.
    """
    good = _completed(result)
    slo = result.scenario.slo
    for column in ("ttft_s", "tpot_s", "e2e_s"):
        bound = getattr(slo, column)
        if bound is not None:
            good = good & ~(result.requests[column].to_numpy() > bound)
    return good


def goodput(result: Result) -> Goodput:
    """Completed within the SLO: how many, what share of all, how many a second."""
    good = int(meets_slo(result).sum())
    share = _ratio(good, len(result.requests))
    return Goodput(good, share, _ratio(good, result.horizon_s))


def outcomes(result: Result) -> dict[str, int]:
    """How many requests ended how; every outcome is named."""
    counts = result.requests["outcome"].value_counts(sort=False)
    return {str(outcome): int(count) for outcome, count in counts.items()}


def prefix_hit_rate(result: Result) -> float:
    """Prompt tokens found in the cache at the first admission, of those of admitted requests.

    What an endpoint has answered met no cache of ours.
    """
    requests = result.requests
    admitted = requests[requests["scheduled_s"].notna()]
    if len(result.calls):
        away = result.calls.loc[result.calls["outcome"] == "ok", "request"]
        admitted = admitted.drop(admitted.index[admitted["request_id"].isin(away)])
    return _ratio(float(admitted["cached_tokens"].sum()), float(admitted["prompt_tokens"].sum()))


def _completed(result: Result) -> Bools:
    completed: Bools = (result.requests["outcome"] == "completed").to_numpy(dtype=bool)
    return completed


def sending_s(result: Result) -> float:
    """What the API server adds to each token on its way to the client. [s]"""
    scenario = result.scenario
    return step_time_of(scenario).client_overhead[1] if scenario.client_overhead else 0.0


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > 0 else float("nan")
