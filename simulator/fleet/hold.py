"""Queues at the gateway: who goes next when a replica has room."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from heapq import heapify, heappop, heappush
from typing import Annotated, Literal, Protocol

from pydantic import Field

from hardware_profiles.profile import Positive
from hardware_profiles.value import Value
from simulator.fleet.calls import Call

__all__ = ["ByClass", "FairShare", "Fifo", "Hold", "Queue"]


class Hold(Protocol):
    """A queue at work."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Call]: ...

    def push(self, call: Call) -> None:
        """The call waits."""

    def pop(self) -> Call:
        """The next call goes."""

    def discard(self, call: Call) -> None:
        """The call waits no more."""


class _Held(Value):
    max_per_replica: Annotated[int, Field(ge=1)] | None = None
    """Requests that a replica has at most; the others wait at the gateway. None: no bound, and who
    waits does so in the engines and in their order; here only while no replica is ready."""

    def start(self) -> Hold:
        """What runs."""
        raise NotImplementedError


class Fifo(_Held):
    """First come, first served."""

    kind: Literal["fifo"] = "fifo"

    def start(self) -> Hold:
        """What runs."""
        return _Line()


class ByClass(_Held):
    """The smallest priority first, in each class in order of arrival."""

    kind: Literal["priority"] = "priority"

    def start(self) -> Hold:
        """What runs."""
        return _Classes()


class FairShare(_Held):
    """Weighted fair queueing over tenants, by prompt tokens (start-time fair queueing, Goyal 1996).

    A tenant with twice the weight is let in twice as many tokens while both wait.
    """

    kind: Literal["fair_share"] = "fair_share"
    weights: dict[str, Positive] = {}
    """By tenant; 1 for those not named."""

    def start(self) -> Hold:
        """What runs."""
        return _Fair(self.weights)


Queue = Annotated[Fifo | ByClass | FairShare, Field(discriminator="kind")]


class _Line(deque[Call]):
    push = deque.append
    discard = deque.remove

    def pop(self) -> Call:  # type: ignore[override]
        return self.popleft()


class _Ranked:
    """Calls in a heap by a rank that each gets when it comes."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Call]] = []
        self._number = 0

    def __len__(self) -> int:
        return len(self._heap)

    def rank(self, call: Call) -> float:
        raise NotImplementedError

    def push(self, call: Call) -> None:
        self._number += 1
        heappush(self._heap, (self.rank(call), self._number, call))

    def pop(self) -> Call:
        return heappop(self._heap)[-1]

    def discard(self, call: Call) -> None:
        self._heap = [entry for entry in self._heap if entry[-1] is not call]
        heapify(self._heap)

    def __iter__(self) -> Iterator[Call]:
        return (entry[-1] for entry in self._heap)


class _Classes(_Ranked):
    def rank(self, call: Call) -> float:
        return call.priority


class _Fair(_Ranked):
    def __init__(self, weights: dict[str, float]) -> None:
        super().__init__()
        self._weights = weights
        self._finish: dict[str, float] = {}
        self._now = 0.0
        """Virtual time: the start tag of the call let in last."""

    def rank(self, call: Call) -> float:
        begin = max(self._now, self._finish.get(call.tenant, 0.0))
        weight = self._weights.get(call.tenant, 1.0)
        self._finish[call.tenant] = begin + call.prompt_tokens / weight
        return begin

    def pop(self) -> Call:
        self._now, _, call = heappop(self._heap)
        return call
