"""Extents do what single blocks do: same hits, same free blocks, evicted in the same order."""

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from simulator.engine.block_pool import BlockPool, Extent
from simulator.engine.prefix_cache import PrefixCache
from simulator.engine.request import Request
from tests.support.reference import ReferencePool, ReferenceRequest, ReferenceScheduler
from workloads.prompts import shared_paths
from workloads.trace import Trace

BLOCK_SIZE = 2
PROMPTS = st.lists(
    st.tuples(st.sampled_from("abcd"), st.integers(1, 9)).map(list), min_size=1, max_size=3
)


class ExtentsAgainstBlocks(RuleBasedStateMachine):
    """Requests come, compute chunks of their prompts, are preempted and leave, in any order."""

    @initialize(
        prompts=st.lists(PROMPTS, min_size=2, max_size=12),
        blocks=st.integers(8, 40),
        unhashed_first=st.booleans(),
    )
    def set_up(self, prompts: list[Any], blocks: int, unhashed_first: bool) -> None:
        rows = [{"arrival_s": 0.0, "prompt": prompt, "output_tokens": 1} for prompt in prompts]
        paths = shared_paths(Trace.from_requests(rows), BLOCK_SIZE)
        self.pool = BlockPool(blocks, unhashed_first=unhashed_first)
        self.cache = PrefixCache(self.pool, BLOCK_SIZE, lambda writer, reader: None)
        self.requests = [
            Request(i, 0.0, sum(n for _, n in prompt), 1, path=path)
            for i, (prompt, path) in enumerate(zip(prompts, paths, strict=True))
        ]
        version = "vllm-0.32.0" if unhashed_first else "vllm-0.15.1"
        engine = {"block_size": BLOCK_SIZE, "max_num_seqs": 9, "max_num_batched_tokens": 99}
        self.slow = ReferenceScheduler({**engine, "num_gpu_blocks": blocks}, version)
        self.twins = [
            ReferenceRequest(i, 0.0, [(name, at) for name, n in prompt for at in range(n)], 1)
            for i, prompt in enumerate(prompts)
        ]
        self.inside: set[int] = set()
        self.gone: set[int] = set()
        self.names: dict[tuple[Any, ...], tuple[int, int]] = {}
        for request, twin in zip(self.requests, self.twins, strict=True):
            start = 0
            for node, end in request.path:
                for block in range(start, end):
                    self.names[self.slow.key(twin, block)] = (node, block - start)
                start = end

    def _draw(self, data: st.DataObject, among: set[int]) -> int:
        return data.draw(st.sampled_from(sorted(among)))

    def _outside(self) -> set[int]:
        return set(range(len(self.requests))) - self.inside - self.gone

    def _compute(self, data: st.DataObject, i: int, hit: Any, found: list[Any]) -> bool:
        request, twin = self.requests[i], self.twins[i]
        cached = len(found) * BLOCK_SIZE
        left = request.prompt_tokens - request.computed - cached
        if not left:
            return False
        tokens = data.draw(st.integers(1, left))
        slots = request.computed + cached + tokens
        held = -(-request.computed // BLOCK_SIZE) + len(found)
        blocks = -(-slots // BLOCK_SIZE) - held
        fits = blocks + (hit.free_blocks if hit else 0) <= self.pool.free
        twin.computed = request.computed
        assert self.slow.allocate(twin, tokens, found) == fits
        if not fits:
            return False
        if hit and hit.blocks:
            self.cache.hold(request, hit)
        self.pool.take(blocks)
        request.computed = slots
        self.cache.register(request, slots)
        return True

    @precondition(lambda self: self._outside())
    @rule(data=st.data())
    def admit(self, data: st.DataObject) -> None:
        i = self._draw(data, self._outside())
        hit = self.cache.lookup(self.requests[i])
        found = self.slow.lookup(self.twins[i])
        assert hit.blocks == len(found)
        assert hit.free_blocks == sum(block.holders == 0 for block in found)
        if self._compute(data, i, hit, found):
            self.inside.add(i)

    @precondition(lambda self: self.inside)
    @rule(data=st.data())
    def next_chunk(self, data: st.DataObject) -> None:
        self._compute(data, self._draw(data, self.inside), None, [])

    def _leave(self, i: int) -> None:
        request = self.requests[i]
        self.cache.release(request, request.computed, request.computed)
        self.slow.release(self.twins[i])
        request.computed = self.twins[i].computed = 0
        self.inside.discard(i)

    @precondition(lambda self: self.inside)
    @rule(data=st.data())
    def preempt(self, data: st.DataObject) -> None:
        i = self._draw(data, self.inside)
        self.cache.keep_private(self.requests[i])
        start = self.requests[i].path[-2][1] if len(self.requests[i].path) > 1 else 0
        for block in range(start, self.requests[i].computed // BLOCK_SIZE):
            self.names[self.slow.key(self.twins[i], block)] = (-1 - i, block - start)
        self._leave(i)

    @precondition(lambda self: self.inside)
    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        i = self._draw(data, self.inside)
        self._leave(i)
        self.cache.finish(self.requests[i])
        self.gone.add(i)

    @precondition(lambda self: len(self.gone) == len(self.requests))
    @rule()
    def nobody_is_left(self) -> None:
        assert self.pool.free == self.pool.num_blocks

    def _told(self, name: tuple[int | None, int]) -> tuple[int, int] | None:
        """The name of a block, if anybody could still ask for it."""
        node, block = name
        if node is None or (node < 0 and -1 - node in self.gone):
            return None
        return node, block

    @invariant()
    def free_blocks_and_the_order_of_eviction_agree(self) -> None:
        pool: ReferencePool = self.slow.pool
        assert self.pool.free == len(pool.free)
        mine = [self._told(name) for name in self.pool.eviction_order()]
        theirs = [
            self._told(self.names.get(block.key, (None, -1)) if block.key else (None, -1))
            for block in pool.free.values()
        ]
        assert mine == theirs


ExtentsAgainstBlocks.TestCase.settings = settings(max_examples=150, stateful_step_count=40)
TestExtentsAgainstBlocks = ExtentsAgainstBlocks.TestCase


def test_a_name_that_was_dropped_can_be_used_again() -> None:
    pool = BlockPool(11)
    for attempt in range(2):  # two attempts at one request, both with blocks of its own name
        pool.take(4)
        own = Extent(-5, 0, 4, 1)
        pool.register(own)
        pool.let_go(own)
        if attempt == 0:
            pool.drop(-5)
    assert [node for node, _ in pool.eviction_order()] == [None] * 6 + [-5] * 4
    pool.take(6)
    assert pool.findable.keys() == {-5}
    pool.take(4)
    assert not pool.findable
