"""Size: the fewest replicas, and the cheapest GPUs, that keep a promise under a given traffic."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Any, NamedTuple, Self

from pydantic import Field, field_validator, model_validator

from experiments.cell import Task, code_version
from experiments.executors import executor
from experiments.experiment import Experiment
from experiments.fewest import Fewest, fewest
from experiments.frontier import Capacity, capacity
from experiments.grid import Axes, points, resolve
from experiments.judging import Answers, Ask, Patience, Verdict, drive, judge
from experiments.load import LEVELS, Level, Load, Simultaneous, draws, levels
from experiments.offers import cheapest
from experiments.sized import Sized
from experiments.statistics import LEVEL
from experiments.store import Store
from experiments.sweep import Progress
from experiments.targets import Targets
from experiments.unloaded import alone, cannot_be, service_rate
from hardware_profiles.errors import InputError
from hardware_profiles.offer import Mode
from hardware_profiles.profile import NotNegative
from hardware_profiles.value import Value
from simulator.scenario import Scenario

__all__ = ["Found", "Option", "Repeat", "Sizing", "size"]

CHOSEN_HERE = ("replicas", "offer", "seed")


class Repeat(Value):
    """How often a fleet is tried with other seeds before it is judged."""

    least: Annotated[int, Field(ge=2, le=1000)] = 2
    most: Annotated[int, Field(ge=2, le=1000)] = 8
    """Only what is close to a bound is repeated so often."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.least > self.most:
            raise InputError(f"least ({self.least}) is more than most ({self.most})")
        return self


class Sizing(Experiment):
    """What is promised, under what traffic, and what may be bought to keep it.

    ``base`` and ``set`` give the traffic and the model; of its number of replicas and its price
    nothing is used.
    """

    targets: Annotated[Targets, Field(min_length=1)]
    """Bounds on metrics: ``{ttft.p99: 0.5, goodput.share: {at_least: 0.99}}``."""
    options: Axes = ()
    """What may be bought, as the axes of a study: GPU, tensor_parallel_size, quantization, …"""
    levels: Annotated[tuple[Level, ...], Field(min_length=1)] = LEVELS
    """Loads to size for: the traffic as it comes; held at its mean, p95, p99 and peak of
    simultaneous requests."""
    headroom: Annotated[float, Field(ge=0, le=10)] = 0.2
    """More requests than that which the fleet must bear, as a share."""
    spare: Annotated[int, Field(ge=0, le=1000)] = 1
    """Replicas that may be out of order."""
    modes: Annotated[tuple[Mode, ...], Field(min_length=1)] = ("on_demand",)
    """Kinds of contract among which the cheapest is taken."""
    most_replicas: Annotated[int, Field(ge=1, le=10_000)] = 64
    repeat: Repeat = Repeat()
    confidence: Annotated[float, Field(gt=0, lt=1)] = LEVEL
    warm_up_s: NotNegative = 0.0
    frontier: bool = False
    """Find also the greatest rate that one replica of each option bears."""

    @field_validator("options", mode="after")
    @classmethod
    def _chosen_by_us(cls, options: Axes) -> Axes:
        for axis in options:
            for path in axis:
                if path in CHOSEN_HERE:
                    raise InputError(f"{path}: is chosen here, and is no option")
        points(options)
        return options

    @model_validator(mode="after")
    def _no_twins(self) -> Self:
        metrics = [target.metric for target in self.targets]
        if len(set(metrics)) < len(metrics) or len(set(self.levels)) < len(self.levels):
            raise InputError("targets and levels: one is named twice")
        return self

    @property
    def paths(self) -> tuple[str, ...]:
        """Everything that options differ by."""
        return tuple(path for axis in self.options for path in axis)


class Option(NamedTuple):
    """One thing that may be bought."""

    values: dict[str, Any]
    scenario: Scenario | None
    """With one replica and the cheapest offer."""
    why_not: str = ""


class Found(NamedTuple):
    """What is known of an option."""

    option: Option
    simultaneous: tuple[Simultaneous, ...] = ()
    fewest: tuple[Fewest, ...] = ()
    """For each level, then for each level with headroom."""
    frontier: Capacity | None = None


def size(
    sizing: Sizing,
    folder: Path | str,
    *,
    n_jobs: int = 1,
    cluster: str | None = None,
    progress: Progress | None = None,
) -> Sized:
    """Find the fewest replicas of each option, at each level, with headroom and spares.

    What does not fit the memory, or cannot keep a target even with every request alone, is told
    without a run. The rest is searched with runs whose number adapts to how close the answer is;
    they are kept in `folder`, so that a stopped search goes on where it was.

    Parameters
    ----------
    folder, n_jobs, cluster, progress : as for `experiments.sweep.run_study`.

    Raises
    ------
    InputError
        If the question makes no sense, or a run breaks down.
    """
    store = Store(Path(folder) / "cells").open()
    answers = Answers(store, executor(n_jobs, cluster), keep_here=cluster is not None)
    options = _options(sizing)
    questions = [_question(sizing, option, store.folder) for option in options]
    found = drive(questions, answers, progress)
    return Sized(sizing, found, answers.simulations, answers.run_now)


def _options(sizing: Sizing) -> list[Option]:
    """Each option with its scenario, or why it cannot be: the memory is asked here."""
    options = []
    for point in resolve(sizing.base, sizing.set, sizing.options, sizing.modes):
        if point.scenario is None:
            options.append(Option(point.values, None, point.error))
            continue
        try:
            offer = point.scenario.offer
            if "offer" not in sizing.set:
                offer = cheapest(point.scenario.gpu, sizing.modes)
            scenario = point.scenario.model_copy(update={"replicas": 1, "offer": offer})
            scenario.num_gpu_blocks()
        except InputError as error:
            options.append(Option(point.values, None, str(error)))
        else:
            options.append(Option(point.values, scenario))
    return options


class _CannotBe(Exception):
    """No number of replicas of an option will do."""


def _question(sizing: Sizing, option: Option, folder: Path) -> Ask[Found]:
    """Everything that is asked of one option."""
    if option.scenario is None:
        return Found(option)
    scenario = option.scenario
    trace = scenario.trace()
    for target in sizing.targets:
        if why_not := cannot_be(scenario, trace, target):
            return Found(Option(option.values, None, why_not))
    at = levels(trace, alone(scenario, trace).e2e_s, sizing.levels)
    loads = [one.load for one in at]
    if sizing.headroom:
        loads += [load.faster(1 + sizing.headroom) for load in loads]
    bounds = {target.metric.partition(".")[0]: target.at_most for target in sizing.targets}
    guess = service_rate(scenario, trace, bounds.get("tpot"))
    own = (len(trace) - 1) / float(trace.arrival_s[-1] - trace.arrival_s[0])
    probe = partial(_probe, sizing, scenario, folder)
    try:
        answer = yield from fewest(
            probe, loads, lambda load: _rate(load, own), sizing.most_replicas, guess
        )
        frontier = None
        if sizing.frontier:
            frontier = yield from capacity(
                lambda rate: probe(1, Load("frontier", rate_per_s=rate)), guess
            )
    except _CannotBe as why_not:
        return Found(Option(option.values, None, str(why_not)))
    return Found(option, tuple(at), tuple(answer), frontier)


def _rate(load: Load, own_per_s: float) -> float:
    """Requests a second of a load."""
    return load.rate_scale * (own_per_s if load.rate_per_s is None else load.rate_per_s)


def _probe(
    sizing: Sizing, scenario: Scenario, folder: Path, replicas: int, load: Load
) -> Ask[Verdict]:
    """Whether so many replicas keep the targets under a load."""
    patience = Patience(sizing.repeat.least, sizing.repeat.most, sizing.confidence)
    if load.rate_per_s is None and not draws(scenario):
        patience = Patience(1, 1, sizing.confidence)

    def task(replication: int) -> Task:
        changes = {"replicas": replicas, "seed": scenario.seed + replication}
        metrics = tuple(target.metric for target in sizing.targets)
        tried = scenario.model_copy(update=changes)
        return Task(tried, metrics, sizing.warm_up_s, code_version(), folder, load)

    verdict = yield from judge(task, sizing.targets, patience)
    if verdict.error:
        raise _CannotBe(verdict.error)
    return verdict
