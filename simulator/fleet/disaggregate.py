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
        attempt.keeps_blocks = not decoding
        if decoding:
            attempt.received = call.prompt_tokens - 1
        self.submit(attempt)
        return attempt

    def has_answered(self, attempt: Attempt) -> bool:
        """Whether the client has the first token: only the decoding replica's is sent on."""
        return attempt.leg == "decode" and super().has_answered(attempt)

    def ask_twice(self, call: Call) -> None:
        """The client asks again for the same: another prompt, and another way for its cache."""
        if len(call.attempts) == 1:
            first = call.attempts[0]
            apart_from = first.unit.number if first.leg == "prefill" else -1
            self._named("prefill").send(call, apart_from)

    def first_token(self, attempt: Attempt, now_s: float) -> None:
        """Only the decoding replica's token is seen by the client."""
        if attempt.leg == "decode":
            super().first_token(attempt, now_s)
            call = attempt.call
            if call.held_in is not None:  # what a hedge has computed waits in vain
                call.held_in.discard(call)
                call.held_in = None

    def finished(self, attempt: Attempt, now_s: float) -> None:
        """A prompt is done, and its KV cache travels, out of blocks that stay taken; or an answer.

        A transfer that has begun goes on though nobody waits for it any more.
        """
        if attempt.leg == "decode":
            super().finished(attempt, now_s)
            return
        call, engine = attempt.call, attempt.unit.engine
        attempt.leg = "travel"
        self.tokens[attempt.unit.number] -= attempt.prompt_tokens
        self.log.preemptions[call.row] += attempt.preemptions

        def arrive() -> None:
            if engine is not None and engine is attempt.unit.engine:  # else they are gone with it
                engine.give_back(attempt)
            if attempt.over:  # given up on the way, or lost with the replica that sent it
                return
            self._over(attempt)
            attempt.unit.pool.has_room(attempt.unit)
            decode = self._named("decode")
            other = next((a for a in call.attempts if a.leg == "decode"), None)
            if other is not None:  # a hedge is of use on another replica alone
                decode.send(call, apart_from=other.unit.number)
            elif call.held_in is None:
                decode.take(call)

        self.at(self._transferred_s(attempt), arrive)

    def _over(self, attempt: Attempt) -> None:
        super()._over(attempt)
        if attempt.leg == "travel":  # no longer one of the replica's requests
            self.tokens[attempt.unit.number] += attempt.prompt_tokens

    def _abort(self, attempt: Attempt) -> None:
        if attempt.leg != "travel":
            attempt.keeps_blocks = False  # should it finish before it can leave, nobody reads them
            super()._abort(attempt)
            return
        self._over(attempt)
        attempt.unit.pool.has_room(attempt.unit)

    def _transferred_s(self, attempt: Attempt) -> float:
        """When the KV cache of a prompt is at the other replica; one follows the other. [s]"""
        plan = self.scenario.disaggregation
        assert plan is not None
        unit, pool = attempt.unit, attempt.unit.pool
        layout = pool.plan.engine.layout(pool.plan.model)
        blocks = -(-attempt.prompt_tokens // pool.config.block_size)
        # Every GPU of the replica sends its part over its own link.
        size = blocks * bytes_per_block(pool.plan.model, layout)
        begin = max(self.clock.now, unit.link_free_s)
        unit.link_free_s = begin + size / plan.link.bytes_per_s
        self.note("kv sent", unit, attempt.call.row, unit.link_free_s - begin)
        return unit.link_free_s + plan.link.latency_s
