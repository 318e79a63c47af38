"""vLLM's V1 scheduler: running requests first, then the head of the queue, while budget and blocks last."""

from __future__ import annotations

from simulator.engine.batch import Batch
from simulator.engine.block_pool import BlockPool
from simulator.engine.config import SchedulerConfig
from simulator.engine.decode_group import DecodeGroup
from simulator.engine.journal import Journal
from simulator.engine.prefix_cache import NO_HIT, NoCache, PrefixCache
from simulator.engine.request import Request
from simulator.engine.waiting import ByPriority, FirstComeFirstServed


class Scheduler:
    """Decides what the next step computes. It has no clock: ``schedule``, let time pass, ``commit``.

    Requests that compute one token in every step are a group (`DecodeGroup`); only those still in their
    prompt, or held up by the budget, are looked at one by one. When budget or blocks do not suffice for all,
    `_running_pass_in_order` walks the running requests as vLLM does.
    """

    def __init__(self, config: SchedulerConfig, journal: Journal) -> None:
        self.config = config
        self.journal = journal
        self.pool = BlockPool(config.num_gpu_blocks, unhashed_first=config.unhashed_blocks_first)
        kind = PrefixCache if config.enable_prefix_caching else NoCache
        self.cache = kind(self.pool, config.block_size)
        if isinstance(self.cache, PrefixCache):
            self.cache.catch_up = self._catch_up
        self.waiting = (
            ByPriority() if config.scheduling_policy == "priority" else FirstComeFirstServed()
        )
        self.running: dict[Request, None] = {}
        """In order of admission."""
        self.group = DecodeGroup(config.block_size)
        self.behind: list[Request] = []
        """Running requests that have not caught up with their known tokens, in order of admission."""
        self.step = 0
        """Steps composed so far."""
        self.tokens_in_flight = 1 if config.async_scheduling else 0
        """Tokens of a decoding request that have not come back when the next step is composed."""
        self.preempted = False
        """Whether the last composition preempted somebody."""
        self._running_pass = False
        self._finishing: list[Request] = []
        self._returning: list[Request] = []
        self._admissions = 0

    @property
    def load(self) -> int:
        """Requests here, running or waiting."""
        return len(self.running) + len(self.waiting)

    def add(self, request: Request) -> None:
        """A request has arrived; it is seen when the next step is composed."""
        self.waiting.add(request)

    # -- one step -----------------------------------------------------------------------------------

    def schedule(self) -> Batch | None:
        """Compose the next step, or a run of equal steps; None if there is nothing to compute."""
        if self.tokens_in_flight:
            self._retire(self.step - 1)
        step, group, budget = self.step, self.group, self.config.max_num_batched_tokens
        batch = Batch(step, group.size, group.size * step + group.sum_offsets)
        self.preempted = False
        self._running_pass = True
        blocks = group.blocks_for(step)
        if group.size > budget or blocks > self.pool.free:
            budget = self._running_pass_in_order(batch)
        elif not self.behind:
            self.pool.take(blocks)
            budget -= group.size
        elif (plan := self._plan(budget - group.size, self.pool.free - blocks)) is not None:
            self.pool.take(blocks)
            budget -= group.size
            for request, tokens in plan:
                self._compute(request, tokens, batch, step)
                budget -= tokens
        else:
            budget = self._running_pass_in_order(batch)
        self.step = step + 1
        self._running_pass = False
        volatile = self.preempted or self._waiting_pass(batch, budget)
        if not (batch.decode_seqs or batch.prefill_seqs):
            self.step = step
            return None
        if not volatile and not batch.prefill_seqs and not self.behind and not self._finishing:
            last = group.next_finish()
            batch.num_steps = 1 + group.steps_within(step + 1, self.pool.free, last - step)
        batch.kv_blocks = self.pool.num_blocks - self.pool.free
        batch.running = len(self.running)
        batch.waiting = len(self.waiting)
        return batch

    def advance(self, batch: Batch, num_steps: int) -> None:
        """``num_steps`` of the run have been composed, the first of them by ``schedule`` itself."""
        if num_steps > 1:
            self.pool.take(self.group.blocks_for_run(self.step, num_steps - 1))
            self.step += num_steps - 1

    def commit(self, last_step: int) -> list[Request]:
        """The tokens of all steps up to ``last_step`` have come back; who has finished, leaves."""
        for request in self._returning:
            request.generated += 1
        self._returning.clear()
        if not self.tokens_in_flight:
            self._retire(last_step)
        if not self._finishing:
            return []
        finished, self._finishing = self._finishing, []
        for request in finished:
            if request.running:
                del self.running[request]
                request.running = False
                self.cache.release(request, request.computed, request.computed)
            else:
                self.waiting.remove(request)  # preempted with its last token on the way
            self.cache.finish(request)
            request.generated = request.output_tokens
        return finished

    # -- running first ------------------------------------------------------------------------------

    def _capped(self, tokens: int, budget: int, *, alone: bool) -> int:
        config = self.config
        threshold = config.long_prefill_token_threshold
        if 0 < threshold < tokens and not (alone and config.lone_request_unbound):
            if config.adaptive_long_prefill_threshold:
                requests = max(1, self.load)
                threshold = max(threshold, config.max_num_batched_tokens // requests)
            tokens = min(tokens, threshold)
        return min(tokens, budget)

    def _plan(self, budget: int, blocks: int) -> list[tuple[Request, int]] | None:
        """Tokens for those behind, if all others get theirs; None if order or memory decides."""
        size = self.config.block_size
        alone = len(self.running) == 1 and not self.waiting
        wants = [self._capped(r.known - r.computed, r.known, alone=alone) for r in self.behind]
        if sum(wants) > budget and not self._behind_come_last():
            return None
        plan = []
        for request, want in zip(self.behind, wants, strict=True):
            tokens = min(want, budget)
            if tokens == 0:
                break
            budget -= tokens
            before = request.computed
            blocks -= -(-(before + tokens) // size) - -(-before // size)
            plan.append((request, tokens))
        if blocks < 0:
            return None
        for request, tokens in plan:
            before = request.computed
            self.pool.take(-(-(before + tokens) // size) - -(-before // size))
        return plan

    def _behind_come_last(self) -> bool:
        """Whether those behind are the last of ``running``, so that the group is served before them."""
        latest = reversed(self.running)
        return all(request is next(latest) for request in reversed(self.behind))

    def _running_pass_in_order(self, batch: Batch) -> int:
        """vLLM's running pass, request by request; the budget that is left."""
        step, size, pool = self.step, self.config.block_size, self.pool
        budget, at = self.config.max_num_batched_tokens, 0
        running = list(self.running)
        alone = len(running) == 1 and not self.waiting
        scheduled: dict[Request, int] = {}
        while at < len(running) and budget > 0:
            request = running[at]
            if request.in_group:
                tokens, before = 1, step + request.offset
            elif request.finish_step >= 0:  # its last token is on its way
                at += 1
                continue
            else:
                before = request.computed
                tokens = self._capped(request.known - before, budget, alone=alone)
            blocks = -(-(before + tokens) // size) - -(-before // size)
            while blocks > pool.free:
                victim = self.waiting.victim(running)
                running.remove(victim)
                undone = scheduled.pop(victim, 0)
                budget += undone
                at -= undone > 0
                self._preempt(victim, undone)
                if victim is request:
                    break
            else:
                pool.take(blocks)
                scheduled[request] = tokens
                budget -= tokens
                at += 1
                continue
            break
        for request in running:
            if request.in_group and request not in scheduled:
                self._hold_up(request)
        batch.decode_seqs = self.group.size
        batch.decode_context = self.group.context(step)
        for request, tokens in scheduled.items():
            if not request.in_group:
                self._compute(request, tokens, batch, step)
        return budget

    def _compute(self, request: Request, tokens: int, batch: Batch, step: int) -> None:
        """A request that is behind computes ``tokens`` of its known tokens; their blocks are taken."""
        before = request.computed
        after = request.computed = before + tokens
        if request.path:
            self.cache.register(request, after)
        if request.decoding:
            batch.decode_seqs += 1
            batch.decode_context += before
        else:
            batch.add_prefill(tokens, before)
            self.journal.chunk(request.index, step, tokens, before, 0)
        if after == request.known:
            self.behind.remove(request)
            self._caught_up(request, batch, step)

    def _caught_up(self, request: Request, batch: Batch, step: int) -> None:
        """All known tokens are computed in ``step``, which yields the next one."""
        after = request.computed
        if request.generated == 0:
            batch.first_tokens.append(request)
        stay_from = step if request.decoding else step + 1
        last = step + request.output_tokens - request.generated - 1
        request.decoding = True
        request.stay_from = stay_from
        self.group.finish_at(request, last)
        if last > step:
            request.findable_floor = after
            self.group.join(request, after - step - 1)
            if request.path:
                self.cache.watch(request)
        elif stay_from == step:
            self.journal.stay(request.index, step, step, after - 1)

    def _hold_up(self, request: Request) -> None:
        """The budget did not reach a decoding request: it leaves the group until it is served again."""
        self._leave_group(request)
        self.behind.append(request)
        self.behind.sort(key=lambda r: r.order)

    def _leave_group(self, request: Request) -> None:
        """What was implied by the group is written down; a token in flight will still come back."""
        self.group.leave(request, self.step)
        self._end_stay(request, self.step - 1)
        request.finish_step = -1
        request.generated = request.computed + 1 - self.tokens_in_flight - request.prompt_tokens
        if self.tokens_in_flight:
            self._returning.append(request)

    def _end_stay(self, request: Request, last: int) -> None:
        first = request.stay_from
        if last >= first:
            context = request.computed - (self.step - first)
            self.journal.stay(request.index, first, last, context)

    def _preempt(self, victim: Request, scheduled: int) -> None:
        """All blocks are given back; computed anew when admitted again. Hashes stay while they can."""
        if victim.in_group:
            self._leave_group(victim)
            known = victim.computed + scheduled - self.tokens_in_flight
            findable = max(victim.findable_floor, known)
        elif victim.finish_step >= 0:
            findable = max(victim.findable_floor, victim.computed - self.tokens_in_flight)
            victim.generated = victim.output_tokens - 1
        else:
            self.behind.remove(victim)
            findable = victim.computed + scheduled
        del self.running[victim]
        victim.running = False
        victim.decoding = False
        self.cache.keep_private(victim)
        self.cache.release(victim, victim.computed + scheduled, findable)
        self.preempted = True
        victim.computed = 0
        victim.preemptions += 1
        self.waiting.put_back(victim)

    def _retire(self, last_step: int) -> None:
        """Those whose last token is computed in ``last_step`` or before leave the group."""
        for request in self.group.finished_by(last_step):
            if request.in_group:
                self.group.leave(request, self.step)
                self._end_stay(request, request.finish_step)
            self._finishing.append(request)

    def _catch_up(self, writer: Request, reader: Request) -> None:
        """Register the blocks that a decoding request has filled before ``reader`` has its turn."""
        if writer.in_group:
            had_its_turn = self._running_pass and writer.order < reader.order
            known = self.step + had_its_turn + writer.offset - self.tokens_in_flight
            findable = max(writer.findable_floor, known)
        elif writer.finish_step >= 0:
            findable = max(writer.findable_floor, writer.computed - self.tokens_in_flight)
        else:
            findable = writer.computed - (writer in self._returning)
        self.cache.register(writer, findable)

    # -- then the queue -----------------------------------------------------------------------------

    def _waiting_pass(self, batch: Batch, budget: int) -> bool:
        """Admit from the head of the queue; True if the next step may admit more without any event."""
        config, waiting, running = self.config, self.waiting, self.running
        size = config.block_size
        while waiting and budget > 0 and len(running) < config.max_num_seqs:
            request = waiting.head()
            hit = self.cache.lookup(request) if request.path else NO_HIT
            cached = hit.blocks * size
            tokens = request.known - cached
            if config.long_prefill_token_threshold:
                alone = not running and len(waiting) == 1
                tokens = self._capped(tokens, tokens, alone=alone)
            if tokens > budget:
                if not config.enable_chunked_prefill:
                    return hit.volatile
                tokens = budget
            blocks = -(-(cached + tokens) // size) - hit.blocks
            needed = blocks
            if config.scheduler_reserve_full_isl:
                needed = -(-request.known // size) - hit.blocks
            if config.watermark and (batch.decode_seqs or batch.prefill_seqs):
                needed += config.watermark_blocks
            if needed + hit.free_blocks > self.pool.free:
                return hit.volatile
            waiting.pop()
            self._admit(request, cached, batch)
            if hit.blocks:
                self.cache.hold(request, hit)
            self.pool.take(blocks)
            budget -= tokens
            request.computed = cached + tokens
            if request.path:
                self.cache.register(request, cached + tokens)
            batch.add_prefill(tokens, cached)
            step = batch.first_step
            self.journal.chunk(request.index, step, tokens, cached, cached)
            if request.computed == request.known:
                self._caught_up(request, batch, step)
            else:
                self.behind.append(request)
        return False

    def _admit(self, request: Request, cached: int, batch: Batch) -> None:
        request.running = True
        request.order = self._admissions
        self._admissions += 1
        self.running[request] = None
        if request.cached_tokens < 0:
            request.cached_tokens = cached
            batch.admitted.append(request)
