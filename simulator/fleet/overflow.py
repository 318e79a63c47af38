"""When a request is sent to somebody else's API instead of to one's own replicas."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from hardware_profiles.endpoint import Endpoint
from hardware_profiles.errors import InputError
from hardware_profiles.profile import Positive
from hardware_profiles.value import Value
from simulator.fleet.admission import FleetView
from simulator.fleet.calls import Call

__all__ = ["Overflow"]


class OnQueue(Value):
    """So many requests wait for each replica."""

    kind: Literal["queue"] = "queue"
    max_waiting: Annotated[int, Field(ge=0)]
    """Per ready replica, at the gateway and in the engines' queues."""

    def now(self, call: Call, view: FleetView) -> bool:
        """Whether the call is better served elsewhere."""
        return view.waiting() >= max(1, self.max_waiting * max(1, view.replicas()))


class OnTTFT(Value):
    """The first token would come too late."""

    kind: Literal["ttft"] = "ttft"
    ttft_s: Positive

    def now(self, call: Call, view: FleetView) -> bool:
        """Whether the call is better served elsewhere."""
        return view.expected_ttft_s(call) > self.ttft_s


class OnOutage(Value):
    """No replica is ready; those who wait at home when that begins leave too."""

    kind: Literal["outage"] = "outage"

    def now(self, call: Call, view: FleetView) -> bool:
        """Whether the call is better served elsewhere."""
        return view.replicas() == 0


class OnRejection(Value):
    """The admission policy, or a hopeless queue, has turned it away."""

    kind: Literal["rejection"] = "rejection"

    def now(self, call: Call, view: FleetView) -> bool:
        """Not of itself."""
        return False


class Always(Value):
    """There is nothing at home, or it is not wanted."""

    kind: Literal["always"] = "always"

    def now(self, call: Call, view: FleetView) -> bool:
        """Whether the call is better served elsewhere."""
        return True


When = Annotated[OnQueue | OnTTFT | OnOutage | OnRejection | Always, Field(discriminator="kind")]


class Overflow(Value):
    """Who may leave, when, and where to; what nobody takes is served at home, or turned away."""

    when: tuple[When, ...]
    """Any of these sends a request away."""
    endpoints: tuple[Endpoint, ...]
    """Asked in this order until one takes it."""
    tenants: tuple[str, ...] | None = None
    """Only these may leave; None: all but those in ``stay``."""
    stay: tuple[str, ...] = ()
    """Tenants whose requests may never leave; "" is who asks without a name. A name that the
    traffic does not know is an error, here and in ``tenants`` (`simulator.fleet.whose`)."""
    priorities: tuple[int, ...] | None = None
    """Only requests of these priorities leave; None: all."""
    start_h: Annotated[float, Field(ge=0, lt=24)] = 0.0
    """Hour of the endpoints' day at which the run begins, for their `by_hour`. [h]"""
    graceful_reply: bool = False
    """Who is turned away at home and everywhere else gets a canned answer, and does not try again:
    it counts as rejected, and is told apart in ``events``."""

    @model_validator(mode="after")
    def _somewhere(self) -> Overflow:
        if not self.endpoints:
            raise InputError("name at least one endpoint", ("endpoints",))
        if not self.when:
            raise InputError(
                "name at least one of queue, ttft, outage, rejection, always", ("when",)
            )
        names = [endpoint.name for endpoint in self.endpoints]
        if len(set(names)) < len(names):
            raise InputError(f"two have one name; there are {', '.join(names)}", ("endpoints",))
        for name in self.tenants or ():
            if name in self.stay:
                raise InputError(f"{name!r} may leave, and is in stay too", ("tenants",))
        return self

    def may_leave(self, call: Call) -> bool:
        """Whether the request may be shown to others at all."""
        if call.tenant in self.stay:
            return False
        if self.tenants is not None and call.tenant not in self.tenants:
            return False
        return self.priorities is None or call.priority in self.priorities

    def reason(self, call: Call, view: FleetView) -> str:
        """Why the call should leave, "" if it should not."""
        return next((rule.kind for rule in self.when if rule.now(call, view)), "")
