"""Who waits, and who is next."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from heapq import heappop, heappush

from simulator.engine.request import Request


class FirstComeFirstServed:
    """In order of arrival; a preempted request goes back to the head."""

    def __init__(self) -> None:
        self._queue: deque[Request] = deque()
        self._gone: set[Request] = set()
        self.add = self._queue.append
        self.put_back = self._queue.appendleft
        self.pop = self._queue.popleft
        """Take the one that `head` has just named."""
        self.remove = self._gone.add
        """Take one out of the middle: it is passed over when its turn comes."""

    def head(self) -> Request:
        """The next one, still waiting."""
        queue = self._queue
        while queue[0] in self._gone:
            self._gone.remove(queue.popleft())
        return queue[0]

    def __len__(self) -> int:
        return len(self._queue) - len(self._gone)

    def __iter__(self) -> Iterator[Request]:
        return (request for request in self._queue if request not in self._gone)

    @staticmethod
    def victim(running: list[Request]) -> Request:
        """Who is preempted: the one admitted last."""
        return running[-1]


class ByPriority:
    """The smallest priority first, then order of arrival."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, float, int, Request]] = []
        self._gone: set[Request] = set()
        self.remove = self._gone.add
        """Take one out of the middle: it is passed over when its turn comes."""

    def add(self, request: Request) -> None:
        """Let the request wait."""
        heappush(self._heap, (request.priority, request.arrival_s, request.index, request))

    put_back = add

    def pop(self) -> Request:
        """Take the one that `head` has just named."""
        return heappop(self._heap)[-1]

    def head(self) -> Request:
        """The next one, still waiting."""
        heap = self._heap
        while heap[0][-1] in self._gone:
            self._gone.remove(heappop(heap)[-1])
        return heap[0][-1]

    def __len__(self) -> int:
        return len(self._heap) - len(self._gone)

    def __iter__(self) -> Iterator[Request]:
        entries = sorted(self._heap, key=lambda entry: entry[:3])
        return (entry[-1] for entry in entries if entry[-1] not in self._gone)

    @staticmethod
    def victim(running: list[Request]) -> Request:
        """Who is preempted: the largest (priority, arrival), the first of equals."""
        return max(running, key=lambda r: (r.priority, r.arrival_s))
