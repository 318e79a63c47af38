"""The way out: requests that are sent to somebody else's API, and what becomes of them there."""

from __future__ import annotations

from collections.abc import Callable
from math import nan
from typing import TYPE_CHECKING

from simulator.fleet.endpoints import EndpointTarget

if TYPE_CHECKING:
    from simulator.fleet.calls import Call
    from simulator.fleet.gateway import Gateway
    from simulator.fleet.overflow import Overflow
    from simulator.fleet.pool import Pool
    from simulator.fleet.view import View


class WayOut:
    """An overflow policy at work, and the endpoints behind it."""

    def __init__(self, policy: Overflow, gateway: Gateway, view: View, block_size: int) -> None:
        self.policy = policy
        self._gateway = gateway
        self._view = view
        self.endpoints = [
            EndpointTarget(endpoint, gateway, self, block_size) for endpoint in policy.endpoints
        ]
        self._given_up: dict[Call, Callable[[], None]] = {}
        """What to do at the endpoint if nobody waits for the call any more."""
        self._kinds = {rule.kind for rule in policy.when}

    # -- who goes ----------------------------------------------------------------------------------

    def leaves(self, call: Call) -> bool:
        """Whether the call is better served elsewhere just now, and somebody has taken it."""
        if not self.policy.may_leave(call):
            return False
        why = self.policy.reason(call, self._view)
        return bool(why) and self._ask(call, why)

    def takes(self, call: Call, why: str) -> bool:
        """Whether somebody has taken the call that was turned away at home."""
        wanted = "rejection" in self._kinds or (why == "outage" and "outage" in self._kinds)
        return wanted and self.policy.may_leave(call) and self._ask(call, why)

    def bridge(self, pool: Pool) -> None:
        """No replica of the pool is ready any more: of those who wait for one, some may leave."""
        if "outage" in self._kinds and not self._view.replicas():
            for call in list(pool.hold):
                if self.policy.may_leave(call) and self._ask(call, "outage"):
                    pool.hold.discard(call)
                    call.held_in = None

    def _ask(self, call: Call, why: str) -> bool:
        now = self._gateway.clock.now
        if call.refused_s == now:  # nobody has changed their mind at this very instant
            return False
        taken = any(target.ask(call, why) for target in self.endpoints)
        call.refused_s = nan if taken else now
        return taken

    # -- what becomes of it ------------------------------------------------------------------------

    def begins(self, call: Call, given_up: Callable[[], None]) -> None:
        """The call is under way; ``given_up`` is for the case that nobody waits any more."""
        self._given_up[call] = given_up
        call.away = 1
        if call.inside:
            self._gateway.goes(call)
        log, row = self._gateway.log, call.row
        if log.scheduled_s[row] != log.scheduled_s[row]:
            log.scheduled_s[row] = self._gateway.clock.now
        log.replica[row] = -1

    def first_token(self, call: Call) -> None:
        """The endpoint's first token has come."""
        call.away = -1
        self._gateway.log.first_token_s[call.row] = self._gateway.clock.now

    def finished(self, call: Call) -> None:
        """The endpoint's answer is complete."""
        self._given_up.pop(call, None)
        call.away = 0
        self._gateway.served_away(call)

    def give_up(self, call: Call) -> None:
        """Nobody waits for the endpoint's answer any more."""
        given_up = self._given_up.pop(call, None)
        if given_up is not None:
            given_up()
            call.away = 0
