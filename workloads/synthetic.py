"""Synthetic traffic: a recipe of arrivals, lengths, shared text and conversations."""

from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
from numpy.random import Generator
from pydantic import Field, model_validator

from hardware_profiles.errors import InputError
from hardware_profiles.profile import Confidence
from hardware_profiles.value import Value
from workloads.arrivals import Arrivals
from workloads.clients import Client
from workloads.columns import MAX_TOKENS
from workloads.joint import JointLengths
from workloads.lengths import Lengths
from workloads.process import Positive, Seconds
from workloads.prompt_text import said_in
from workloads.segments import Ints, offsets_of
from workloads.sessions import Sessions, grown_prompts, laid_out
from workloads.shared_text import Documents, SharedPrefixes
from workloads.trace import Trace

__all__ = ["Synthetic"]

PIECE_REQUESTS = 1 << 20


class Synthetic(Value):
    """Requests drawn from distributions; the same generator gives the same bytes.

    Lengths are given apart (`prompt_tokens`, `output_tokens`) or as pairs (`joint_lengths`). Each
    ingredient draws from a stream of its own, so that changing one (longer answers, say) leaves the
    others (the instants of arrival) as they were.
    """

    kind: Literal["synthetic"] = "synthetic"
    name: str = "synthetic"
    source: str = ""
    """What it is modelled on."""
    checked: date | None = None
    confidence: Confidence | None = None
    """How far `source` bears it out: A measured on what it names, B told by a second hand or in
    part a choice, C a choice, or cited from memory."""
    notes: str = ""

    arrivals: Arrivals
    """When requests arrive; with `sessions`, when conversations begin."""
    prompt_tokens: Lengths | None = None
    """What is new in a prompt; shared text and earlier turns come on top."""
    output_tokens: Lengths | None = None
    joint_lengths: JointLengths | None = None
    """Both together, in place of the two above."""
    length_correlation: Annotated[float, Field(ge=-1, le=1)] = 0.0
    """Correlation of the ranks of new prompt text and answer (Gaussian copula)."""
    shared_prefixes: SharedPrefixes | None = None
    documents: Documents | None = None
    sessions: Sessions | None = None
    priority: int = 0
    tenant: str | None = None
    client: Client | None = None
    """What those who ask do while they wait; without it they wait for ever."""
    num_requests: Annotated[int, Field(ge=1)] | None = None
    """Stop after so many requests."""
    duration_s: Positive | None = None
    """Stop after so long."""

    @model_validator(mode="after")
    def _lengths_once(self) -> Self:
        apart = (self.prompt_tokens is not None, self.output_tokens is not None)
        if apart != ((True, True) if self.joint_lengths is None else (False, False)):
            raise InputError("give prompt_tokens and output_tokens, or joint_lengths")
        return self

    def sample(self, rng: Generator, horizon_s: float | None, base_dir: Path = Path()) -> Trace:
        """Draw the requests that arrive before `horizon_s` and within the recipe's own limits.

        Raises
        ------
        InputError
            If there is no limit at all, or no request falls within the limits.
        """
        trace = self.draw(rng, horizon_s, base_dir)
        if trace is None:
            raise InputError(
                f"traffic {self.name!r}: no request falls within its limits; expected a higher "
                f"rate, a longer duration or a larger max_prompt_tokens"
            )
        return trace

    def draw(
        self, rng: Generator, horizon_s: float | None, base_dir: Path = Path()
    ) -> Trace | None:
        """As `sample`, but None when no request falls within the limits."""
        when, what, texts, talk = rng.spawn(4)
        limits = [limit for limit in (horizon_s, self.duration_s) if limit is not None]
        end = min(limits) if limits else None
        starts = self.arrivals.sample(when, self.num_requests, end)
        turns = self._turns(talk, len(starts), base_dir)
        session = np.repeat(np.arange(len(starts)), turns)
        new, output = self._lengths(what, len(session), base_dir)
        order = laid_out(self.arrivals, self.sessions, talk, starts, turns, output)
        segments = None
        if self.shared_prefixes or self.documents or self.sessions:
            said = said_in(texts, session, new, self.shared_prefixes, self.documents, base_dir)
            first = np.repeat(offsets_of(turns)[:-1], turns)
            segments = grown_prompts(first, said, output)
        trace = Trace.from_columns(
            order.arrival_s,
            new if segments is None else segments.row_tokens(),
            output,
            priority=np.full(len(session), self.priority),
            tenant=None if self.tenant is None else np.full(len(session), self.tenant, object),
            session=None if self.sessions is None else session,
            follows=order.follows,
            delay_s=order.delay_s,
            segments=segments,
            meta=self._meta(),
            closed_loop=order.closed_loop,
            max_concurrency=order.max_concurrency,
        )
        trace = self._within(trace, end)
        if not len(trace):
            return None
        return trace if self.client is None else trace.sent_by(self.client)

    def pieces(
        self, rng: Generator, horizon_s: float | None, base_dir: Path = Path()
    ) -> Iterator[Trace]:
        """As `sample`, in pieces on one clock, so that lengths are never all in memory.

        Only the instants of arrival are held whole (8 bytes a request). Traffic with shared text,
        conversations or a closed loop comes in one piece. Lengths that are correlated are so within
        each piece: then the rows are not those of `sample`, though as likely.
        """
        if self.shared_prefixes or self.documents or self.sessions or self.arrivals.closed:
            yield self.sample(rng, horizon_s, base_dir)
            return
        when, what, _, _ = rng.spawn(4)
        limits = [limit for limit in (horizon_s, self.duration_s) if limit is not None]
        starts = self.arrivals.sample(when, self.num_requests, min(limits) if limits else None)
        streams = what.spawn(3)
        for begin in range(0, len(starts), PIECE_REQUESTS):
            arrival = starts[begin : begin + PIECE_REQUESTS]
            prompt, output = self._drawn(streams, len(arrival), base_dir)
            trace = Trace.from_columns(
                arrival,
                prompt,
                output,
                priority=np.full(len(arrival), self.priority),
                tenant=None if self.tenant is None else np.full(len(arrival), self.tenant, object),
                meta=self._meta(),
            )
            yield trace if self.client is None else trace.sent_by(self.client)

    def mean_requests(self, base_dir: Path = Path()) -> float:
        """Requests that come of one arrival: the turns of a conversation."""
        return 1.0 if self.sessions is None else self.sessions.turns.mean_tokens(base_dir)

    def _turns(self, rng: Generator, number: int, base_dir: Path) -> Ints:
        if self.sessions is None:
            return np.ones(number, dtype=np.int64)
        turns = self.sessions.turns.sample(rng, number, base_dir)
        if self.arrivals.closed and self.num_requests is not None:
            # All begin at once, so which come first is not known: the list ends where it is full.
            before = offsets_of(turns)[:-1]
            turns = np.clip(self.num_requests - before, 0, turns)
        return turns

    def _lengths(self, rng: Generator, number: int, base_dir: Path) -> tuple[Ints, Ints]:
        """New prompt tokens and output tokens of each request."""
        return self._drawn(rng.spawn(3), number, base_dir)

    def _drawn(
        self, streams: Sequence[Generator], number: int, base_dir: Path
    ) -> tuple[Ints, Ints]:
        for_prompt, for_output, for_ranks = streams
        if self.joint_lengths is not None:
            return self.joint_lengths.sample(for_prompt, number, base_dir)
        assert self.prompt_tokens is not None
        assert self.output_tokens is not None
        prompt = self.prompt_tokens.sample(for_prompt, number, base_dir)
        output = self.output_tokens.sample(for_output, number, base_dir)
        if self.length_correlation:
            # Reordering the answers keeps both distributions exactly as they are.
            first, second = for_ranks.standard_normal((2, number))
            rho = self.length_correlation
            wanted = rho * first + np.sqrt(1 - rho**2) * second
            prompt, output = _in_ranks_of(first, prompt), _in_ranks_of(wanted, output)
        return prompt, output

    def _within(self, trace: Trace, end: float | None) -> Trace:
        """Only what lies within the limits; what was cut is in the notes."""
        keep = np.ones(len(trace), dtype=np.bool_)
        longest = self.sessions.max_prompt_tokens if self.sessions else None
        too_long = trace.prompt_tokens > (longest or MAX_TOKENS)
        keep &= ~too_long
        if end is not None:
            keep &= trace.arrival_s < end
        rows = np.flatnonzero(keep)[: self.num_requests]
        if len(rows) == len(trace):
            return trace
        cut = int(too_long[: rows[-1]].sum()) if len(rows) else 0
        return trace.take(rows, **({"turns_beyond_max_prompt_tokens": cut} if cut else {}))

    def _meta(self) -> dict[str, Any]:
        meta: dict[str, Any] = {"source": self.name, "format": "synthetic"}
        if self.source:
            meta["modelled_on"] = self.source
        if self.sessions is not None and not self.arrivals.closed:
            meta["assumed"] = self.sessions.assumption()
        return meta


def _in_ranks_of(pattern: Seconds, values: Ints) -> Ints:
    """The same values, reordered so that their ranks are those of `pattern`."""
    reordered = np.empty_like(values)
    reordered[np.argsort(pattern, kind="stable")] = np.sort(values)
    return reordered
