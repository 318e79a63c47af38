"""Conversations in a trace: how many turns, how long the pauses, how fast prompts grow."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workloads.trace import Trace

__all__ = ["session_table"]

PERCENTILES = (50, 90, 99)


def session_table(trace: Trace) -> pd.DataFrame:
    """Rows turns, seconds_between_turns, growth_tokens; columns mean, p50, p90, p99, max.

    Empty when the trace knows no conversations. Turns are per conversation; the time is from one
    arrival to the next; growth is by how much a prompt is longer than that of the turn before.
    """
    names = ["mean", *(f"p{p}" for p in PERCENTILES), "max"]
    if trace.session is None or not (trace.session >= 0).any():
        return pd.DataFrame(columns=names)
    rows = np.flatnonzero(trace.session >= 0)
    order = rows[np.argsort(trace.session[rows], kind="stable")]
    session = trace.session[order]
    same = np.diff(session) == 0
    turns = np.unique(session, return_counts=True)[1]
    values = {
        "turns": turns.astype(np.float64),
        "seconds_between_turns": np.diff(trace.arrival_s[order])[same],
        "growth_tokens": np.diff(trace.prompt_tokens[order])[same].astype(np.float64),
    }
    return pd.DataFrame({name: _summary(v, names) for name, v in values.items()}).T


def _summary(values: NDArray[np.float64], names: list[str]) -> pd.Series:
    if not len(values):
        return pd.Series(np.nan, index=names)
    found = [values.mean(), *np.percentile(values, PERCENTILES), values.max()]
    return pd.Series(found, index=names)
