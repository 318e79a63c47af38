"""Who is let in: a policy sees the request and the state of the fleet, and says yes or no."""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple, Protocol

from pydantic import Field

from hardware_profiles.profile import Positive
from hardware_profiles.value import Value
from simulator.fleet.calls import Call

__all__ = [
    "AcceptAll",
    "Admission",
    "BoundedQueue",
    "Deadline",
    "FleetView",
    "PriorityShedding",
    "TenantLimit",
    "TokenBucket",
]


class FleetView(Protocol):
    """What an admission policy may know."""

    def now_s(self) -> float:
        """The present. [s]"""

    def waiting(self) -> int:
        """Requests that wait, at the gateway or in an engine's queue."""

    def replicas(self) -> int:
        """Replicas that are ready."""

    def in_flight(self, tenant: str) -> int:
        """Requests of a tenant that wait or run in the fleet, without the one in question."""

    def expected_ttft_s(self, call: Call) -> float:
        """Time to the first token if it were let in now, from what waits and recent speed. [s]"""


class Verdict(NamedTuple):
    """Whether the request is let in, and whether somebody who waits must go for it."""

    admitted: bool
    shed: bool = False


YES, NO, INSTEAD = Verdict(True), Verdict(False), Verdict(True, True)


class Gate(Protocol):
    """An admission policy at work."""

    def __call__(self, call: Call, view: FleetView) -> Verdict: ...


class _Policy(Value):
    def start(self) -> Gate:
        """What runs."""
        raise NotImplementedError


class AcceptAll(_Policy):
    """Everybody."""

    kind: Literal["accept_all"] = "accept_all"

    def start(self) -> Gate:
        """What runs."""
        return lambda call, view: YES


class BoundedQueue(_Policy):
    """Nobody more while so many wait for each replica."""

    kind: Literal["bounded_queue"] = "bounded_queue"
    max_waiting: Annotated[int, Field(ge=0)]
    """Per ready replica."""

    def start(self) -> Gate:
        """What runs."""
        return lambda call, view: Verdict(
            view.waiting() < max(1, self.max_waiting * max(1, view.replicas()))
        )


class TokenBucket(_Policy):
    """So many a second, and so many at once after a rest."""

    kind: Literal["token_bucket"] = "token_bucket"
    rate_per_s: Positive
    burst: Positive
    unit: Literal["requests", "prompt_tokens"] = "requests"

    def start(self) -> Gate:
        """What runs: the level of the bucket."""
        rate, burst, by_tokens = self.rate_per_s, self.burst, self.unit == "prompt_tokens"
        level, since = burst, 0.0

        def admit(call: Call, view: FleetView) -> Verdict:
            nonlocal level, since
            now = view.now_s()
            level += (now - since) * rate
            if level > burst:
                level = burst
            since = now
            price = call.prompt_tokens if by_tokens else 1.0
            if price > burst:  # larger than the whole bucket: it passes when the bucket is full
                price = burst
            if level < price:
                return NO
            level -= price
            return YES

        return admit


class Deadline(_Policy):
    """Nobody whose first token would come too late; who waits longer than that is dropped."""

    kind: Literal["deadline"] = "deadline"
    ttft_s: Positive
    margin: Positive = 1.0
    """The expected time is multiplied by this before it is compared."""

    def start(self) -> Gate:
        """What runs."""
        return lambda call, view: Verdict(view.expected_ttft_s(call) * self.margin <= self.ttft_s)


class PriorityShedding(_Policy):
    """While so many wait for each replica, the least urgent one goes: who waits, or who comes."""

    kind: Literal["priority_shedding"] = "priority_shedding"
    max_waiting: Annotated[int, Field(ge=0)]
    """Per ready replica."""

    def start(self) -> Gate:
        """What runs."""
        return lambda call, view: (
            YES if view.waiting() < max(1, self.max_waiting * max(1, view.replicas())) else INSTEAD
        )


class TenantLimit(_Policy):
    """Each tenant has at most so many requests in the fleet."""

    kind: Literal["tenant_limit"] = "tenant_limit"
    max_in_flight: Annotated[int, Field(ge=0)]
    tenants: dict[str, Annotated[int, Field(ge=0)]] = {}
    """Limits of single tenants, instead of the general one."""

    def start(self) -> Gate:
        """What runs."""
        return lambda call, view: Verdict(
            view.in_flight(call.tenant) < self.tenants.get(call.tenant, self.max_in_flight)
        )


Admission = Annotated[
    AcceptAll | BoundedQueue | TokenBucket | Deadline | PriorityShedding | TenantLimit,
    Field(discriminator="kind"),
]
