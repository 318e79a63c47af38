"""Mixes of named clients: heavy hitters, tenants, priorities, shares of one volume."""

from collections.abc import Callable, Iterator
from datetime import date
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
from numpy.random import Generator
from pydantic import BeforeValidator, Field, model_validator

from hardware_profiles.errors import InputError
from hardware_profiles.profile import Confidence
from hardware_profiles.value import Value
from workloads.clients import Client
from workloads.merge import interleaved, merge
from workloads.notes import assumptions
from workloads.process import Positive
from workloads.replay import Replay
from workloads.servegen import ServeGen
from workloads.shared_text import popularity
from workloads.shelf import from_shelf
from workloads.synthetic import Synthetic
from workloads.trace import Trace

__all__ = ["Mix", "MixClient"]

Single = Annotated[
    Annotated[Synthetic | Replay | ServeGen, Field(discriminator="kind")],
    BeforeValidator(from_shelf),
]


class MixClient(Value):
    """One kind of client in a mix, or `count` of that kind, the first ones the busiest."""

    name: str
    """Tenant of its requests (``name-1``, ``name-2`` … where there are several)."""
    traffic: Single
    share: Annotated[float, Field(gt=0, le=1)] | None = None
    """Share of the mix's `rate_per_s`; the traffic's own rate counts where not given."""
    count: Annotated[int, Field(ge=1, le=100_000)] = 1
    """So many clients; they divide the traffic's rate between them."""
    zipf_exponent: Annotated[float, Field(ge=0, le=10)] = 0.0
    """How unequal they are: client k sends in proportion to k to the minus this."""
    priority: int | None = None
    """Smaller is served first; the traffic's own where not given."""
    client: Client | None = None
    """What they do while they wait."""

    @model_validator(mode="after")
    def _can_be_divided(self) -> Self:
        if (self.share is not None or self.count > 1) and not isinstance(self.traffic, Synthetic):
            raise InputError(f"mix: {self.name}: share and count need synthetic traffic")
        return self

    def names(self) -> list[str]:
        """Tenants that its clients are, the busiest first."""
        if self.count == 1:
            return [self.name]
        return [f"{self.name}-{number}" for number in range(1, self.count + 1)]

    def rates(self, total_per_s: float | None, base_dir: Path) -> list[float]:
        """How many times its traffic's rate each of the clients sends."""
        factor = 1.0
        if self.share is not None and total_per_s is not None:
            assert isinstance(self.traffic, Synthetic)
            own = self.traffic.arrivals.mean_rate() * self.traffic.mean_requests(base_dir)
            if not own > 0:
                raise InputError(
                    f"mix: {self.name}: its traffic has no mean rate to take a share of"
                )
            factor = self.share * total_per_s / own
        return [factor * part for part in popularity(self.count, self.zipf_exponent).tolist()]


class Mix(Value):
    """Several kinds of traffic on one fleet; prompts of different clients share nothing."""

    kind: Literal["mix"] = "mix"
    name: str = "mix"
    source: str = ""
    """What it is modelled on."""
    checked: date | None = None
    confidence: Confidence | None = None
    """How far `source` bears it out: A measured on what it names, B told by a second hand or in
    part a choice, C a choice, or cited from memory."""
    notes: str = ""
    clients: Annotated[tuple[MixClient, ...], Field(min_length=1)]
    rate_per_s: Positive | None = None
    """Requests per second that the shares are of."""
    num_requests: Annotated[int, Field(ge=1)] | None = None
    duration_s: Positive | None = None

    @model_validator(mode="after")
    def _shares_of_something(self) -> Self:
        shares = [client.share for client in self.clients if client.share is not None]
        if shares and self.rate_per_s is None:
            raise InputError("mix: share needs rate_per_s, the volume it is a share of")
        if sum(shares) > 1 + 1e-9:
            raise InputError(
                f"mix: expected shares that add up to 1 at most, found {sum(shares):g}"
            )
        names = [client.name for client in self.clients]
        if len(set(names)) < len(names):
            raise InputError("mix: two clients have the same name")
        return self

    def sample(self, rng: Generator, horizon_s: float | None, base_dir: Path = Path()) -> Trace:
        """Draw every client's requests and lay them on one clock.

        Each client draws from a stream of its own: one more at the end leaves the others as they
        were.
        """
        end, drawing = self._drawing(rng, horizon_s)
        traces = [
            trace for client, stream in drawing for trace in self._of(client, stream, end, base_dir)
        ]
        meta = self._meta()
        assumed = sorted({sentence for t in traces for sentence in assumptions(t.meta)})
        whole = merge(traces, meta | ({"assumed": "; ".join(assumed)} if assumed else {}))
        if self.num_requests is not None and self.num_requests < len(whole):
            whole = whole.take(np.arange(self.num_requests))
        return whole

    def pieces(
        self, rng: Generator, horizon_s: float | None, base_dir: Path = Path()
    ) -> Iterator[Trace]:
        """As `sample`, in pieces on one clock where all its clients' traffic comes so.

        With shared text, conversations, files or a closed loop in it there is one piece.
        """
        if not all(_in_pieces(client.traffic) for client in self.clients):
            yield self.sample(rng, horizon_s, base_dir)
            return
        end, drawing = self._drawing(rng, horizon_s)
        sources = [
            source
            for client, stream in drawing
            for source in self._pieces_of(client, stream, end, base_dir)
        ]
        left = self.num_requests
        for piece in interleaved(sources, self._meta()):
            yield piece if left is None or len(piece) <= left else piece.take(np.arange(left))
            left = None if left is None else left - len(piece)
            if left is not None and left <= 0:
                return

    def _drawing(
        self, rng: Generator, horizon_s: float | None
    ) -> tuple[float | None, list[tuple[MixClient, Generator]]]:
        """When drawing ends, and the stream that each client draws from."""
        limits = [limit for limit in (horizon_s, self.duration_s) if limit is not None]
        streams = rng.spawn(len(self.clients))
        return min(limits, default=None), list(zip(self.clients, streams, strict=True))

    def _meta(self) -> dict[str, Any]:
        counts = {client.name: client.count for client in self.clients}
        return {"source": self.name, "format": "mix", "clients": counts}

    def _each(
        self, client: MixClient, rng: Generator, base_dir: Path
    ) -> Iterator[tuple[Synthetic | Replay | ServeGen, Generator, Callable[[Trace], Trace]]]:
        """Traffic of each client of one kind, its stream, and what makes a trace its own."""
        rates = client.rates(self.rate_per_s, base_dir)
        streams = rng.spawn(len(rates))
        for name, rate, stream in zip(client.names(), rates, streams, strict=True):
            traffic = client.traffic
            if isinstance(traffic, Synthetic):
                changes: dict[str, object] = {}
                if rate != 1:
                    changes["arrivals"] = traffic.arrivals.scaled(rate)
                if traffic.num_requests is None:
                    changes["num_requests"] = self.num_requests
                traffic = traffic.model_copy(update=changes)

            def own(trace: Trace, name: str = name) -> Trace:
                trace = trace.belonging_to(name, client.priority)
                return trace if client.client is None else trace.sent_by(client.client)

            yield traffic, stream, own

    def _of(
        self, client: MixClient, rng: Generator, end: float | None, base_dir: Path
    ) -> list[Trace]:
        """Requests of each client of one kind."""
        traces = []
        for traffic, stream, own in self._each(client, rng, base_dir):
            trace = _unless_silent(traffic, stream, end, base_dir)
            if trace is not None:
                traces.append(own(trace))
        if not traces:
            raise InputError(f"mix: {client.name}: no request falls within the limits")
        return traces

    def _pieces_of(
        self, client: MixClient, rng: Generator, end: float | None, base_dir: Path
    ) -> list[Iterator[Trace]]:
        """Pieces of each client of one kind."""
        sources: list[Iterator[Trace]] = []
        for traffic, stream, own in self._each(client, rng, base_dir):
            pieces = map(own, traffic.pieces(stream, end, base_dir))
            first = next(pieces, None)
            if first is not None:
                sources.append(chain([first], pieces))
        if not sources:
            raise InputError(f"mix: {client.name}: no request falls within the limits")
        return sources


def _in_pieces(traffic: Synthetic | Replay | ServeGen) -> bool:
    """Whether its pieces say nothing of one another."""
    if not isinstance(traffic, Synthetic):
        return False
    said = traffic.shared_prefixes or traffic.documents or traffic.sessions
    return not (said or traffic.arrivals.closed)


def _unless_silent(
    traffic: Synthetic | Replay | ServeGen, rng: Generator, end: float | None, base_dir: Path
) -> Trace | None:
    """Requests of one client; None for a small one that sends nothing in this time."""
    if not isinstance(traffic, Synthetic):
        return traffic.sample(rng, end, base_dir)
    return traffic.draw(rng, end, base_dir)
