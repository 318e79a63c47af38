"""Paged KV memory: equal blocks, given out from the left of a queue and given back at its right.

Blocks are anonymous until somebody could find them by their hash, so the free queue is a sequence
of *extents*: runs of anonymous blocks, of which only the number counts, and runs of named blocks,
which belong to a node of the prefix tree. Taking and giving back cost an extent, not a block, and
the order of eviction is exactly that of a queue of single blocks.
"""

from __future__ import annotations


class Extent:
    """Blocks ``lo … hi`` of one node, with the same holders; or ``hi - lo`` anonymous free blocks.

    In the free queue the blocks of an extent leave in the order hi-1, …, lo: a request gives its
    blocks back in reverse, so that tails are evicted before the prefixes they depend on.
    """

    __slots__ = ("after", "before", "hi", "holders", "lo", "node", "rest")

    def __init__(self, node: int | None, lo: int, hi: int, holders: int) -> None:
        self.node = node
        self.lo = lo
        self.hi = hi
        self.holders = holders
        self.before: Extent = self
        self.after: Extent = self
        self.rest: Extent | None = None
        """What was split off at ``hi``; whoever held the whole holds the rest too."""

    def __repr__(self) -> str:
        return f"Extent({self.node}, {self.lo}:{self.hi}, holders={self.holders})"


class BlockPool:
    """The free queue and the map from a node to its findable extents, first registered first.

    Parameters
    ----------
    num_gpu_blocks : blocks of KV memory; one of them, the null block, is never given out.
    unhashed_first : freed blocks without a hash go to the front of the queue (vLLM 0.32).
    """

    def __init__(self, num_gpu_blocks: int, *, unhashed_first: bool = False) -> None:
        self.num_blocks = num_gpu_blocks - 1
        self.free = self.num_blocks
        self.unhashed_first = unhashed_first
        self.findable: dict[int, list[Extent]] = {}
        self._ends = Extent(
            None, 0, 0, 0
        )  # a ring: ends.after is the left end, ends.before the right
        if self.num_blocks:
            self._append_anonymous(self.num_blocks)

    # -- taking and giving back -------------------------------------------------------------------

    def take(self, blocks: int) -> None:
        """Take ``blocks`` from the left; named ones among them can no longer be found."""
        self.free -= blocks
        assert self.free >= 0, "more blocks taken than were free"
        while blocks:
            first = self._ends.after
            size = first.hi - first.lo
            if size > blocks:
                first.hi -= blocks
                return
            blocks -= size
            self._unlink(first)
            if first.node is not None:
                self.forget(first)

    def give_back_anonymous(self, blocks: int, unhashed: int) -> None:
        """Give back blocks that nobody can find; the last ``unhashed`` of them never had a hash."""
        self.free += blocks
        assert self.free <= self.num_blocks, "more blocks given back than were taken"
        if self.unhashed_first and unhashed:
            self._prepend_anonymous(unhashed)
            blocks -= unhashed
        if blocks:
            self._append_anonymous(blocks)

    def hold(self, extent: Extent) -> None:
        """One more holder; a free extent leaves the free queue."""
        if extent.holders == 0:
            self._unlink(extent)
            self.free -= extent.hi - extent.lo
        extent.holders += 1

    def let_go(self, extent: Extent) -> None:
        """One holder less; an extent that nobody holds joins the free queue at the right."""
        extent.holders -= 1
        if extent.holders == 0:
            self.free += extent.hi - extent.lo
            assert self.free <= self.num_blocks, "more blocks given back than were taken"
            self._link_before(self._ends, extent)

    # -- names -------------------------------------------------------------------------------------

    def register(self, extent: Extent) -> None:
        """From now on the extent's blocks can be found."""
        assert extent.node is not None
        self.findable.setdefault(extent.node, []).append(extent)

    def forget(self, extent: Extent) -> None:
        """The extent's blocks can no longer be found."""
        assert extent.node is not None
        extents = self.findable[extent.node]
        if len(extents) == 1:
            del self.findable[extent.node]
        else:
            extents.remove(extent)

    def drop(self, node: int) -> None:
        """Nobody will ever ask for the node's blocks again: they are as anonymous as others.

        Another attempt at the same request may use the name anew, for other blocks.
        """
        for extent in self.findable.pop(node, ()):
            extent.node = None

    def split(self, extent: Extent, at: int) -> Extent:
        """Cut an extent in two at block ``at``; the second part is returned."""
        assert extent.node is not None
        rest = Extent(extent.node, at, extent.hi, extent.holders)
        rest.rest, extent.rest = extent.rest, rest
        extent.hi = at
        extents = self.findable[extent.node]
        extents.insert(extents.index(extent) + 1, rest)
        if extent.holders == 0:
            self._link_before(extent, rest)  # the tail is evicted first
        return rest

    # -- the ring ----------------------------------------------------------------------------------

    def _append_anonymous(self, blocks: int) -> None:
        last = self._ends.before
        if last.node is None and last is not self._ends:
            last.hi += blocks
        else:
            self._link_before(self._ends, Extent(None, 0, blocks, 0))

    def _prepend_anonymous(self, blocks: int) -> None:
        first = self._ends.after
        if first.node is None and first is not self._ends:
            first.hi += blocks
        else:
            self._link_before(first, Extent(None, 0, blocks, 0))

    @staticmethod
    def _link_before(place: Extent, extent: Extent) -> None:
        extent.before, extent.after = place.before, place
        place.before.after = extent
        place.before = extent

    @staticmethod
    def _unlink(extent: Extent) -> None:
        extent.before.after = extent.after
        extent.after.before = extent.before

    def eviction_order(self) -> list[tuple[int | None, int]]:
        """The free queue block by block, as (node, block), for tests and for the curious."""
        order: list[tuple[int | None, int]] = []
        extent = self._ends.after
        while extent is not self._ends:
            blocks = range(extent.hi - 1, extent.lo - 1, -1)
            order += [(extent.node, -1 if extent.node is None else block) for block in blocks]
            extent = extent.after
        return order
