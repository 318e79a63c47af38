"""Synthetic traffic: a recipe of arrivals, lengths, shared text and conversations."""

from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.random import Generator
from pydantic import Field

from hardware_profiles.errors import InputError
from hardware_profiles.value import Value
from workloads.arrivals import Arrivals
from workloads.columns import MAX_TOKENS
from workloads.lengths import Lengths
from workloads.process import Positive, Seconds
from workloads.segments import Ints, Segments, offsets_of
from workloads.sessions import Sessions, grown_prompts
from workloads.shared_text import Documents, SharedPrefixes
from workloads.trace import Trace

__all__ = ["Synthetic"]


class Synthetic(Value):
    """Requests drawn from distributions; the same generator gives the same bytes.

    Each ingredient draws from a stream of its own, so that changing one (longer answers, say)
    leaves the others (the instants of arrival) as they were.
    """

    kind: Literal["synthetic"] = "synthetic"
    name: str = "synthetic"
    source: str = ""
    """What it is modelled on."""
    checked: date | None = None
    notes: str = ""

    arrivals: Arrivals
    """When requests arrive; with `sessions`, when conversations begin."""
    prompt_tokens: Lengths
    """What is new in a prompt; shared text and earlier turns come on top."""
    output_tokens: Lengths
    length_correlation: Annotated[float, Field(ge=-1, le=1)] = 0.0
    """Correlation of the ranks of new prompt text and answer (Gaussian copula)."""
    shared_prefixes: SharedPrefixes | None = None
    documents: Documents | None = None
    sessions: Sessions | None = None
    priority: int = 0
    tenant: str | None = None
    num_requests: Annotated[int, Field(ge=1)] | None = None
    """Stop after so many requests."""
    duration_s: Positive | None = None
    """Stop after so long."""

    def sample(self, rng: Generator, horizon_s: float | None, base_dir: Path = Path()) -> Trace:
        """Draw the requests that arrive before `horizon_s` and within the recipe's own limits.

        Raises
        ------
        InputError
            If there is no limit at all, or no request falls within the limits.
        """
        when, what, texts, talk = rng.spawn(4)
        limits = [limit for limit in (horizon_s, self.duration_s) if limit is not None]
        end = min(limits) if limits else None
        starts = self.arrivals.sample(when, self.num_requests, end)
        turns = self._turns(talk, len(starts), base_dir)
        session = np.repeat(np.arange(len(starts)), turns)
        new, output = self._lengths(what, len(session), base_dir)
        arrival, follows, delay = self._arrivals(talk, starts, turns, output)
        segments = self._prompts(texts, session, turns, new, output, base_dir)
        prompt = new if segments is None else segments.row_tokens()
        trace = Trace.from_columns(
            arrival,
            prompt,
            output,
            priority=np.full(len(session), self.priority),
            tenant=None if self.tenant is None else np.full(len(session), self.tenant, object),
            session=None if self.sessions is None else session,
            follows=follows,
            delay_s=delay,
            segments=segments,
            meta=self._meta(),
            closed_loop=self.sessions is not None and self.sessions.closed_loop,
        )
        return self._within(trace, end)

    def _turns(self, rng: Generator, number: int, base_dir: Path) -> Ints:
        if self.sessions is None:
            return np.ones(number, dtype=np.int64)
        return self.sessions.turns.sample(rng, number, base_dir)

    def _lengths(self, rng: Generator, number: int, base_dir: Path) -> tuple[Ints, Ints]:
        """New prompt tokens and output tokens of each request."""
        for_prompt, for_output, for_ranks = rng.spawn(3)
        prompt = self.prompt_tokens.sample(for_prompt, number, base_dir)
        output = self.output_tokens.sample(for_output, number, base_dir)
        if self.length_correlation:
            # Reordering the answers keeps both distributions exactly as they are.
            first, second = for_ranks.standard_normal((2, number))
            rho = self.length_correlation
            wanted = rho * first + np.sqrt(1 - rho**2) * second
            prompt, output = _in_ranks_of(first, prompt), _in_ranks_of(wanted, output)
        return prompt, output

    def _arrivals(
        self, rng: Generator, starts: Seconds, turns: Ints, output: Ints
    ) -> tuple[Seconds, Ints | None, Seconds | None]:
        """Instant of each request, the row it follows, and the pause before it."""
        if self.sessions is None:
            return starts, None, None
        pauses = self.sessions.pauses(rng, len(output))
        elapsed = np.cumsum(pauses + self.sessions.answer_times(output))
        elapsed = np.concatenate(([0.0], elapsed))[: len(output)]
        first_row = np.repeat(offsets_of(turns)[:-1], turns)
        rows = np.arange(len(output))
        later = rows > first_row
        delay = np.where(later, np.concatenate(([0.0], pauses))[: len(output)], 0.0)
        instants = np.repeat(starts, turns)
        if not self.sessions.closed_loop:
            instants += elapsed - elapsed[first_row]
        return instants, np.where(later, rows - 1, -1), delay

    def _prompts(
        self, rng: Generator, session: Ints, turns: Ints, new: Ints, output: Ints, base_dir: Path
    ) -> Segments | None:
        """Segments of each prompt, or None when no text is shared by anybody."""
        if self.shared_prefixes is None and self.documents is None and self.sessions is None:
            return None
        rows = len(session)
        first_row = np.repeat(offsets_of(turns)[:-1], turns)
        parts: list[tuple[Ints, Ints]] = []
        texts = 0
        if self.shared_prefixes is not None:
            lengths = self.shared_prefixes.tokens.sample(rng, self.shared_prefixes.number, base_dir)
            which = self.shared_prefixes.choose(rng, len(turns))[session]
            which = np.where(np.arange(rows) == first_row, which, -1)
            parts.append((which[:, None], np.where(which < 0, 0, lengths[which])[:, None]))
            texts += self.shared_prefixes.number
        if self.documents is not None:
            lengths = self.documents.tokens.sample(rng, self.documents.number, base_dir)
            quoted = self.documents.choose(rng, rows)
            parts.append((quoted + texts, lengths[quoted]))
            texts += self.documents.number
        parts.append((np.arange(texts, texts + rows)[:, None], new[:, None]))
        ids = np.concatenate([part[0] for part in parts], axis=1)
        tokens = np.concatenate([part[1] for part in parts], axis=1)
        there = tokens > 0
        said = Segments(offsets_of(there.sum(axis=1)), ids[there], tokens[there])
        return grown_prompts(first_row, said, output)

    def _within(self, trace: Trace, end: float | None) -> Trace:
        """Only what lies within the limits; what was cut is in the notes."""
        keep = np.ones(len(trace), dtype=np.bool_)
        longest = self.sessions.max_prompt_tokens if self.sessions else None
        too_long = trace.prompt_tokens > (longest or MAX_TOKENS)
        keep &= ~too_long
        if end is not None:
            keep &= trace.arrival_s < end
        rows = np.flatnonzero(keep)[: self.num_requests]
        if not len(rows):
            raise InputError(
                f"traffic {self.name!r}: no request falls within its limits; expected a higher "
                f"rate, a longer duration or a larger max_prompt_tokens"
            )
        if len(rows) == len(trace):
            return trace
        cut = int(too_long[: rows[-1]].sum())
        return trace.take(rows, **({"turns_beyond_max_prompt_tokens": cut} if cut else {}))

    def _meta(self) -> dict[str, Any]:
        meta: dict[str, Any] = {"source": self.name, "format": "synthetic"}
        if self.source:
            meta["modelled_on"] = self.source
        if self.sessions is not None:
            meta["assumed"] = self.sessions.assumption()
        return meta


def _in_ranks_of(pattern: Seconds, values: Ints) -> Ints:
    """The same values, reordered so that their ranks are those of `pattern`."""
    reordered = np.empty_like(values)
    reordered[np.argsort(pattern, kind="stable")] = np.sort(values)
    return reordered
