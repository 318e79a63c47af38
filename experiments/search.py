"""Search: settings of engine, fleet and policies that are best, or best in several ways at once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from experiments.executors import executor
from experiments.experiment import Experiment
from experiments.grid import Point, make_point
from experiments.labels import shown
from experiments.load import draws
from experiments.measures import check_names
from experiments.search_space import Choice, Space, suggest
from experiments.searched import Searched, front
from experiments.statistics import LEVEL, Interval, mean_interval
from experiments.store import Store
from experiments.sweep import Progress
from experiments.targets import Targets
from experiments.trials import Runs, optuna_study, tell
from hardware_profiles.errors import InputError
from hardware_profiles.offer import Mode
from hardware_profiles.profile import NotNegative

__all__ = ["Search", "run_search"]

FRESH = 1_000_003
"""Seeds of the confirming runs lie so far from those of the search."""


class Search(Experiment):
    """What may be chosen, what is to be small or large, and what must hold."""

    space: Space
    """Ranges and choices by path: ``{engine.max_num_seqs: {low: 8, high: 512, log: true}}``."""
    minimise: tuple[str, ...] = ()
    maximise: tuple[str, ...] = ()
    """Metrics; several of both together give a front instead of one answer."""
    constraints: Targets = ()
    """Bounds on metrics that an answer must keep."""
    trials: Annotated[int, Field(ge=1, le=100_000)] = 60
    replications: Annotated[int, Field(ge=1, le=1000)] = 2
    """Runs of a trial, with the same seeds in every trial."""
    confirm: Annotated[int, Field(ge=0, le=1000)] = 5
    """Runs of each answer with seeds that the search has not seen. The best of many trials is in
    part the luckiest, so what it is said to give comes from these."""
    sampler: Literal["auto", "tpe", "nsga2"] = "auto"
    """auto: TPE for one objective, NSGA-II for several."""
    batch: Annotated[int, Field(ge=1, le=4096)] = 8
    """Trials that are chosen, and run, together."""
    modes: Annotated[tuple[Mode, ...], Field(min_length=1)] = ("on_demand",)
    """Kinds of contract among which each GPU's cheapest is taken, where the GPU is searched."""
    warm_up_s: NotNegative = 0.0
    search_seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    """Of the choices; the same seed makes the same trials."""
    confidence: Annotated[float, Field(gt=0, lt=1)] = LEVEL

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if not self.objectives:
            raise InputError("say what to minimise or to maximise")
        check_names(self.objectives)
        if len(set(self.objectives)) < len(self.objectives):
            raise InputError("minimise and maximise: a metric is named twice")
        return self

    @property
    def objectives(self) -> tuple[str, ...]:
        """Metrics to be small, then those to be large."""
        return (*self.minimise, *self.maximise)

    @property
    def metrics(self) -> tuple[str, ...]:
        """Objectives and constrained metrics, each once."""
        return tuple(dict.fromkeys([*self.objectives, *(c.metric for c in self.constraints)]))


def run_search(
    search: Search,
    folder: Path | str,
    *,
    n_jobs: int = 1,
    cluster: str | None = None,
    progress: Progress | None = None,
) -> Searched:
    """Make the trials of a search, and confirm the best of them with fresh seeds.

    Runs are kept in `folder`; the same search asked again makes the same trials and runs nothing.

    Parameters
    ----------
    folder, n_jobs, cluster, progress : as for `experiments.sweep.run_study`.

    Raises
    ------
    InputError
        If the search makes no sense, or every trial fails.
    """
    store = Store(Path(folder) / "cells").open()
    runs = Runs(search, store, executor(n_jobs, cluster), keep_here=cluster is not None)
    _check_space(search)
    study = optuna_study(search)
    rows: list[dict[str, Any]] = []
    points: list[Point] = []
    while len(rows) < search.trials:
        asked = [study.ask() for _ in range(min(search.batch, search.trials - len(rows)))]
        new = [_point(search, suggest(trial, search.space)) for trial in asked]
        samples = runs.of(new, search.replications)
        points += new
        for trial, point, sample in zip(asked, new, samples, strict=True):
            rows.append(tell(search, study, trial, point, sample))
            if progress is not None:
                progress(len(rows) / search.trials)
    trials = pd.DataFrame(rows)
    if (trials["error"] != "").all():
        raise InputError(f"every trial failed; the first: {trials['error'].iloc[0]}")
    trials["front"] = _front(search, trials)
    answers = trials.index[trials["front"]].tolist()
    best = _confirmed(search, runs, points, answers)
    return Searched(search, trials, best, runs.simulations, runs.run_now)


def _front(search: Search, trials: pd.DataFrame) -> pd.Series[bool]:
    """Which trials are answers; of trials with the same values the first."""
    on = pd.Series(False, index=trials.index)
    mine = trials[trials["feasible"]].drop_duplicates(list(search.space))
    if len(mine):
        values = mine[list(search.objectives)].to_numpy(np.float64)
        answers = front(values, len(search.maximise))
        if len(search.objectives) == 1:  # of equals the first
            answers = np.arange(len(mine)) == np.flatnonzero(answers)[0]
        on[mine.index[answers]] = True
    return on


def _confirmed(search: Search, runs: Runs, points: list[Point], answers: list[int]) -> pd.DataFrame:
    """What the answers give with fresh seeds, in order of the first objective."""
    mine = [points[number] for number in answers]
    count, first = (search.confirm, FRESH) if search.confirm else (search.replications, 0)
    rows = []
    for number, point, sample in zip(answers, mine, runs.of(mine, count, first), strict=True):
        found: dict[str, Interval] = {}
        if not isinstance(sample, str):
            found = {k: mean_interval(v, search.confidence) for k, v in sample.items()}
        keeps = bool(found) and all(
            c.excess(found[c.metric].estimate) <= 0 for c in search.constraints
        )
        row: dict[str, Any] = {"trial": number}
        row |= {path: shown(value) for path, value in point.values.items()}
        for name, interval in found.items():
            row |= {name: interval.estimate, f"{name} low": interval.low}
            row |= {f"{name} high": interval.high}
        rows.append({**row, "runs": count if draws_of(point) else 1, "keeps": keeps})
    if not rows:
        columns = ["trial", *search.space, *search.metrics, "runs", "keeps", "stays"]
        return pd.DataFrame(columns=columns)
    table = pd.DataFrame(rows).sort_values(search.objectives[0], ignore_index=True)
    return table.assign(stays=_stays(search, table))


def _stays(search: Search, answers: pd.DataFrame) -> pd.Series[bool]:
    """Which answers are answers still: they keep the constraints, and no other beats them."""
    stays = answers["keeps"].copy()
    values = answers.loc[stays, list(search.objectives)].to_numpy(np.float64)
    if len(values):
        stays[stays] = front(values, len(search.maximise))
    return stays


def draws_of(point: Point) -> bool:
    """Whether the seed changes anything at a point."""
    return point.scenario is not None and draws(point.scenario)


def _point(search: Search, values: dict[str, Any]) -> Point:
    return make_point(search.base, search.set, values, search.modes)


def _check_space(search: Search) -> None:
    """Refuse a path that makes no scenario with any of its values: it is misspelt."""
    search.scenario()
    for path, one in search.space.items():
        tried = one.values if isinstance(one, Choice) else (one.low, one.high)
        found = [_point(search, {path: value}) for value in tried]
        if all(point.scenario is None for point in found):
            raise InputError(f"space: {path}: {found[0].error}")
