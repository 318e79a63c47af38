"""Speculative decoding: every decoding request verifies its own draft, so each is moved alone.

A step computes the last known token of a request and its draft; of the draft a first part is
accepted, and the request gains those tokens and one more. What was rejected is computed again. The
time that drafting takes is not simulated here: it belongs to the step time's overheads.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

import numpy as np

from simulator.engine.batch import Batch
from simulator.engine.config import SchedulerConfig
from simulator.engine.journal import Journal
from simulator.engine.request import Request
from simulator.engine.roster import Roster
from simulator.engine.scheduler import Scheduler


class Flight(NamedTuple):
    """A token on its way, and the draft tokens with it that may be accepted."""

    step: int
    request: Request
    draft: int
    preemptions: int


class SpeculativeRoster(Roster):
    """Decoding requests are no group here: each gains one to k + 1 tokens a step."""

    def __init__(self, config: SchedulerConfig, journal: Journal, rng: np.random.Generator) -> None:
        super().__init__(config, journal)
        self._rng = rng
        self._acceptance_rate = config.acceptance_rate
        self._flights: deque[Flight] = deque()

    def compute(self, request: Request, tokens: int, batch: Batch) -> None:
        """One that is behind computes ``tokens`` more: prompt, or its last token and a draft."""
        if not request.decoding:
            super().compute(request, tokens, batch)
            return
        before, step, draft = request.computed, batch.first_step, tokens - 1
        request.computed = before + tokens
        request.slots = max(request.slots, request.computed)
        request.findable_floor = max(request.findable_floor, min(request.computed, request.known))
        if request.path:
            self.cache.register(request, request.findable_floor)
        batch.decode_seqs += 1
        batch.decode_context += before
        batch.prefill_tokens += draft
        batch.prefill_pairs += draft * (before + 1) + draft * (draft + 1) // 2
        self.journal.stay(request.index, step, step, before)
        if draft:
            self.journal.chunk(request.index, step, draft, before + 1, 0)
        self._send(request, step, draft)

    def _caught_up(self, request: Request, batch: Batch, step: int) -> None:
        if request.generated == 0:
            batch.first_tokens.append(request)
        request.decoding = True
        request.slots = request.computed
        request.findable_floor = request.computed
        self.behind.append(request)
        self._send(request, step, 0)

    def _send(self, request: Request, step: int, draft: int) -> None:
        request.in_flight += 1
        self._flights.append(Flight(step, request, draft, request.preemptions))

    def preempt(self, victim: Request, scheduled: int) -> None:
        """Back to the head of the queue; tokens in flight will still come back, drafts lapse."""
        if not victim.decoding:
            super().preempt(victim, scheduled)
            return
        self.behind.remove(victim)
        slots = max(victim.slots, victim.computed + scheduled)
        self._put_back(victim, slots, victim.findable_floor)

    def abort(self, request: Request) -> None:
        """Nobody waits for the request any more: it leaves, and so do its drafts."""
        self._flights = deque(flight for flight in self._flights if flight.request is not request)
        if not (request.running and request.decoding):
            super().abort(request)
            return
        del self.running[request]
        self.behind.remove(request)
        request.running = False
        slots = max(request.slots, request.computed)
        self.cache.release(request, slots, request.findable_floor)

    def retire(self, last_step: int) -> None:
        """Nobody knows beforehand which step will be a request's last."""

    def commit(self, last_step: int) -> list[Request]:
        """Tokens come back with as much of each draft as was accepted."""
        finished = []
        while self._flights and self._flights[0].step <= last_step:
            _, request, draft, preemptions = self._flights.popleft()
            request.in_flight -= 1
            if request.generated == request.output_tokens:
                continue  # an earlier draft had all that was left
            accepted = self._accepted(draft)
            room = request.output_tokens - request.generated
            request.generated += min(room, accepted + 1)
            if request.running and request.preemptions == preemptions:
                request.computed -= draft - accepted
            if request.generated == request.output_tokens:
                self._finish(request)
                finished.append(request)
        return finished

    def _accepted(self, draft: int) -> int:
        """How many draft tokens in a row are accepted."""
        accepted = 0
        while accepted < draft and self._rng.random() < self._acceptance_rate:
            accepted += 1
        return accepted

    def _finish(self, request: Request) -> None:
        if request.running:
            del self.running[request]
            self.behind.remove(request)
            request.running = False
            known = min(request.computed, request.known - 1)
            slots = max(request.slots, request.computed)
            self.go(request, slots, max(known, request.findable_floor))
        else:
            self.waiting.remove(request)
        self.cache.finish(request)


class SpeculativeScheduler(Scheduler):
    """vLLM's scheduler with drafts: the running pass is always walked request by request."""

    def _running_pass(self, batch: Batch) -> int:
        return self._serve_in_order(batch)

    def _due(self, request: Request, *, alone: bool) -> int:
        if not request.decoding:
            return super()._due(request, alone=alone)
        if request.generated + request.in_flight >= request.output_tokens:
            return 0
        room = self.config.max_model_len - 1 - request.computed
        return max(0, min(1 + self.config.num_speculative_tokens, room))

    def _blocks(self, request: Request, computed: int, tokens: int) -> int:
        """Blocks for ``tokens`` more; those that held rejected tokens are still there."""
        size = self.config.block_size
        held = -(-max(computed, request.slots) // size)
        return max(0, -(-(computed + tokens) // size) - held)


def make_scheduler(
    config: SchedulerConfig, journal: Journal, rng: np.random.Generator
) -> Scheduler:
    """The scheduler that the configuration asks for; ``rng`` draws which drafts are accepted."""
    if config.num_speculative_tokens:
        return SpeculativeScheduler(config, SpeculativeRoster(config, journal, rng))
    return Scheduler(config, Roster(config, journal))
