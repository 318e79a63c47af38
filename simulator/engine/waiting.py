"""Who waits, and who is next."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from heapq import heapify, heappop, heappush

from simulator.engine.request import Request


class FirstComeFirstServed:
    """In order of arrival; a preempted request goes back to the head."""

    def __init__(self) -> None:
        self._queue: deque[Request] = deque()
        self.add = self._queue.append
        self.put_back = self._queue.appendleft
        self.pop = self._queue.popleft
        self.remove = self._queue.remove

    def head(self) -> Request:
        """The next one, still waiting."""
        return self._queue[0]

    def __len__(self) -> int:
        return len(self._queue)

    def __iter__(self) -> Iterator[Request]:
        return iter(self._queue)

    @staticmethod
    def victim(running: list[Request]) -> Request:
        """Who is preempted: the one admitted last."""
        return running[-1]


class ByPriority:
    """The smallest priority first, then order of arrival."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, float, int, Request]] = []

    def add(self, request: Request) -> None:
        """Let the request wait."""
        heappush(self._heap, (request.priority, request.arrival_s, request.index, request))

    put_back = add

    def pop(self) -> Request:
        """Take the next one."""
        return heappop(self._heap)[-1]

    def remove(self, request: Request) -> None:
        """Take one out of the middle."""
        self._heap = [entry for entry in self._heap if entry[-1] is not request]
        heapify(self._heap)

    def head(self) -> Request:
        """The next one, still waiting."""
        return self._heap[0][-1]

    def __len__(self) -> int:
        return len(self._heap)

    def __iter__(self) -> Iterator[Request]:
        return (entry[-1] for entry in sorted(self._heap, key=lambda entry: entry[:3]))

    @staticmethod
    def victim(running: list[Request]) -> Request:
        """Who is preempted: the largest (priority, arrival), the first of equals."""
        return max(running, key=lambda r: (r.priority, r.arrival_s))
