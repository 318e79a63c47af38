"""A run of any length in bounded memory: read ahead of the clock, told in chapters, forgotten."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from simpy.core import EmptySchedule

from simulator.fleet.company import Company, company_of
from simulator.record.chapter import Chapter
from simulator.scenario import Scenario
from simulator.simulate import version_here
from workloads.trace import Trace

__all__ = ["CHAPTER", "chapters"]

Progress = Callable[[float, int], None]

CHAPTER = 1 << 16
"""Requests that arrive in a chapter, about."""
EVENTS = 1 << 20
"""A chapter ends at the latest after so many events."""


def chapters(
    scenario: Scenario,
    pieces: Iterable[Trace] | None = None,
    progress: Progress | None = None,
    *,
    requests: int = CHAPTER,
) -> Iterator[Chapter]:
    """Serve traffic to the last token, as `simulator.simulate` does, and tell of it in chapters.

    The same events happen at the same instants. Memory holds the requests under way and those of a
    chapter, however many there are in all.

    Parameters
    ----------
    scenario : everything the run depends on.
    pieces : of the trace to serve instead of that of ``scenario.traffic``, on one clock.
    progress : called with the time so far [s] and the requests read, after each chapter.
    requests : that arrive in a chapter.

    Raises
    ------
    InputError
        As `simulator.simulate`, and for what needs the whole trace: closed loops, endpoints. What
        is wrong with a request is said when it is reached.
    """
    pieces = scenario.pieces() if pieces is None else pieces
    company = company_of(scenario, pieces, version_here(), requests)
    running = True
    while running:
        running = _play(company)
        end_s = company.clock.now if running else company.finish()
        chapter = company.teller.chapter(end_s, company.fleet(end_s), last=not running)
        if running:
            company.forget(chapter.ended.requests["request_id"].tolist())
        if progress is not None:
            progress(end_s, company.ahead.requests)
        yield chapter


def _play(company: Company) -> bool:
    """Let things happen until a chapter is due; whether the run goes on after it."""
    company.due = False
    step = company.clock.step
    try:
        for _ in range(EVENTS):
            step()
            if company.due:
                break
    except EmptySchedule:
        return False
    return not company.over()
