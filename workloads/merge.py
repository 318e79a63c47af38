"""Several traces on one clock."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hardware_profiles.errors import InputError
from workloads import segments as ragged
from workloads.segments import Ints, Segments
from workloads.trace import Trace

__all__ = ["merge"]


def merge(traces: Iterable[Trace], meta: Mapping[str, Any] | None = None) -> Trace:
    """All requests of several traces; prompts of different traces share nothing.

    Where two arrive at the same instant, the one of the trace named first goes first.

    >>> one = Trace.from_columns([0, 2], [5, 5], [1, 1])
    >>> merge([one, one.window(0)]).arrival_s.tolist()
    [0.0, 0.0, 2.0, 2.0]
    """
    parts = list(traces)
    if not parts:
        raise InputError("merge: expected at least one trace, found none")
    shared = any(part.segment_ids is not None for part in parts)
    known_tenant = any(part.tenant is not None for part in parts)
    return Trace.from_columns(
        np.concatenate([part.arrival_s for part in parts]),
        np.concatenate([part.prompt_tokens for part in parts]),
        np.concatenate([part.output_tokens for part in parts]),
        priority=np.concatenate([part.priority for part in parts]),
        tenant=np.concatenate([_tenants(part) for part in parts]) if known_tenant else None,
        session=_sessions(parts),
        segments=ragged.concatenate([_segments(part) for part in parts]) if shared else None,
        meta=meta if meta is not None else {"merged": [dict(part.meta) for part in parts]},
    )


def _segments(trace: Trace) -> Segments:
    """The trace's segments, or a segment of its own for each prompt."""
    rows = np.arange(len(trace))
    return trace.segments or Segments(np.arange(len(trace) + 1), rows, trace.prompt_tokens)


def _tenants(trace: Trace) -> NDArray[np.object_]:
    return np.full(len(trace), None) if trace.tenant is None else trace.tenant


def _sessions(parts: list[Trace]) -> Ints | None:
    """Session numbers of all parts, moved so that no two parts have one in common."""
    if all(part.session is None for part in parts):
        return None
    columns, base = [], 0
    for part in parts:
        session = np.full(len(part), -1) if part.session is None else part.session
        columns.append(np.where(session < 0, -1, session + base))
        base += int(session.max(initial=-1)) + 1
    return np.concatenate(columns)
