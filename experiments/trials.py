"""Trials of a search: run, told to optuna, laid in rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.cell import Outcome, Task, code_version
from experiments.executors import Executor
from experiments.grid import Point
from experiments.labels import shown
from experiments.load import draws
from experiments.store import Store
from experiments.sweep import run_cells

if TYPE_CHECKING:
    import optuna
    from optuna.trial import Trial

    from experiments.search import Search

__all__ = ["Runs", "Sample", "optuna_study", "tell"]

WORST = 1e9
"""Stands for how far an impossible trial is beyond a constraint."""
POPULATION = 16

Sample = dict[str, list[float]] | str
"""Values of each metric, one a run; or why there are none."""


class Runs:
    """Runs of points, each made once."""

    def __init__(self, search: Search, store: Store, execute: Executor, keep_here: bool) -> None:
        self.search, self.store, self.execute, self.keep_here = search, store, execute, keep_here
        self.outcomes: dict[str, Outcome] = {}
        self.run_now = 0

    @property
    def simulations(self) -> int:
        """Different runs so far."""
        return len(self.outcomes)

    def of(self, points: list[Point], count: int, first_seed: int = 0) -> list[Sample]:
        """For each point the metrics of `count` runs; of one, where the seed changes nothing."""
        tasks = [self._tasks(point, count, first_seed) for point in points]
        keyed = {task.key: task for mine in tasks for task in mine}
        self.run_now += run_cells(
            keyed, self.store, self.execute, self.outcomes, keep_here=self.keep_here
        )
        return [
            self._sample([task.key for task in mine]) if mine else point.error
            for point, mine in zip(points, tasks, strict=True)
        ]

    def _tasks(self, point: Point, count: int, first_seed: int) -> list[Task]:
        scenario = point.scenario
        if scenario is None:
            return []
        seeds = range(count) if draws(scenario) else range(1)
        return [
            Task(
                scenario.model_copy(update={"seed": scenario.seed + first_seed + i}),
                self.search.metrics,
                self.search.warm_up_s,
                code_version(),
                self.store.folder,
            )
            for i in seeds
        ]

    def _sample(self, keys: list[str]) -> Sample:
        mine = [self.outcomes[key] for key in keys]
        errors = [outcome.error for outcome in mine if outcome.error]
        if errors:
            return errors[0]
        return {name: [one.values[name] for one in mine] for name in self.search.metrics}


def optuna_study(search: Search) -> optuna.Study:
    """The study that chooses trials: TPE, or NSGA-II where there are several objectives."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    wanted = search.sampler
    several = len(search.objectives) > 1
    sampler: optuna.samplers.BaseSampler
    if wanted == "tpe" or (wanted == "auto" and not several):
        sampler = optuna.samplers.TPESampler(seed=search.search_seed)
    else:
        sampler = optuna.samplers.NSGAIISampler(
            seed=search.search_seed, population_size=min(POPULATION, max(2, search.trials // 3))
        )
    directions = [optuna.study.StudyDirection.MINIMIZE] * len(search.minimise)
    directions += [optuna.study.StudyDirection.MAXIMIZE] * len(search.maximise)
    return optuna.create_study(directions=directions, sampler=sampler)


def tell(
    search: Search, study: optuna.Study, trial: Trial, point: Point, sample: Sample
) -> dict[str, Any]:
    """Tell optuna how a trial went, and make its row."""
    from optuna.trial import TrialState

    at = {path: shown(value) for path, value in point.values.items()}
    row: dict[str, Any] = {"trial": trial.number, **at}
    means = {} if isinstance(sample, str) else {k: float(np.mean(v)) for k, v in sample.items()}
    unsaid = [name for name in search.objectives if not np.isfinite(means.get(name, np.nan))]
    error = sample if isinstance(sample, str) else ""
    if unsaid and not error:
        error = f"{unsaid[0]} cannot be said"
    excess = {c.metric: c.excess(means.get(c.metric, np.nan)) for c in search.constraints}
    if error:
        study.tell(trial, state=TrialState.FAIL)
    else:
        for name, beyond in excess.items():
            trial.set_constraint(name, min(beyond, WORST))
        study.tell(trial, [means[name] for name in search.objectives])
    feasible = not error and all(beyond <= 0 for beyond in excess.values())
    values = {name: means.get(name, np.nan) for name in search.metrics}
    return {**row, **values, "feasible": feasible, "error": error}
