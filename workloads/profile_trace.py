"""What a trace looks like: rate, burstiness, lengths, requests at once, reuse, conversations."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from workloads.burstiness import Arrivals, Verdict
from workloads.length_table import LengthTable
from workloads.merge import stitch
from workloads.reuse import reuse_bound
from workloads.session_table import session_table
from workloads.simultaneous import ServiceTime, Simultaneous
from workloads.trace import Trace

__all__ = ["TraceProfile", "profile"]

REUSE_BLOCK_TOKENS = 16
"""Block of the reuse bound where the trace has no blocks of its own."""
REUSE_REQUESTS = 200_000
"""The reuse bound is of so many first requests; it needs them all at once."""


@dataclass(frozen=True)
class TraceProfile:
    """Tables that describe a trace; each knows its units by its columns' names."""

    requests: int
    duration_s: float
    """From the first arrival to the last."""
    arrivals: Arrivals
    verdict: Verdict
    lengths: pd.DataFrame
    joint_lengths: pd.DataFrame
    length_correlation: float
    service: ServiceTime
    simultaneous: pd.Series
    simultaneous_by_minute: pd.DataFrame
    reuse: pd.DataFrame
    """Empty for a trace without prompt identity."""
    sessions: pd.DataFrame
    """Empty for a trace without conversations."""
    tenants: pd.DataFrame
    meta: Mapping[str, Any] = field(default_factory=dict)

    def rate(self, bin_s: int = 60) -> pd.DataFrame:
        """Requests in each minute (or other bin): columns start_s, requests, rate_per_s."""
        seconds = self.arrivals.per_second
        bins = -(-len(seconds) // bin_s)
        counts = np.pad(seconds, (0, bins * bin_s - len(seconds))).reshape(bins, bin_s).sum(axis=1)
        # The last bin may be cut short by the end of the trace.
        held = np.full(bins, float(bin_s))
        held[-1:] = max(self.arrivals.last_s - (bins - 1) * bin_s, 1.0)
        starts = np.arange(bins) * float(bin_s)
        return pd.DataFrame({"start_s": starts, "requests": counts, "rate_per_s": counts / held})

    def overview(self) -> pd.Series:
        """The numbers to begin with."""
        minutes = self.rate(60).requests
        total = self.lengths.total
        return pd.Series(
            {
                "requests": self.requests,
                "duration_s": self.duration_s,
                "rate_per_s": self.requests / self.duration_s if self.duration_s else np.nan,
                "peak_minute_over_mean": minutes.max() / minutes.mean(),
                "gap_cv": self.arrivals.gap_cv(),
                "gap_cv_within_ten_minutes": self.arrivals.local_gap_cv(),
                "gap_autocorrelation": self.arrivals.gap_autocorrelation(),
                "prompt_tokens": total.prompt_tokens,
                "output_tokens": total.output_tokens,
                "length_correlation": self.length_correlation,
                "simultaneous_mean": self.simultaneous["mean"],
                "simultaneous_peak": self.simultaneous["peak"],
            }
        )

    def tables(self) -> dict[str, pd.DataFrame]:
        """All tables by name, for printing and for files."""
        named = {
            "overview": self.overview().rename_axis("measure").rename("value").reset_index(),
            "rate_by_minute": self.rate(60),
            "rate_by_hour": self.rate(3600),
            "dispersion": self.arrivals.dispersion(),
            "gap_dispersion": self.arrivals.gap_dispersion(),
            "autocorrelation": self.arrivals.autocorrelation(),
            "lengths": self.lengths.rename_axis("length").reset_index(),
            "joint_lengths": self.joint_lengths.reset_index().melt(
                id_vars="prompt_tokens_from", var_name="output_tokens_from", value_name="share"
            ),
            "simultaneous": self.simultaneous.rename_axis("measure").rename("value").reset_index(),
            "simultaneous_by_minute": self.simultaneous_by_minute,
            "reuse": self.reuse,
            "sessions": self.sessions.rename_axis("measure").reset_index(),
            "tenants": self.tenants,
        }
        return {name: table for name, table in named.items() if len(table)}


def profile(
    pieces: Trace | Iterable[Trace], service: ServiceTime | None = None, block_tokens: int = 0
) -> TraceProfile:
    """Describe a trace, whole or in pieces in order of time, in bounded memory.

    Parameters
    ----------
    pieces : a trace, or its pieces on one clock as `workloads.formats.stream` yields them.
    service : how long a request is under way, for the requests at once.
    block_tokens : block of the reuse bound; that of the trace, else 16, when not given.
    """
    service = service or ServiceTime()
    arrivals, lengths, at_once = Arrivals(), LengthTable(), Simultaneous()
    tenants: dict[str, np.ndarray[Any, np.dtype[np.int64]]] = {}
    head: list[Trace] = []
    requests = 0
    meta: Mapping[str, Any] = {}
    for piece in [pieces] if isinstance(pieces, Trace) else pieces:
        arrivals.add(piece.arrival_s)
        lengths.add(piece)
        at_once.add(piece.arrival_s, piece.arrival_s + service.of(piece))
        _count_tenants(tenants, piece)
        if requests < REUSE_REQUESTS:
            head.append(piece.take(np.arange(min(len(piece), REUSE_REQUESTS - requests))))
        requests += len(piece)
        meta = piece.meta
    at_once.finish()
    first = stitch(head)
    shared = first.segments is not None
    block = block_tokens or int(meta.get("block_tokens", REUSE_BLOCK_TOKENS))
    return TraceProfile(
        requests=requests,
        duration_s=arrivals.last_s - arrivals.first_s,
        arrivals=arrivals,
        verdict=arrivals.verdict(),
        lengths=lengths.percentiles(),
        joint_lengths=lengths.joint_table(),
        length_correlation=lengths.correlation(),
        service=service,
        simultaneous=at_once.summary(),
        simultaneous_by_minute=at_once.by_minute(),
        reuse=reuse_bound(first, block) if shared else pd.DataFrame(),
        sessions=session_table(first),
        tenants=_tenant_table(tenants, requests),
        meta=dict(meta)
        | ({"reuse_of_first_requests": len(first)} if len(first) < requests else {}),
    )


def _count_tenants(tenants: dict[str, Any], piece: Trace) -> None:
    if piece.tenant is None:
        return
    names, place = np.unique(piece.tenant.astype(str), return_inverse=True)
    sums = [
        np.bincount(place, weights=weights, minlength=len(names)).astype(np.int64)
        for weights in (None, piece.prompt_tokens, piece.output_tokens)
    ]
    for name, row in zip(names.tolist(), np.stack(sums, axis=1), strict=True):
        tenants[name] = tenants.get(name, np.zeros(3, dtype=np.int64)) + row


def _tenant_table(tenants: dict[str, Any], requests: int) -> pd.DataFrame:
    """Who asks how much, the busiest first."""
    rows = [(name, *row.tolist()) for name, row in tenants.items()]
    columns = ["tenant", "requests", "prompt_tokens", "output_tokens"]
    table = pd.DataFrame(rows, columns=columns).sort_values(
        ["requests", "tenant"], ascending=[False, True]
    )
    table["share"] = table.requests / max(requests, 1)
    return table.reset_index(drop=True)
