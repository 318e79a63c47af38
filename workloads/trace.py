"""Trace: who asks, when, for how much, sharing which prompt text; immutable columns."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from hardware_profiles.errors import InputError
from workloads import columns, request_list
from workloads import segments as ragged
from workloads.clients import Client
from workloads.columns import MAX_TOKENS
from workloads.segments import Ints, Segments

__all__ = ["MAX_TOKENS", "Trace"]


@dataclass(frozen=True, eq=False)
class Trace:
    """Requests in order of arrival, one row each.

    Columns are read-only arrays of one length. `InputError` is raised when a number is not
    finite, an arrival lies before 0 or before the one above it, or a request has no tokens.
    """

    arrival_s: NDArray[np.float64]
    """Seconds since the trace began, never falling."""
    prompt_tokens: Ints
    output_tokens: Ints
    """Tokens the answer will have; the engine must not let scheduling decisions see them."""
    priority: Ints
    """Smaller is served first, as in vLLM."""
    tenant: NDArray[np.object_] | None = None
    """Whose request it is; None where nobody said."""
    session: Ints | None = None
    """Conversation the request is a turn of, -1 for none; None where nobody said."""
    segment_offsets: Ints | None = None
    segment_ids: Ints | None = None
    segment_lengths: Ints | None = None
    """Prompt identity (`workloads.segments`); None when no prompt shares anything with another."""
    meta: Mapping[str, Any] = field(default_factory=dict)
    """Where it came from and what was assumed."""
    follows: Ints | None = None
    """Row whose answer comes before this request, -1 for none: the turn or call before."""
    delay_s: NDArray[np.float64] | None = None
    """Time from that answer to this request: thinking, or a tool at work."""
    closed_loop: bool = False
    """If so, `arrival_s` is only the earliest instant: a request is sent when, besides, the answer
    it follows has been there for `delay_s` and fewer than `max_concurrency` are unfinished.
    If not, `arrival_s` is the instant, whatever the server does."""
    max_concurrency: int | None = None
    """Requests of a closed loop that may be unfinished at once."""
    client: Ints | None = None
    """Which of `clients` sends the request; None where all wait for ever."""
    clients: tuple[Client, ...] = ()
    """Kinds of clients: what they do while they wait."""

    def __post_init__(self) -> None:
        for name, dtype in columns.DTYPES.items():
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, columns.frozen(name, value, dtype))
        columns.check(self)

    @classmethod
    def from_columns(
        cls,
        arrival_s: ArrayLike,
        prompt_tokens: ArrayLike,
        output_tokens: ArrayLike,
        *,
        segments: Segments | None = None,
        meta: Mapping[str, Any] | None = None,
        closed_loop: bool = False,
        max_concurrency: int | None = None,
        clients: tuple[Client, ...] = (),
        **optional: ArrayLike | None,
    ) -> "Trace":
        """Trace from columns in any order; ties keep the order given.

        References to other rows (outputs in `segments`, `follows`) are to rows of the order given.
        `optional` are the columns ``priority``, ``tenant``, ``session``, ``follows``, ``delay_s``
        and ``client``.
        """
        arrival = np.asarray(arrival_s, dtype=np.float64)
        if np.isnan(arrival).any():
            raise InputError(f"row {int(np.argmax(np.isnan(arrival)))}: arrival_s is not a number")
        given: dict[str, Any] = {"prompt_tokens": prompt_tokens, "output_tokens": output_tokens}
        given |= {name: values for name, values in optional.items() if values is not None}
        if unknown := set(optional) - set(columns.OPTIONAL):
            raise TypeError(f"no column {min(unknown)!r}; there are {columns.OPTIONAL}")
        given.setdefault("priority", np.zeros(len(arrival), dtype=np.int64))
        if "tenant" in given:
            given["tenant"] = np.asarray(given["tenant"], dtype=object)
        if (np.diff(arrival) < 0).any():
            order = np.argsort(arrival, kind="stable")
            arrival = arrival[order]
            given = {name: np.asarray(values)[order] for name, values in given.items()}
            if "follows" in given:
                given["follows"] = ragged.new_rows(given["follows"], order, len(order))
            segments = segments and ragged.take(segments, order)
        return cls(
            arrival,
            **given,
            segment_offsets=segments.offsets if segments else None,
            segment_ids=segments.ids if segments else None,
            segment_lengths=segments.lengths if segments else None,
            meta=meta or {},
            closed_loop=closed_loop,
            max_concurrency=max_concurrency,
            clients=clients,
        )

    @classmethod
    def from_requests(
        cls, requests: Iterable[Mapping[str, Any]], meta: Mapping[str, Any] | None = None
    ) -> "Trace":
        """Trace from mappings, one a request, in any order; ties keep the order given.

        Keys: ``arrival_s``, ``output_tokens``, and ``prompt`` (a list of ``[segment, length]``) or
        ``prompt_tokens``; optional ``priority``, ``tenant``. A segment called ``out:i`` is the
        output of request ``i`` of the order given.

        >>> hello = {"arrival_s": 0, "prompt": [["system", 10], ["q", 5]], "output_tokens": 3}
        >>> Trace.from_requests([hello]).prompt_tokens.tolist()
        [15]
        """
        return cls.from_columns(**request_list.columns_of(requests), meta=meta)

    @property
    def segments(self) -> Segments | None:
        """The three segment columns together, or None when nothing is shared."""
        if self.segment_offsets is None or self.segment_ids is None or self.segment_lengths is None:
            return None
        return Segments(self.segment_offsets, self.segment_ids, self.segment_lengths)

    def __len__(self) -> int:
        return len(self.arrival_s)

    def __eq__(self, other: object) -> bool:
        """Whether all columns agree; where the rows came from does not matter."""
        if not isinstance(other, Trace):
            return NotImplemented
        pairs = [(getattr(self, name), getattr(other, name)) for name in columns.DTYPES]
        same = all(a is b or (a is not None and np.array_equal(a, b)) for a, b in pairs)
        rest = ("closed_loop", "max_concurrency", "clients")
        return same and all(getattr(self, name) == getattr(other, name) for name in rest)

    __hash__ = None  # type: ignore[assignment]

    def take(self, rows: ArrayLike, *, shift_s: float = 0.0, **meta: Any) -> "Trace":
        """Some of the rows, each at most once, `shift_s` earlier; `meta` is added to the notes.

        Outputs of requests that are left out, where a prompt contains them, become ordinary text.
        """
        chosen = np.asarray(rows, dtype=np.int64)
        optional = {
            name: values[chosen]
            for name in columns.OPTIONAL
            if (values := getattr(self, name)) is not None
        }
        if self.follows is not None:
            optional["follows"] = ragged.new_rows(self.follows[chosen], chosen, len(self))
        segments = self.segments
        return Trace.from_columns(
            self.arrival_s[chosen] - shift_s,
            self.prompt_tokens[chosen],
            self.output_tokens[chosen],
            segments=None if segments is None else ragged.take(segments, chosen),
            meta={**self.meta, **meta},
            closed_loop=self.closed_loop,
            max_concurrency=self.max_concurrency,
            clients=self.clients,
            **optional,
        )

    def with_(self, *, segments: Segments | None = None, **meta: Any) -> "Trace":
        """The same requests with this prompt identity; `meta` is added to the notes."""
        table = segments or self.segments
        return replace(
            self,
            segment_offsets=None if table is None else table.offsets,
            segment_ids=None if table is None else table.ids,
            segment_lengths=None if table is None else table.lengths,
            meta={**self.meta, **meta},
        )

    def tenants(self) -> set[str]:
        """Names of those whose requests these are; "" for requests of nobody in particular."""
        if self.tenant is None:
            return {""}
        return {"" if name is None else str(name) for name in set(self.tenant.tolist())}

    def belonging_to(self, tenant: str, priority: int | None = None) -> "Trace":
        """The same requests as one tenant's, all with this priority if one is given."""
        whose = np.full(len(self), tenant, dtype=object)
        first = self.priority if priority is None else np.full(len(self), priority)
        return replace(self, tenant=whose, priority=first)

    def sent_by(self, client: Client) -> "Trace":
        """The same requests, all sent by clients of one kind."""
        return replace(self, client=np.zeros(len(self), dtype=np.int64), clients=(client,))

    def window(self, start_s: float = 0.0, duration_s: float | None = None) -> "Trace":
        """Requests that arrive in ``[start_s, start_s + duration_s)``; `start_s` is the new 0."""
        end = np.inf if duration_s is None else start_s + duration_s
        first, last = np.searchsorted(self.arrival_s, [start_s, end], side="left")
        return self.take(np.arange(first, last), shift_s=start_s, window_s=[start_s, duration_s])

    def rate_scaled(self, factor: float) -> "Trace":
        """The same requests `factor` times as fast: gaps are divided, burstiness stays as it was.

        >>> Trace.from_columns([0, 3], [1, 1], [1, 1]).rate_scaled(2).arrival_s.tolist()
        [0.0, 1.5]
        """
        if not (np.isfinite(factor) and factor > 0):
            raise InputError(f"rate_scale: expected a number above 0, found {factor}")
        scale = float(self.meta.get("rate_scale", 1.0)) * factor
        delay = None if self.delay_s is None else self.delay_s / factor
        meta = {**self.meta, "rate_scale": scale}
        return replace(self, arrival_s=self.arrival_s / factor, delay_s=delay, meta=meta)

    def to_pandas(self) -> pd.DataFrame:
        """One row a request, one column each; prompt identity is left out."""
        names = ("arrival_s", "prompt_tokens", "output_tokens", *columns.OPTIONAL)
        table = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        return pd.DataFrame(table)
