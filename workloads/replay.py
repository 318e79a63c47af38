"""Replay: a trace from a file, whole or a window of it, as fast as it was or faster."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from numpy.random import Generator
from pydantic import Field

from hardware_profiles.errors import InputError, did_you_mean
from hardware_profiles.value import Value
from workloads import formats
from workloads.clients import Client
from workloads.identity import assume_prefixes
from workloads.process import NotNegative, Positive
from workloads.retime import Retime
from workloads.shared_text import SharedPrefixes
from workloads.trace import Trace

__all__ = ["Replay"]


class Replay(Value):
    """A trace from a file, whole or a window of it, as fast as it was or faster."""

    kind: Literal["trace"] = "trace"
    path: Path
    """File; a relative path starts from the scenario's folder."""
    format: str | None = None
    """One of `workloads.formats.names()`; recognised by the content when not given."""
    start_s: NotNegative = 0.0
    """Begin so long after the trace's 0, on the file's own clock."""
    duration_s: Positive | None = None
    """Length of the window, on the file's own clock."""
    rate_scale: Positive = 1.0
    """2 is twice as many requests per second: every gap is halved, burstiness stays."""
    limit: Annotated[int, Field(ge=1)] | None = None
    """No more requests than this."""
    skip_bad_rows: bool = False
    """Leave out and count rows that cannot be used, instead of refusing the file."""
    sort: bool = False
    """Accept a file that is not in order of time."""
    columns: dict[str, str] = Field(default_factory=dict)
    """The file's names of columns by what they mean, e.g. ``{arrival_s: ts}``."""
    retime: Retime | None = None
    """New instants, for files that have none; the window then counts on the new clock."""
    assume_prefixes: SharedPrefixes | None = None
    """Shared text to assume where the file says nothing of it."""
    client: Client | None = None
    """What those who ask do while they wait; without it they wait for ever."""
    tenants: tuple[str, ...] = ()
    """Only the requests of these (in BurstGPT: of these models)."""

    def sample(self, rng: Generator, horizon_s: float | None, base_dir: Path = Path()) -> Trace:
        """Read the requests that arrive, at the speed asked for, before `horizon_s`.

        Raises
        ------
        InputError
            If the file cannot be read as it stands, or no request lies in the window.
        """
        path = base_dir / self.path
        trace = formats.read(
            path,
            self.format,
            skip_bad_rows=self.skip_bad_rows,
            sort=self.sort,
            columns=self.columns,
        )
        if self.tenants:
            trace = _of_tenants(trace, self.tenants, path)
        if self.retime is not None:
            trace = self.retime.apply(trace, rng)
        elif trace.meta.get("no_times"):
            raise InputError(f"{path}: the file has no times; say with `retime` when requests come")
        trace = self._cut(trace, horizon_s, path)
        if self.assume_prefixes is not None:
            trace = assume_prefixes(trace, self.assume_prefixes, rng)
        return trace if self.client is None else trace.sent_by(self.client)

    def pieces(
        self, rng: Generator, horizon_s: float | None, base_dir: Path = Path()
    ) -> Iterator[Trace]:
        """As `sample`, in pieces on one clock, so that the file is never all in memory.

        With `sort`, `retime` or `assume_prefixes`, which need it whole, there is one piece.

        Raises
        ------
        InputError
            As `sample`, when the piece that is wrong is reached.
        """
        if self.sort or self.retime is not None or self.assume_prefixes is not None:
            yield self.sample(rng, horizon_s, base_dir)
            return
        path = base_dir / self.path
        left = self.limit
        end = np.inf if self.duration_s is None else self.start_s + self.duration_s
        if horizon_s is not None:
            end = min(end, self.start_s + horizon_s * self.rate_scale)
        for piece in formats.stream(
            path, self.format, skip_bad_rows=self.skip_bad_rows, columns=self.columns
        ):
            if piece.meta.get("no_times"):
                raise InputError(f"{path}: the file has no times; say with `retime` when they come")
            if piece.arrival_s[0] >= end or left == 0:
                break
            rows = np.flatnonzero((piece.arrival_s >= self.start_s) & (piece.arrival_s < end))
            if self.tenants:
                rows = rows[np.isin(np.asarray(piece.tenant, dtype=str)[rows], self.tenants)]
            rows = rows[:left]
            left = None if left is None else left - len(rows)
            if len(rows):
                cut = piece.take(rows, shift_s=self.start_s)
                cut = cut if self.rate_scale == 1 else cut.rate_scaled(self.rate_scale)
                yield cut if self.client is None else cut.sent_by(self.client)

    def _cut(self, trace: Trace, horizon_s: float | None, path: Path) -> Trace:
        """The window, at the speed asked for, up to the horizon and the limit."""
        if self.start_s or self.duration_s is not None:
            whole, trace = trace, trace.window(self.start_s, self.duration_s)
            if not len(trace):
                raise InputError(
                    f"{path}: no request between {self.start_s:g} s and "
                    f"{self.start_s + (self.duration_s or np.inf):g} s; the trace has "
                    f"{len(whole)} from {whole.arrival_s[0]:g} s to {whole.arrival_s[-1]:g} s"
                )
        if self.rate_scale != 1:
            trace = trace.rate_scaled(self.rate_scale)
        if horizon_s is not None and trace.arrival_s[-1] >= horizon_s:
            trace = trace.window(0.0, horizon_s)
            if not len(trace):
                raise InputError(f"{path}: no request before the horizon of {horizon_s:g} s")
        if self.limit is not None and self.limit < len(trace):
            trace = trace.take(np.arange(self.limit))
        return trace


def _of_tenants(trace: Trace, tenants: tuple[str, ...], path: Path) -> Trace:
    known = sorted({str(t) for t in (trace.tenant if trace.tenant is not None else []) if t})
    for tenant in tenants:
        if tenant not in known:
            raise InputError(f"{path}: no tenant {tenant!r}; {did_you_mean(tenant, known)}")
    assert trace.tenant is not None
    return trace.take(np.flatnonzero(np.isin(trace.tenant.astype(str), tenants)))
