"""The requests that compute one token in every step: one group, not a list to walk.

A member's computed tokens are the scheduler's step counter plus a constant, so a step moves the
whole group by moving the counter. Kept up to date: how many there are, the sum of their contexts,
how many stand at each place of their last block (who stands at its end needs a block), and who
finishes when.
"""

from __future__ import annotations

from heapq import heappop, heappush

from simulator.engine.request import Request


class DecodeGroup:
    """Members, all of which gain one token a step."""

    __slots__ = ("_entries", "at_place", "block_size", "finishes", "size", "sum_offsets")

    def __init__(self, block_size: int) -> None:
        self.block_size = block_size
        self.size = 0
        self.sum_offsets = 0
        self.at_place = [0] * block_size
        """Members by (offset mod block size)."""
        self.finishes: list[tuple[int, int, int, Request]] = []
        """Heap of (step of the last token, place in running, number, request); an entry whose
        number is not its request's own any more is stale."""
        self._entries = 0

    def join(self, request: Request, offset: int) -> None:
        """From now on ``request.computed`` is the step counter plus ``offset``."""
        request.in_group = True
        request.offset = offset
        self.size += 1
        self.sum_offsets += offset
        self.at_place[offset % self.block_size] += 1

    def leave(self, request: Request, step: int) -> None:
        """Back on its own, with its computed tokens as of ``step``."""
        request.in_group = False
        request.computed = step + request.offset
        self.size -= 1
        self.sum_offsets -= request.offset
        self.at_place[request.offset % self.block_size] -= 1

    def finish_at(self, request: Request, step: int) -> None:
        """The last token of the request is computed in ``step``, unless it is held up."""
        request.finish_step = step
        request.finish_entry = self._entries
        heappush(self.finishes, (step, request.order, self._entries, request))
        self._entries += 1

    def finished_by(self, step: int) -> list[Request]:
        """Requests whose last token is computed in ``step`` or before, in order of running."""
        finishes = self.finishes
        finished = []
        while finishes and finishes[0][0] <= step:
            entry = heappop(finishes)
            if self._holds(entry):
                finished.append(entry[-1])
        return finished

    def next_finish(self) -> int:
        """The first step in which somebody computes a last token; the group must not be empty."""
        finishes = self.finishes
        while not self._holds(finishes[0]):
            heappop(finishes)
        return finishes[0][0]

    @staticmethod
    def _holds(entry: tuple[int, int, int, Request]) -> bool:
        """Whether the request still finishes then: it has not been preempted or held up since."""
        _, _, number, request = entry
        return request.finish_entry == number and request.finish_step >= 0 and request.running

    def context(self, step: int) -> int:
        """Tokens computed before ``step``, summed over the members."""
        return self.size * step + self.sum_offsets

    def blocks_for(self, step: int) -> int:
        """Blocks the members need in ``step``: those who stand at the end of their last block."""
        return self.at_place[-step % self.block_size]

    def blocks_for_run(self, step: int, steps: int) -> int:
        """Blocks that the members need in ``steps`` steps from ``step`` on."""
        cycles, rest = divmod(steps, self.block_size)
        blocks = cycles * self.size
        for i in range(step, step + rest):
            blocks += self.at_place[-i % self.block_size]
        return blocks

    def steps_within(self, step: int, blocks: int, limit: int) -> int:
        """For how many steps from ``step`` on, at most ``limit``, so many free blocks suffice."""
        if self.size * (limit // self.block_size + 1) <= blocks:
            return limit
        cycles, left = divmod(blocks, self.size)
        steps = cycles * self.block_size
        while steps < limit:
            left -= self.at_place[-(step + steps) % self.block_size]
            if left < 0:
                return steps
            steps += 1
        return limit
