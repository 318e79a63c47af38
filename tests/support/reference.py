"""The scheduler of engine.md written plainly: block by block, request by request, step by step.

Slow and obvious on purpose. The engine in ``simulator.engine`` must agree with it on every
workload; the recorded runs of the real scheduler say that this page is right.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any


@dataclass(eq=False)
class Block:
    """One KV block: who holds it, and under which hash it can be found."""

    number: int
    holders: int = 0
    key: tuple[Any, ...] | None = None


class ReferencePool:
    """Blocks, the free queue in order of eviction, and the map from hash to blocks."""

    def __init__(self, num_gpu_blocks: int, caching: bool, unhashed_first: bool) -> None:
        blocks = [Block(i) for i in range(1, num_gpu_blocks)]  # block 0 is the null block
        self.free: OrderedDict[int, Block] = OrderedDict((b.number, b) for b in blocks)
        self.by_key: dict[tuple[Any, ...], OrderedDict[int, Block]] = {}
        self.caching = caching
        self.unhashed_first = unhashed_first

    def find(self, key: tuple[Any, ...]) -> Block | None:
        """The block findable under ``key`` that was registered first."""
        blocks = self.by_key.get(key)
        return next(iter(blocks.values())) if blocks else None

    def hold(self, block: Block) -> None:
        """One more holder; a free block leaves the free queue."""
        if block.holders == 0:
            del self.free[block.number]
        block.holders += 1

    def take(self) -> Block:
        """The block at the left end of the free queue; its hash is forgotten."""
        _, block = self.free.popitem(last=False)
        if block.key is not None:
            del self.by_key[block.key][block.number]
            if not self.by_key[block.key]:
                del self.by_key[block.key]
            block.key = None
        block.holders = 1
        return block

    def give_back(self, blocks: list[Block]) -> None:
        """A request's blocks in its own order: its tail is evicted first."""
        freed = []
        for block in reversed(blocks):
            block.holders -= 1
            if block.holders == 0:
                freed.append(block)
        for block in freed:
            self.free[block.number] = block
            if self.unhashed_first and block.key is None:
                self.free.move_to_end(block.number, last=False)

    def register(self, block: Block, key: tuple[Any, ...]) -> None:
        """From now on the block can be found."""
        if self.caching:
            block.key = key
            self.by_key.setdefault(key, OrderedDict())[block.number] = block


@dataclass(eq=False)
class ReferenceRequest:
    """What the scheduler keeps of one request."""

    index: int
    arrival_s: float
    tokens: list[tuple[Any, int]]  # the prompt, token by token, as (segment, offset)
    max_tokens: int
    priority: int = 0
    prompt_tokens: int = 0
    computed: int = 0
    placeholders: int = 0
    generated: int = 0
    blocks: list[Block] = field(default_factory=list)
    registered: int = 0
    keys: list[tuple[Any, ...]] = field(default_factory=list)
    cached_tokens: int = -1
    preemptions: int = 0
    first_token_s: float = -1.0
    finish_s: float = -1.0
    running: bool = False

    @property
    def known(self) -> int:
        return len(self.tokens)


class ReferenceScheduler:
    """``schedule`` composes a step, ``commit`` takes its tokens."""

    def __init__(self, engine: dict[str, Any], version: str) -> None:
        get = engine.get
        self.block_size = get("block_size", 16)
        self.max_num_seqs = engine["max_num_seqs"]
        self.budget = engine["max_num_batched_tokens"]
        self.max_model_len = get("max_model_len", 1 << 60)
        self.chunked = get("enable_chunked_prefill", True)
        self.threshold = get("long_prefill_token_threshold", 0)
        self.policy = get("scheduling_policy", "fcfs")
        self.is_async = get("async_scheduling", False)
        newer = "0.32" in version
        self.full_isl = get("scheduler_reserve_full_isl", newer)
        self.watermark_blocks = int(get("watermark", 0.0) * engine["num_gpu_blocks"])
        self.lone_exempt = newer
        self.caching = get("enable_prefix_caching", True)
        self.pool = ReferencePool(engine["num_gpu_blocks"], self.caching, newer)
        self.waiting: list[ReferenceRequest] = []
        self.running: list[ReferenceRequest] = []
        self.preempted = False

    # -- the block manager ------------------------------------------------------------------------

    def key(self, request: ReferenceRequest, i: int) -> tuple[Any, ...]:
        """The hash of full block ``i``: (hash of the parent, its tokens)."""
        while len(request.keys) <= i:
            n, size = len(request.keys), self.block_size
            parent = hash(request.keys[-1]) if request.keys else 0
            request.keys.append((parent, *request.tokens[n * size : (n + 1) * size]))
        return request.keys[i]

    def lookup(self, request: ReferenceRequest) -> list[Block]:
        """The longest run of findable blocks, at most ``known - 1`` tokens."""
        hit: list[Block] = []
        if not self.caching:
            return hit
        for i in range((request.known - 1) // self.block_size):
            block = self.pool.find(self.key(request, i))
            if block is None:
                break
            hit.append(block)
        return hit

    def allocate(
        self, request: ReferenceRequest, new_tokens: int, hit: list[Block], spare: int = 0
    ) -> bool:
        """Slots for ``new_tokens`` more; False, and nothing changed, if the pool has too few."""
        computed = request.computed + len(hit) * self.block_size
        total = min(computed + new_tokens, self.max_model_len)
        held = len(request.blocks) + len(hit)
        new = max(0, -(-total // self.block_size) - held)
        from_queue = sum(block.holders == 0 for block in hit)
        if new + from_queue + spare > len(self.pool.free):
            return False
        for block in hit:
            self.pool.hold(block)
        request.blocks += hit
        request.registered += len(hit)
        request.blocks += [self.pool.take() for _ in range(new)]
        self.register(request, min(computed + new_tokens, request.known))
        return True

    def register(self, request: ReferenceRequest, tokens: int) -> None:
        if self.caching:
            while request.registered < tokens // self.block_size:
                i = request.registered
                self.pool.register(request.blocks[i], self.key(request, i))
                request.registered += 1

    def release(self, request: ReferenceRequest) -> None:
        self.pool.give_back(request.blocks)
        request.blocks, request.registered = [], 0

    # -- one step ---------------------------------------------------------------------------------

    def add(self, request: ReferenceRequest) -> None:
        self.waiting.append(request)
        self.sort_waiting()

    def sort_waiting(self) -> None:
        if self.policy == "priority":
            self.waiting.sort(key=lambda r: (r.priority, r.arrival_s, r.index))

    def capped(self, tokens: int, budget: int, alone: bool) -> int:
        if 0 < self.threshold < tokens and not (self.lone_exempt and alone):
            tokens = self.threshold
        return min(tokens, budget)

    def preempt(self, victim: ReferenceRequest) -> None:
        self.release(victim)
        victim.computed = 0
        victim.preemptions += 1
        victim.running = False
        self.waiting.insert(0, victim)
        self.sort_waiting()

    def schedule(self) -> list[tuple[ReferenceRequest, int, int]]:
        """One step: rows of (request, new tokens, context before the step), in scheduled order."""
        scheduled: dict[ReferenceRequest, int] = {}
        budget, at = self.budget, 0
        self.preempted = False
        while at < len(self.running) and budget > 0:
            request = self.running[at]
            if (
                request.placeholders > 0
                and request.computed + 2 - request.placeholders
                >= request.prompt_tokens + request.max_tokens
            ):
                at += 1
                continue
            alone = len(self.running) == 1 and not self.waiting
            n = self.capped(request.known + request.placeholders - request.computed, budget, alone)
            n = min(n, self.max_model_len - 1 - request.computed)
            if n == 0:
                at += 1
                continue
            got = self.allocate(request, n, [])
            while not got:
                if self.policy == "priority":
                    victim = max(self.running, key=lambda r: (r.priority, r.arrival_s))
                    self.running.remove(victim)
                    if victim in scheduled:
                        budget += scheduled.pop(victim)
                        at -= 1
                else:
                    victim = self.running.pop()
                self.preempt(victim)
                self.preempted = True
                if victim is request:
                    break
                got = self.allocate(request, n, [])
            if not got:
                break
            scheduled[request] = n
            budget -= n
            at += 1
        while (
            not self.preempted
            and self.waiting
            and budget > 0
            and len(self.running) < self.max_num_seqs
        ):
            request = self.waiting[0]
            hit = self.lookup(request)
            cached = len(hit) * self.block_size
            alone = not self.running and len(self.waiting) == 1
            n = request.known - cached
            if 0 < self.threshold < n and not (self.lone_exempt and alone):
                n = self.threshold
            if not self.chunked and n > budget:
                break
            n = min(n, budget)
            spare = self.watermark_blocks if scheduled else 0
            if self.full_isl:
                held_hits = sum(block.holders > 0 for block in hit)
                need = -(-request.known // self.block_size) - held_hits
                if need + spare > len(self.pool.free):
                    break
            if not self.allocate(request, n, hit, spare):
                break
            self.waiting.pop(0)
            self.running.append(request)
            request.running = True
            request.computed = cached
            if request.cached_tokens < 0:
                request.cached_tokens = cached
            scheduled[request] = n
            budget -= n
        rows = [(request, n, request.computed) for request, n in scheduled.items()]
        for request, n, _ in rows:
            request.computed += n
            if request.computed == request.known + request.placeholders:
                request.placeholders += 1
        return rows

    def commit(self, rows: list[tuple[ReferenceRequest, int, int]], now: float) -> None:
        """Each request that has caught up gains one token; at ``max_tokens`` it leaves."""
        for request, n, before in rows:
            if before + n < request.prompt_tokens or request.finish_s >= 0:
                continue
            if before + n < request.prompt_tokens + request.generated:
                continue  # a chunk of a resumed request that has not caught up yet
            request.placeholders -= 1
            request.tokens.append((f"out:{request.index}", request.generated))
            request.generated += 1
            if request.generated == 1:
                request.first_token_s = now
            if self.is_async and request.running:
                self.register(request, request.computed - request.placeholders)
            if request.generated == request.max_tokens:
                request.finish_s = now
                self.release(request)
                if request.running:
                    self.running.remove(request)
                else:
                    self.waiting.remove(request)


def build_requests(rows: list[dict[str, Any]]) -> list[ReferenceRequest]:
    """The requests of an oracle scenario, their prompts written out token by token."""
    requests = []
    for i, row in enumerate(rows):
        tokens = [(name, at) for name, length in row["prompt"] for at in range(length)]
        requests.append(
            ReferenceRequest(
                i,
                row["arrival_s"],
                tokens,
                row["output_tokens"],
                row.get("priority", 0),
                len(tokens),
            )
        )
    return requests


def run_reference(scenario: dict[str, Any]) -> dict[str, Any]:
    """Serve an oracle scenario; what came of it in the shape of its ``expected``."""
    c = scenario["step_time"]
    scheduler = ReferenceScheduler(scenario["engine"], scenario["version"])
    requests = build_requests(scenario["requests"])
    order = sorted(requests, key=lambda r: (r.arrival_s, r.index))
    now, free_at, arrived, log = 0.0, 0.0, 0, []
    in_flight: list[tuple[float, list[tuple[ReferenceRequest, int, int]]]] = []
    while True:
        while arrived < len(order) and order[arrived].arrival_s <= now:
            scheduler.add(order[arrived])
            arrived += 1
        composed = False
        if scheduler.waiting or scheduler.running:
            rows = scheduler.schedule()
            if rows:
                composed = True
                tokens = sum(n for _, n, _ in rows)
                context = sum(before for _, _, before in rows)
                start = max(now, free_at)
                free_at = start + (
                    c["c0"] + c["c_tok"] * tokens + c["c_ctx"] * context + c["c_seq"] * len(rows)
                )
                log.append([start, tokens, len(rows), context])
                in_flight.append((free_at, rows))
        if composed and scheduler.is_async and len(in_flight) < 2:
            continue
        if not composed and not in_flight and scheduler.preempted:
            continue  # nothing to run, but there is room now
        if in_flight:
            now, rows = in_flight.pop(0)
            scheduler.commit(rows, now)
        elif arrived < len(order):
            now = order[arrived].arrival_s
        else:
            break
    return {
        "first_token_s": [r.first_token_s for r in requests],
        "finish_s": [r.finish_s for r in requests],
        "cached_tokens": [r.cached_tokens for r in requests],
        "preemptions": [r.preemptions for r in requests],
        "steps": len(log),
        "step_log": log,
        "blocks_left": len(scheduler.pool.free),
    }
