"""Where the time goes: of a request, of a GPU, and of a step."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from simulator.record.result import Result
from simulator.record.usage import provisioned_s

__all__ = ["PHASES", "STEP_KINDS", "gpu_time", "request_time", "step_durations"]

PHASES: Final = ("queue_s", "prefill_s", "decode_s", "client_s")
"""Waiting, from admission to the first token, from there to the last, and the API server's part."""
STEP_KINDS: Final = ("decode only", "decode and prefill", "prefill only")


def request_time(result: Result, groups: int = 10) -> pd.DataFrame:
    """What completed requests waited for, from the quickest to the slowest.

    Parameters
    ----------
    groups : of equal size by end-to-end time, tenths by default.

    Returns
    -------
    DataFrame indexed 1 … groups: requests, e2e_s and the phases of which it is the sum, means [s].
    A preempted request's second wait is in the phase in which it was preempted.

    Raises
    ------
    ValueError
        If fewer requests were completed than there are groups.
    """
    done = result.requests[result.requests["outcome"] == "completed"]
    if not 1 <= groups <= len(done):
        raise ValueError(f"expected 1 to {len(done)} groups (requests completed), found {groups}")
    phases = pd.DataFrame(
        {
            "e2e_s": done["e2e_s"],
            "queue_s": done["queue_s"],
            "prefill_s": done["first_token_s"] - done["scheduled_s"],
            "decode_s": done["finish_s"] - done["first_token_s"],
        }
    )
    phases["client_s"] = done["e2e_s"] - (done["finish_s"] - done["arrival_s"])
    rank = phases["e2e_s"].rank(method="first").to_numpy() - 1
    group = pd.Series(np.int64(rank * groups // len(done)) + 1, index=done.index, name="group")
    means = phases.groupby(group).mean()
    means.insert(0, "requests", phases.groupby(group).size())
    return means


def step_durations(result: Result) -> pd.DataFrame:
    """Each run of equal steps: its kind, sequences, tokens, and the duration of a step.

    Returns
    -------
    DataFrame: kind (one of `STEP_KINDS`), steps, sequences and tokens of a step, step_s (mean over
    the run) [s], busy_s (all its steps) [s].
    """
    steps = result.steps
    decodes, prefills = steps["decode_seqs"].to_numpy() > 0, steps["prefill_seqs"].to_numpy() > 0
    kind = np.where(prefills, np.where(decodes, STEP_KINDS[1], STEP_KINDS[2]), STEP_KINDS[0])
    busy_s = steps["end_s"] - steps["start_s"]
    return pd.DataFrame(
        {
            "kind": pd.Categorical(kind, STEP_KINDS),
            "steps": steps["num_steps"],
            "sequences": steps["decode_seqs"] + steps["prefill_seqs"],
            "tokens": steps["decode_seqs"] + steps["prefill_tokens"],
            "step_s": busy_s / steps["num_steps"],
            "busy_s": busy_s,
        }
    )


def gpu_time(result: Result) -> pd.DataFrame:
    """What the replicas' time was spent on, by kind of step; what is left is without a step.

    Returns
    -------
    DataFrame by kind: steps, seconds, share of the time replicas were held, tokens (computed),
    tokens_per_s (while at it).
    """
    of = step_durations(result)
    of["tokens"] *= of["steps"]
    found = of.groupby("kind", observed=False)[["steps", "busy_s", "tokens"]].sum()
    held_s = provisioned_s(result)
    found.loc["no step"] = [0, held_s - found["busy_s"].sum(), 0]
    found = found.rename(columns={"busy_s": "seconds"})
    found["share"] = found["seconds"] / held_s
    found["tokens_per_s"] = found["tokens"] / found["seconds"].where(found["seconds"] > 0)
    return found[["steps", "seconds", "share", "tokens", "tokens_per_s"]]
