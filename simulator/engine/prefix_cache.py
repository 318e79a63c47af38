"""Prefix caching: full blocks are found by what they hold, and need not be computed again.

A prompt's findable prefix is a path of nodes (`workloads.prompts`), each a run of blocks that the
same requests share. Only such blocks have names; what no other request could ever ask for stays
anonymous.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from simulator.engine.block_pool import BlockPool, Extent
from simulator.engine.request import Path, Request

ENDLESS = 1 << 60


class Hit(NamedTuple):
    """What of a request's prompt is in the cache."""

    pieces: tuple[tuple[Extent, int, int], ...]
    """(extent, first block, last block + 1), in prompt order, blocks counted within the node."""
    blocks: int
    free_blocks: int
    """Those of ``blocks`` that nobody holds: to use them takes them from the free queue."""
    volatile: bool
    """True if a request that is generating just now may extend the hit without any other event."""


NO_HIT = Hit((), 0, 0, False)


class NoCache:
    """Prefix caching off: no block has a hash, nothing is ever found."""

    def __init__(self, pool: BlockPool, block_size: int) -> None:
        self.pool = pool
        self.block_size = block_size

    def lookup(self, request: Request) -> Hit:
        """Nothing."""
        return NO_HIT

    def matched(self, path: Path) -> int:
        """No blocks."""
        return 0

    def hold(self, request: Request, hit: Hit) -> None:
        """Nothing was hit."""

    def register(self, request: Request, tokens: int) -> None:
        """Nothing becomes findable."""

    def watch(self, request: Request) -> None:
        """Nobody can find what the request will generate."""

    def keep_private(self, request: Request) -> None:
        """A preempted request finds nothing when it comes back."""

    def leave(self, request: Request, findable: int) -> None:
        """The request has finished, and its blocks stay taken."""

    def release(self, request: Request, slots: int, findable: int) -> None:
        """Give back the blocks of ``slots`` tokens."""
        blocks = -(-slots // self.block_size)
        if blocks:
            self.pool.give_back_anonymous(blocks, blocks)

    def finish(self, request: Request) -> None:
        """Nothing to forget."""


class PrefixCache(NoCache):
    """Prefix caching on."""

    def __init__(
        self, pool: BlockPool, block_size: int, catch_up: Callable[[Request, Request], None]
    ) -> None:
        super().__init__(pool, block_size)
        self.catch_up = catch_up
        """Registers what the first request has generated before the second has its turn."""
        self.writers: dict[int, Request] = {}
        """Nodes that hold output, with the request that is generating it."""

    def lookup(self, request: Request) -> Hit:
        """The longest prefix of full blocks in the cache, at most ``known - 1`` tokens."""
        limit = (request.known - 1) // self.block_size
        findable = self.pool.findable
        pieces: list[tuple[Extent, int, int]] = []
        start = free_blocks = 0
        volatile = False
        for node, end in request.path:
            if self.writers and node in self.writers:
                self.catch_up(self.writers[node], request)
                volatile = True
            extents = findable.get(node)
            if extents is None:
                break
            want = min(end, limit) - start
            found = 0
            while found < want:
                piece = _first_registered(extents, found, want)
                if piece is None:
                    break
                extent, lo, hi = piece
                pieces.append(piece)
                if extent.holders == 0:
                    free_blocks += hi - lo
                found = hi
            start += found
            if start < end:
                break
        if not pieces:
            return Hit((), 0, 0, volatile)
        return Hit(tuple(pieces), start, free_blocks, volatile)

    def matched(self, path: Path) -> int:
        """Blocks of a prompt that could be found now, as a router may ask.

        Blocks that somebody is generating count once they have been registered.
        """
        findable = self.pool.findable
        start = 0
        for node, end in path:
            extents = findable.get(node)
            if extents is None:
                break
            want, found = end - start, 0
            while found < want:
                piece = _first_registered(extents, found, want)
                if piece is None:
                    return start + found
                found = piece[2]
            start = end
        return start

    def hold(self, request: Request, hit: Hit) -> None:
        """The request becomes a holder of every block that it hit."""
        pool = self.pool
        for extent, lo, hi in hit.pieces:
            part = extent
            while part.hi <= lo:  # an earlier piece of this hit has split it
                assert part.rest is not None, "a hit reaches past its extent"
                part = part.rest
            if lo > part.lo:
                part = pool.split(part, lo)
            if hi < part.hi:
                pool.split(part, hi)
            pool.hold(part)
            request.holding.append((part, hi))
        request.named_blocks = hit.blocks

    def register(self, request: Request, tokens: int) -> None:
        """The request's full blocks among its first ``tokens`` tokens become findable."""
        named, full = request.named_blocks, tokens // self.block_size
        if not request.path or full <= named or named >= request.path[-1][1]:
            return
        start = 0
        for node, end in request.path:
            if named < end:
                hi = min(full, end)
                writer = self.writers.get(node)
                if writer is not None and writer is not request:
                    self.catch_up(writer, request)  # of equal blocks the first registered is found
                extent = Extent(node, named - start, hi - start, 1)
                self.pool.register(extent)
                request.holding.append((extent, hi - start))
                named = hi
                if hi == full:
                    break
            start = end
        request.named_blocks = named

    def watch(self, request: Request) -> None:
        """The request will generate what others may ask for: remember who writes those nodes."""
        for node, end in request.path:
            if end > request.named_blocks and node >= 0:
                self.writers[node] = request

    def keep_private(self, request: Request) -> None:
        """A preempted request may find its own blocks again: from now on all of them have names."""
        if not request.is_private:
            request.is_private = True
            request.path = (*request.path, (-1 - request.index, ENDLESS))

    def leave(self, request: Request, findable: int) -> None:
        """The request has finished, and its blocks stay taken; those full have a hash."""
        self.register(request, findable)
        if self.writers:
            self._unwatch(request)

    def release(self, request: Request, slots: int, findable: int) -> None:
        """Give back the blocks of ``slots`` tokens; those full with ``findable`` have a hash."""
        self.leave(request, findable)
        named = request.named_blocks
        blocks = -(-slots // self.block_size)
        if blocks > named:
            hashed = max(findable // self.block_size, named)
            self.pool.give_back_anonymous(blocks - named, blocks - hashed)
        if named:
            self._let_go(request)

    def finish(self, request: Request) -> None:
        """What only the request itself could find, nobody can find any more."""
        if request.is_private:
            self.pool.drop(-1 - request.index)

    def _let_go(self, request: Request) -> None:
        let_go = self.pool.let_go
        for extent, hi in reversed(request.holding):
            if extent.hi == hi:
                let_go(extent)
            else:
                for part in reversed(_parts(extent, hi)):
                    let_go(part)
        request.holding = []
        request.named_blocks = 0

    def _unwatch(self, request: Request) -> None:
        for node, _ in request.path:
            if self.writers.get(node) is request:
                del self.writers[node]


def _first_registered(
    extents: list[Extent], block: int, want: int
) -> tuple[Extent, int, int] | None:
    """The copy of ``block`` registered first, and how far, up to ``want``, it is the first."""
    end = want
    for extent in extents:
        if extent.lo <= block < extent.hi:
            return extent, block, min(end, extent.hi)
        if block < extent.lo < end:
            end = extent.lo
    return None


def _parts(extent: Extent, hi: int) -> list[Extent]:
    """The extents that a hold on ``extent`` up to block ``hi`` consists of since it was split."""
    parts = [extent]
    while extent.hi < hi:
        assert extent.rest is not None, "a hold reaches past its extents"
        extent = extent.rest
        parts.append(extent)
    return parts
