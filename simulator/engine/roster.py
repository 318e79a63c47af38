"""Who is where: waiting, running, decoding with the others, behind, on the way out."""

from __future__ import annotations

from simulator.engine.batch import Batch
from simulator.engine.block_pool import BlockPool
from simulator.engine.config import SchedulerConfig
from simulator.engine.decode_group import DecodeGroup
from simulator.engine.journal import Journal
from simulator.engine.prefix_cache import Hit, NoCache, PrefixCache
from simulator.engine.request import Request
from simulator.engine.waiting import ByPriority, FirstComeFirstServed


class Roster:
    """The requests of one replica and the blocks they hold, and every way to change place.

    A running request is in one of three places: in the decode group, where it computes one token
    in every step; behind, with known tokens that it has yet to compute; or finishing, its last
    token on its way back.
    """

    def __init__(self, config: SchedulerConfig, journal: Journal) -> None:
        self.journal = journal
        self.pool = BlockPool(config.num_gpu_blocks, unhashed_first=config.unhashed_blocks_first)
        self.cache = NoCache(self.pool, config.block_size)
        if config.enable_prefix_caching:
            self.cache = PrefixCache(self.pool, config.block_size, self._catch_up)
        by_priority = config.scheduling_policy == "priority"
        self.waiting = ByPriority() if by_priority else FirstComeFirstServed()
        self.running: dict[Request, None] = {}
        """In order of admission."""
        self.group = DecodeGroup(config.block_size)
        self.behind: list[Request] = []
        """In order of admission."""
        self.finishing: list[Request] = []
        self.kept: dict[Request, tuple[int, int]] = {}
        """Finished requests whose blocks are still taken, with their slots and findable tokens."""
        self.step = 0
        """Steps composed so far."""
        self.tokens_in_flight = 1 if config.async_scheduling else 0
        """Tokens of a decoding request that have not come back when the next step is composed."""
        self.preempted = False
        """Whether somebody was preempted while the present step was composed."""
        self.running_pass = False
        """Whether the running requests are having their turns just now."""
        self.preempted_in_vain = 0
        """Preemptions since a request last computed all it knew."""
        self._returning: list[Request] = []
        self._admissions = 0

    # -- coming in ---------------------------------------------------------------------------------

    def admit(self, request: Request, tokens: int, hit: Hit, blocks: int, batch: Batch) -> None:
        """The head of the queue runs: it holds what it hit, and computes ``tokens`` more."""
        self.waiting.pop()
        request.running = True
        request.order = self._admissions
        self._admissions += 1
        self.running[request] = None
        cached = hit.blocks * self.cache.block_size
        if request.cached_tokens < 0:
            request.cached_tokens = cached
            batch.admitted.append(request)
        if cached:
            self.cache.hold(request, hit)
        self.pool.take(blocks)
        before = cached if cached >= request.received else request.received
        computed = request.computed = before + tokens
        if request.path:
            self.cache.register(request, computed)
        step = batch.first_step
        batch.add_prefill(tokens, before)
        self.journal.chunk(request.index, step, tokens, before, cached)
        if computed == request.prompt_tokens + request.generated:
            self._caught_up(request, batch, step)
        else:
            self.behind.append(request)

    def compute(self, request: Request, tokens: int, batch: Batch) -> None:
        """One that is behind computes ``tokens`` more; their blocks have been taken."""
        before, step = request.computed, batch.first_step
        request.computed = before + tokens
        if request.path:
            self.cache.register(request, request.computed)
        if request.decoding:
            batch.decode_seqs += 1
            batch.decode_context += before
        else:
            batch.add_prefill(tokens, before)
            self.journal.chunk(request.index, step, tokens, before, 0)
        if request.computed == request.known:
            self.behind.remove(request)
            self._caught_up(request, batch, step)

    def _caught_up(self, request: Request, batch: Batch, step: int) -> None:
        """All known tokens are computed in ``step``, which yields the next one."""
        after = request.computed
        self.preempted_in_vain = 0
        if request.generated == 0:
            batch.first_tokens.append(request)
        stay_from = step if request.decoding else step + 1
        last = step + request.output_tokens - request.generated - 1
        request.decoding = True
        request.stay_from = stay_from
        request.findable_floor = after
        self.group.finish_at(request, last)
        if last > step:
            self.group.join(request, after - step - 1)
            if request.path:
                self.cache.watch(request)
        elif stay_from == step:
            self.journal.stay(request.index, step, step, after - 1)

    # -- falling behind, and going back to wait ----------------------------------------------------

    def hold_up(self, request: Request) -> None:
        """The budget did not reach a decoding request: it is behind until it is served again."""
        self._leave_group(request)
        self.behind.append(request)
        self.behind.sort(key=lambda r: r.order)

    def preempt(self, victim: Request, scheduled: int) -> None:
        """Back to the head of the queue, to be computed anew; hashes stay while they can.

        ``scheduled`` tokens had been given to it in this very step.
        """
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
        self._put_back(victim, victim.computed + scheduled, findable)

    def _put_back(self, victim: Request, slots: int, findable: int) -> None:
        del self.running[victim]
        victim.running = False
        victim.decoding = False
        self.cache.keep_private(victim)
        self.cache.release(victim, slots, findable)
        victim.computed = victim.slots = victim.received = 0
        victim.preemptions += 1
        self.preempted = True
        self.preempted_in_vain += 1
        self.waiting.put_back(victim)

    def _leave_group(self, request: Request) -> None:
        """What the group implied is written down; a token in flight will still come back."""
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

    # -- going out ---------------------------------------------------------------------------------

    def retire(self, last_step: int) -> None:
        """Those whose last token is computed in ``last_step`` or before leave the group."""
        for request in self.group.finished_by(last_step):
            if request.in_group:
                self.group.leave(request, self.step)
                self._end_stay(request, request.finish_step)
            self.finishing.append(request)

    def commit(self, last_step: int) -> list[Request]:
        """The tokens of all steps up to ``last_step`` have come back; who has finished, leaves."""
        if self._returning:
            for request in self._returning:
                request.generated += 1
            self._returning.clear()
        if not self.tokens_in_flight:
            self.retire(last_step)
        if not self.finishing:
            return self.finishing
        finished, self.finishing = self.finishing, []
        for request in finished:
            if request.running:
                del self.running[request]
                request.running = False
                self.go(request, request.computed, request.computed)
            else:
                self.waiting.remove(request)  # preempted with its last token on the way
            self.cache.finish(request)
            request.generated = request.output_tokens
        return finished

    def go(self, request: Request, slots: int, findable: int) -> None:
        """A request that has finished gives its blocks back, or keeps them until `give_back`."""
        if request.keeps_blocks:
            self.cache.leave(request, findable)
            self.kept[request] = slots, findable
        else:
            self.cache.release(request, slots, findable)

    def give_back(self, request: Request) -> None:
        """Whoever had to read the blocks of a finished request has done so."""
        if request in self.kept:  # it had none if it was preempted with its last token on the way
            self.cache.release(request, *self.kept.pop(request))

    def abort(self, request: Request) -> None:
        """Nobody waits for the request any more: between two steps it leaves, wherever it is.

        Its blocks keep their hashes while they can. A token in flight is dropped when it comes.
        """
        if not request.running:
            self.waiting.remove(request)
        else:
            findable = request.computed
            if request.in_group:
                self.group.leave(request, self.step)
                self._end_stay(request, self.step - 1)
            elif request.finish_step < 0:
                self.behind.remove(request)
            if request.finish_step >= 0:
                back = request.computed - self.tokens_in_flight
                request.generated = back + 1 - request.prompt_tokens
                findable = max(request.findable_floor, back)
            del self.running[request]
            request.running = False
            self.cache.release(request, request.computed, findable)
        if request in self.finishing:
            self.finishing.remove(request)

    def wreck(self, first_lost: int, first_unfinished: int) -> list[Request]:
        """The engine has died: all its requests, and what they had until then.

        Steps from ``first_lost`` on were never begun, those from ``first_unfinished`` on not ended.
        Blocks and hashes are gone with the GPU's memory; this roster is of no more use.
        """
        for request in self.running:
            if request.in_group:
                first, offset = request.stay_from, request.offset
                if first_lost > first:
                    self.journal.stay(request.index, first, first_lost - 1, first + offset)
                request.generated = first_unfinished + offset - request.prompt_tokens + 1
            elif request.finish_step >= 0:
                request.generated = request.output_tokens - 1
        self.journal.cut(first_lost)
        return [*self.running, *self.waiting]

    def _catch_up(self, writer: Request, reader: Request) -> None:
        """Register the blocks that ``writer`` has generated before ``reader`` has its turn."""
        if writer.in_group:
            had_its_turn = self.running_pass and writer.order < reader.order
            known = self.step + had_its_turn + writer.offset - self.tokens_in_flight
            findable = max(writer.findable_floor, known)
        elif writer.finish_step >= 0:
            findable = max(writer.findable_floor, writer.computed - self.tokens_in_flight)
        else:
            findable = writer.computed - (writer in self._returning)
        self.cache.register(writer, findable)
