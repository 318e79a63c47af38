"""vLLM's V1 scheduler: running requests first, then the head of the queue, while there is room."""

from __future__ import annotations

from operator import is_

from hardware_profiles.errors import InputError
from simulator.engine.batch import Batch
from simulator.engine.config import SchedulerConfig
from simulator.engine.prefix_cache import NO_HIT
from simulator.engine.request import Request
from simulator.engine.roster import Roster


class Scheduler:
    """Decides what the next step computes; no clock: ``schedule``, let time pass, ``commit``.

    Requests that compute one token in every step are moved as a group; only those behind are
    looked at one by one. When budget or blocks do not suffice for all, `_serve_till_blocks_last`
    or, where order decides more, `_serve_in_order` does what vLLM does request by request.
    """

    def __init__(self, config: SchedulerConfig, roster: Roster) -> None:
        self.config = config
        self.roster = roster
        self.pool = self.roster.pool
        self.cache = self.roster.cache
        self.waiting = self.roster.waiting
        self.running = self.roster.running
        self.group = self.roster.group
        self.behind = self.roster.behind
        self.add = self.waiting.add
        self.commit = self.roster.commit
        self.abort = self.roster.abort
        self.wreck = self.roster.wreck
        self.give_back = self.roster.give_back

    @property
    def preempted(self) -> bool:
        """Whether the last step composed, or the last attempt, preempted somebody."""
        return self.roster.preempted

    @property
    def load(self) -> int:
        """Requests here, running or waiting."""
        return len(self.running) + len(self.waiting)

    def schedule(self) -> Batch | None:
        """Compose the next step, or a run of equal steps; None if there is nothing to compute."""
        roster, group, pool = self.roster, self.group, self.pool
        step = roster.step
        if roster.tokens_in_flight and group.finishes and group.finishes[0][0] < step:
            roster.retire(step - 1)
        batch = Batch(step, group.size, group.size * step + group.sum_offsets)
        roster.preempted = False
        roster.running_pass = True
        budget = self._running_pass(batch)
        roster.running_pass = False
        roster.step = step + 1
        settled = not roster.preempted
        if roster.preempted:
            self._check_progress(batch)
        if settled and budget and self.waiting:
            settled = self._waiting_pass(batch, budget)
        if not batch.prefill_seqs:
            if not batch.decode_seqs:
                roster.step = step
                return None
            if settled and not self.behind and not roster.finishing:
                limit = group.next_finish() - step
                batch.num_steps = 1 + group.steps_within(step + 1, pool.free, limit)
        batch.kv_blocks = pool.num_blocks - pool.free
        batch.running = len(self.running)
        batch.waiting = len(self.waiting)
        return batch

    def _check_progress(self, batch: Batch) -> None:
        """Stop a run in which requests preempt each other for ever, as they may in vLLM too."""
        if batch.decode_seqs or self.roster.kept:  # or blocks will come back by themselves
            self.roster.preempted_in_vain = 0
        elif self.roster.preempted_in_vain > 10 * (self.load + 10):
            rows = sorted(request.index for request in (*self.running, *self.waiting))
            named = ", ".join(map(str, rows[:5])) + (" …" if len(rows) > 5 else "")
            raise InputError(
                f"requests {named} preempt each other for ever, and none gets a token (vLLM would "
                "do the same); they need more KV blocks, or priorities and arrivals that differ"
            )

    def advance(self, num_steps: int) -> None:
        """``num_steps`` of a run have been composed, the first of them by ``schedule`` itself."""
        if num_steps > 1:
            self.pool.take(self.group.blocks_for_run(self.roster.step, num_steps - 1))
            self.roster.step += num_steps - 1

    # -- running first -----------------------------------------------------------------------------

    def _running_pass(self, batch: Batch) -> int:
        """Give every running request its tokens; the budget that is left."""
        group, pool = self.group, self.pool
        budget = self.config.max_num_batched_tokens - group.size
        blocks = group.blocks_for(batch.first_step)
        if budget < 0:
            return self._serve_in_order(batch)
        if not self.behind:
            if blocks > pool.free:
                return self._serve_scarce(batch)
            pool.take(blocks)
            return budget
        wants = self._wants()
        if not self._behind_come_last() and sum(wants) > budget:
            return self._serve_in_order(batch)
        plan = self._plan(wants, budget)
        needed = blocks + sum(more for _, _, more in plan)
        if needed > pool.free:
            return self._serve_scarce(batch)
        pool.take(needed)
        for request, tokens, _ in plan:
            self.roster.compute(request, tokens, batch)
            budget -= tokens
        return budget

    def _serve_scarce(self, batch: Batch) -> int:
        if self.config.scheduling_policy == "fcfs" and self._behind_come_last():
            return self._serve_till_blocks_last(batch)
        return self._serve_in_order(batch)

    def _wants(self) -> list[int]:
        """Tokens that each of those behind would compute if the budget were endless."""
        alone = self._alone()
        wants = [r.prompt_tokens + r.generated - r.computed for r in self.behind]
        if self.config.long_prefill_token_threshold:
            wants = [self._capped(want, alone=alone) for want in wants]
        return wants

    def _alone(self) -> bool:
        return len(self.running) == 1 and not self.waiting

    def _capped(self, tokens: int, *, alone: bool) -> int:
        """At most the long-prefill threshold, where it binds."""
        config = self.config
        threshold = config.long_prefill_token_threshold
        if not 0 < threshold < tokens or (alone and config.lone_request_unbound):
            return tokens
        if config.adaptive_long_prefill_threshold:
            threshold = max(threshold, config.max_num_batched_tokens // max(1, self.load))
        return min(tokens, threshold)

    def _plan(self, wants: list[int], budget: int) -> list[tuple[Request, int, int]]:
        """For those behind, in order: tokens within the budget, and the blocks they take."""
        plan = []
        for request, want in zip(self.behind, wants, strict=True):
            tokens = min(want, budget)
            if tokens == 0:
                break
            budget -= tokens
            plan.append((request, tokens, self._blocks(request, request.computed, tokens)))
        return plan

    def _blocks(self, request: Request, computed: int, tokens: int) -> int:
        """Blocks that ``tokens`` more take when the slots of ``computed`` are there."""
        size = self.config.block_size
        return -(-(computed + tokens) // size) - -(-computed // size)

    def _behind_come_last(self) -> bool:
        """Whether those behind were admitted last, so that the group is served before them."""
        latest = reversed(self.running)
        return all(map(is_, reversed(self.behind), latest))

    def _serve_till_blocks_last(self, batch: Batch) -> int:
        """The running pass when blocks run out, first come first served, those behind at the end.

        Whoever lacks a block preempts the request admitted last, until the block is there or it is
        that request itself. So it is known without a walk who is served: the first, as long as free
        blocks and those of the preempted last.
        """
        roster, group, pool = self.roster, self.group, self.pool
        step, size = batch.first_step, self.config.block_size
        needed = group.blocks_for(step)
        while needed > pool.free:
            needed -= pool.free
            pool.take(pool.free)
            victim = next(reversed(self.running))
            needed -= victim.in_group and (step + victim.offset) % size == 0
            roster.preempt(victim, 0)
        pool.take(needed)
        batch.decode_seqs, batch.decode_context = group.size, group.context(step)
        budget = self.config.max_num_batched_tokens - group.size
        alone = self._alone()
        for request in list(self.behind):
            if not request.running or budget == 0:
                break
            tokens = min(budget, self._capped(request.known - request.computed, alone=alone))
            blocks = self._blocks(request, request.computed, tokens)
            while blocks > pool.free and request.running:
                roster.preempt(next(reversed(self.running)), 0)
            if request.running:
                pool.take(blocks)
                roster.compute(request, tokens, batch)
                budget -= tokens
        return budget

    def _serve_in_order(self, batch: Batch) -> int:
        """The running pass as vLLM has it, request by request."""
        roster, pool, step = self.roster, self.pool, batch.first_step
        budget, at = self.config.max_num_batched_tokens, 0
        running = list(self.running)
        alone = self._alone()
        scheduled: dict[Request, int] = {}
        while at < len(running) and budget > 0:
            request = running[at]
            tokens = min(budget, self._due(request, alone=alone))
            if tokens == 0:  # its last token is on its way
                at += 1
                continue
            before = step + request.offset if request.in_group else request.computed
            blocks = self._blocks(request, before, tokens)
            while blocks > pool.free and request.running:
                victim = self.waiting.victim(running)
                running.remove(victim)
                undone = scheduled.pop(victim, 0)
                budget += undone
                at -= undone > 0
                roster.preempt(victim, undone)
            if not request.running:
                break
            if blocks:
                pool.take(blocks)
            scheduled[request] = tokens
            budget -= tokens
            at += 1
        for request in running:
            if request.in_group and request not in scheduled:
                roster.hold_up(request)
        batch.decode_seqs, batch.decode_context = self.group.size, self.group.context(step)
        for request, tokens in scheduled.items():
            if not request.in_group:
                roster.compute(request, tokens, batch)
        return budget

    def _due(self, request: Request, *, alone: bool) -> int:
        """Tokens that a running request would compute if the budget were endless."""
        if request.in_group:
            return 1
        if request.finish_step >= 0:
            return 0
        return self._capped(request.known - request.computed, alone=alone)

    # -- then the queue ----------------------------------------------------------------------------

    def _waiting_pass(self, batch: Batch, budget: int) -> bool:
        """Admit from the head of the queue; False if the next step may admit more by itself.

        A head that does not fit will not fit a step later either, for free blocks get fewer and
        hits do not grow; unless what it could hit is being generated just now.
        """
        config, waiting, pool = self.config, self.waiting, self.pool
        size, running = config.block_size, self.running
        while waiting and budget > 0 and len(running) < config.max_num_seqs:
            request = waiting.head()
            hit = self.cache.lookup(request) if request.path else NO_HIT
            cached = hit.blocks * size
            if request.received > cached:
                cached = request.received
            known = request.prompt_tokens + request.generated
            tokens = known - cached
            if config.long_prefill_token_threshold:
                tokens = self._capped(tokens, alone=not running and len(waiting) == 1)
            if tokens > budget:
                if not config.enable_chunked_prefill:
                    return not hit.volatile
                tokens = budget
            blocks = needed = -(-(cached + tokens) // size) - hit.blocks
            if config.scheduler_reserve_full_isl:
                needed = -(-known // size) - hit.blocks
            if config.watermark and (batch.decode_seqs or batch.prefill_seqs):
                needed += config.watermark_blocks
            if needed + hit.free_blocks > pool.free:
                return not hit.volatile
            self.roster.admit(request, tokens, hit, blocks, batch)
            budget -= tokens
        return True
