"""Clients at work: they give up, try again, ask twice and walk away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.fleet.calls import Call
from simulator.record.recorder import CANCELLED, REJECTED, TIMED_OUT
from simulator.rng import stream
from workloads.trace import Trace

if TYPE_CHECKING:
    from simulator.fleet.gateway import Gateway


class Clients:
    """Timers of those who do not wait for ever.

    How long each user's patience lasts is drawn beforehand, row by row, so that no policy of the
    fleet changes it.
    """

    def __init__(self, trace: Trace, seed: int, gateway: Gateway) -> None:
        self._gateway = gateway
        self._kinds = trace.clients
        self._seed = seed
        self._rng = stream(seed, "patience")
        self._client: dict[int, int] = {}
        self._patience: dict[int, float | None] = {}
        if trace.client is not None:
            self.expect(range(len(trace)), trace.client.tolist())

    def expect(self, rows: range, client: list[int]) -> None:
        """Draw how long the users of these rows wait, who are of these kinds."""
        self._client.update(zip(rows, client, strict=True))
        kinds, rng = self._kinds, self._rng
        drawn = (None if kind < 0 else kinds[kind].patience(rng) for kind in client)
        self._patience.update(zip(rows, drawn, strict=True))

    def came(self, call: Call) -> None:
        """A user has asked."""
        call.client = self._client.pop(call.row)
        patience = self._patience.pop(call.row)
        if patience is not None:
            gateway = self._gateway
            gateway.at(gateway.clock.now + patience, lambda: gateway.end(call, CANCELLED))

    def tried(self, call: Call) -> None:
        """An attempt begins."""
        if call.client < 0:
            return
        kind, gateway, this = self._kinds[call.client], self._gateway, call.tries
        now = gateway.clock.now

        def too_late() -> None:
            if not call.ended and call.tries == this:
                self._again(call, TIMED_OUT)

        def no_first_token() -> None:
            if not call.ended and call.tries == this and not gateway.has_begun(call):
                self._again(call, TIMED_OUT)

        def hedge() -> None:
            if not call.ended and call.tries == this and not gateway.has_begun(call):
                gateway.ask_twice(call)

        if kind.timeout_s is not None:
            gateway.at(now + kind.timeout_s, too_late)
        if kind.first_token_timeout_s is not None:
            gateway.at(now + kind.first_token_timeout_s, no_first_token)
        if kind.hedge_after_s is not None:
            gateway.at(now + kind.hedge_after_s, hedge)

    def turned_away(self, call: Call) -> bool:
        """The fleet rejected the attempt; True if the client will try again."""
        return call.client >= 0 and self._again(call, REJECTED)

    def _again(self, call: Call, outcome: int) -> bool:
        """Give the attempt up, and try again later if there is a retry left."""
        gateway = self._gateway
        kind = self._kinds[call.client]
        if call.tries >= kind.max_retries:
            if outcome != REJECTED:
                gateway.end(call, outcome)
            return False
        retry = call.tries
        call.tries += 1
        gateway.give_up(call)
        wait_s = kind.backoff(retry, stream(self._seed, f"backoff {call.row} {retry}"))

        def retry_now() -> None:
            if not call.ended:
                gateway.attempt(call)

        gateway.at(gateway.clock.now + wait_s, retry_now)
        return True
