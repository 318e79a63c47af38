"""Prompts computed here, answers generated there: the KV cache goes over a link in between."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.fleet.calls import Attempt, Call
from simulator.fleet.gateway import Gateway
from simulator.physics.memory import bytes_per_block

if TYPE_CHECKING:
    from simulator.fleet.pool import Pool
    from simulator.fleet.unit import Unit


class Disaggregated(Gateway):
    """A gateway that sends each request to two replicas, one after the other."""

    def place(self, call: Call) -> None:
        """The call goes to a replica that computes prompts."""
        self._named("prefill").take(call)

    def _named(self, role: str) -> Pool:
        plan = self.scenario.disaggregation
        wanted = getattr(plan, role)
        return next(pool for pool in self.pools if pool.name == wanted)

    def send(self, call: Call, unit: Unit) -> Attempt:
        """A replica gets the prompt, or what another has made of it."""
        path = self._paths[call.row] if self._paths else ()
        decoding = unit.pool is self._named("decode")
        output = self.outputs[call.row] if decoding else 1
        attempt = Attempt(call, unit, self.clock.now, output, path)
        attempt.leg = "decode" if decoding else "prefill"
        if decoding:
            attempt.received = call.prompt_tokens - 1
        self.submit(attempt)
        return attempt

    def first_token(self, attempt: Attempt, now_s: float) -> None:
        """Only the decoding replica's token is seen by the client."""
        if attempt.leg == "decode":
            super().first_token(attempt, now_s)

    def finished(self, attempt: Attempt, now_s: float) -> None:
        """A prompt is done, and its KV cache travels; or an answer is."""
        if attempt.leg == "decode":
            super().finished(attempt, now_s)
            return
        self._over(attempt)
        call, this = attempt.call, attempt.call.tries
        self.log.preemptions[call.row] += attempt.preemptions
        arrives_s = self._transferred_s(attempt)

        def arrive() -> None:
            if not call.ended and call.tries == this:
                self._named("decode").take(call)

        self.at(arrives_s, arrive)

    def _transferred_s(self, attempt: Attempt) -> float:
        """When the KV cache of a prompt is at the other replica; one follows the other. [s]"""
        plan = self.scenario.disaggregation
        assert plan is not None
        pool = attempt.unit.pool
        layout = pool.plan.engine.layout(pool.plan.model)
        blocks = -(-attempt.prompt_tokens // pool.config.block_size)
        # Every GPU of the replica sends its part over its own link.
        size = blocks * bytes_per_block(pool.plan.model, layout)
        begin = max(self.clock.now, attempt.unit.link_free_s)
        attempt.unit.link_free_s = begin + size / plan.link.bytes_per_s
        return attempt.unit.link_free_s + plan.link.latency_s
