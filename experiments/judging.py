"""Whether targets are kept, asked of as many runs as it takes to be sure."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from experiments.cell import Outcome, Task
from experiments.executors import Executor
from experiments.statistics import LEVEL, Interval, mean_interval
from experiments.store import Store
from experiments.sweep import Progress, run_cells
from experiments.targets import Target
from hardware_profiles.errors import InputError

__all__ = ["Answers", "Ask", "Patience", "Verdict", "drive", "judge"]

T = TypeVar("T")
Ask = Generator[list[Task], Mapping[str, Outcome], T]
"""A question that asks for runs, is handed their outcomes by key, and returns its answer. So many
questions can share one round of runs."""


class Patience(NamedTuple):
    """How often to repeat a run before deciding; once, where the seed changes nothing."""

    least: int = 2
    most: int = 8
    level: float = LEVEL


PATIENCE = Patience()


class Verdict(NamedTuple):
    """Whether every target was kept."""

    meets: bool
    sure: bool
    """Whether the intervals leave no doubt; if not, the means decided."""
    n: int
    """Runs it rests on."""
    values: dict[str, float]
    """Mean of each target's metric; empty if the run failed."""
    error: str = ""


def judge(
    task: Callable[[int], Task], targets: Sequence[Target], patience: Patience = PATIENCE
) -> Ask[Verdict]:
    """Decide with few runs what is clear, with more what is close.

    Runs are added until the interval of every metric lies within its bound, or that of one lies
    beyond it, or there are as many as patience allows. A run that cannot be (a request larger than
    the cache, say) keeps no target.

    Parameters
    ----------
    task : the run of replication 0, 1, 2, …; two questions that use the same seeds meet the same
        traffic.

    Raises
    ------
    InputError
        If a run broke down, which says nothing of the targets.
    """
    keys: list[str] = []
    outcomes: dict[str, Outcome] = {}
    wanted = patience.least
    while True:
        tasks = [task(i) for i in range(len(keys), wanted)]
        fresh = [one.key for one in tasks]
        found = yield tasks
        outcomes |= {key: found[key] for key in fresh}
        keys += fresh
        failed = [outcomes[key] for key in keys if outcomes[key].error]
        if failed and not failed[0].final:
            raise InputError(f"a run broke down: {failed[0].error}")
        if failed:
            return Verdict(False, True, len(keys), {}, failed[0].error)
        intervals = {
            target.metric: _interval(
                [outcomes[key].values[target.metric] for key in keys], patience.level
            )
            for target in targets
        }
        clear = _clear(intervals, targets)
        if clear is not None or len(keys) >= patience.most:
            values = {metric: interval.estimate for metric, interval in intervals.items()}
            kept = all(target.excess(values[target.metric]) <= 0 for target in targets)
            sure = clear is not None or patience.most == 1
            return Verdict(kept if clear is None else clear, sure, len(keys), values)
        wanted = min(len(keys) + 2, patience.most)


def _interval(values: list[float], level: float) -> Interval:
    """Student's interval, its lower end raised to that of the geometric mean where that is higher.

    Under overload latencies differ by factors between runs, and an interval that is as wide below
    as above would reach down to zero though each run is far beyond its bound. The geometric mean
    is never above the mean, so what lies surely below it lies surely below the mean. Each end is
    still wrong at most one time in twenty, at 95 %.
    """
    found = mean_interval(values, level)
    if len(values) < 2 or not all(value > 0 and math.isfinite(value) for value in values):
        return found
    low = math.exp(mean_interval([math.log(value) for value in values], level).low)
    return found._replace(low=max(found.low, min(low, found.estimate)))


def _clear(intervals: Mapping[str, Interval], targets: Sequence[Target]) -> bool | None:
    """Whether the intervals leave no doubt, and what they say."""
    ends = {
        target: [target.excess(bound) for bound in intervals[target.metric][1:3]]
        for target in targets
    }
    if any(min(excess) > 0 for excess in ends.values()):
        return False
    return True if all(max(excess) <= 0 for excess in ends.values()) else None


@dataclass
class Answers:
    """Runs shared by questions: where they are kept, how they are made, how many it took."""

    store: Store
    execute: Executor
    keep_here: bool = False
    """Whether workers do not see the store."""
    simulations: int = 0
    """Different runs that were needed, whether they were made now or before."""
    run_now: int = 0


def drive(
    questions: Sequence[Ask[T]], answers: Answers, progress: Progress | None = None
) -> list[T]:
    """Put questions side by side until each has its answer; in each round all runs go together."""
    outcomes: dict[str, Outcome] = {}
    done: dict[int, T] = {}
    handed: Mapping[str, Outcome] | None = None
    while len(done) < len(questions):
        tasks: dict[str, Task] = {}
        for number, question in enumerate(questions):
            if number in done:
                continue
            try:
                asked = next(question) if handed is None else question.send(handed)
                tasks |= {task.key: task for task in asked}
            except StopIteration as answered:
                done[number] = answered.value
        new = {key: task for key, task in tasks.items() if key not in outcomes}
        answers.simulations += len(new)
        answers.run_now += run_cells(
            new, answers.store, answers.execute, outcomes, keep_here=answers.keep_here
        )
        handed = outcomes
        if progress is not None:
            progress(len(done) / len(questions))
    return [done[number] for number in range(len(questions))]
