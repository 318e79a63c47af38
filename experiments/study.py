"""Study: a scenario, what is varied in it, how often each is repeated, and what is measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from experiments.experiment import Experiment
from experiments.grid import Axes, Point, points, resolve
from experiments.load import draws
from experiments.measures import check_names
from experiments.statistics import LEVEL
from hardware_profiles.errors import InputError, did_you_mean
from hardware_profiles.profile import NotNegative, Positive, Text
from hardware_profiles.value import Value

__all__ = ["Picture", "Study", "Until"]

Replications = Annotated[int, Field(ge=1, le=10_000)]
Level = Annotated[float, Field(gt=0, lt=1)]


class Until(Value):
    """Replicate each point until the interval on one metric is narrow enough."""

    metric: Text
    relative: Positive | None = None
    """Half the interval's width wanted, as a share of the mean; or"""
    half_width: Positive | None = None
    """wanted in the metric's own unit."""
    least: Annotated[int, Field(ge=2, le=10_000)] = 8
    most: Replications = 50
    """Give up after so many."""

    @model_validator(mode="after")
    def _one_width(self) -> Self:
        if (self.relative is None) == (self.half_width is None):
            raise InputError("give either relative or half_width")
        if self.least > self.most:
            raise InputError(f"least ({self.least}) is more than most ({self.most})")
        return self


class Picture(Value):
    """What is drawn of a study: metrics over one axis, a line for each value of another."""

    x: Text
    y: Annotated[tuple[str, ...], Field(min_length=1, max_length=12)]
    by: Text | None = None
    log_x: bool = False
    log_y: tuple[str, ...] = ()
    """Metrics drawn on a logarithmic scale."""
    knee: tuple[str, ...] = ()
    """Metrics whose knee over x is marked, and told: where more begins to help less."""


class Study(Experiment):
    """A design of experiments. ``experiments.sweep.run_study`` carries it out.

    Replication i of every point has the seed of the base plus i, so that all points meet the same
    traffic and differ by what is varied alone (common random numbers).
    """

    axes: Axes = ()
    """Values by path. Paths of one axis move together; axes are crossed, the last moves fastest."""
    replications: Replications | Until = 5
    warm_up_s: NotNegative | Literal["mser"] = 0.0
    """Left out of what users see: requests that arrive before; ``mser`` finds it for each run."""
    metrics: Annotated[tuple[str, ...], Field(min_length=1)]
    """Names as in `experiments.measures`: ``ttft.p99``, ``bill.usd_per_good_request``."""
    level: Level = LEVEL
    """Confidence of the intervals."""
    baseline: dict[str, Any] | None = None
    """A value of one axis, ``{path: value}``, that the others are compared with in pairs."""
    picture: Picture | None = None

    @field_validator("replications", mode="before")
    @classmethod
    def _until(cls, wanted: Any) -> Any:
        # Parsed here, because pydantic would only say that a mapping is no number.
        return Until.parse(dict(wanted)) if isinstance(wanted, Mapping) else wanted

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        points(self.axes)
        check_names(self.metrics)
        if len(set(self.metrics)) < len(self.metrics):
            raise InputError("metrics: one is named twice")
        if isinstance(self.replications, Until):
            self._check_metric("replications.metric", self.replications.metric)
        if self.baseline is not None:
            self._check_baseline(self.baseline)
        if self.picture is not None:
            self._check_picture(self.picture)
        return self

    @property
    def paths(self) -> tuple[str, ...]:
        """Everything that is varied."""
        return tuple(path for axis in self.axes for path in axis)

    def points(self) -> list[Point]:
        """Each combination of the axes and the scenario it makes.

        Raises
        ------
        InputError
            If a value is wrong wherever it is used, or replications would all be the same run.
        """
        found = resolve(self.base, self.set, self.axes)
        if self.replications != 1:
            for point in found:
                _check_draws(point)
        return found

    def _check_metric(self, where: str, name: str) -> None:
        if name not in self.metrics:
            raise InputError(
                f"{where}: {name!r} is not measured; {did_you_mean(name, self.metrics)}"
            )

    def _check_path(self, where: str, path: str) -> None:
        if path not in self.paths:
            raise InputError(f"{where}: {path!r} is not varied; {did_you_mean(path, self.paths)}")

    def _check_baseline(self, baseline: Mapping[str, Any]) -> None:
        if len(baseline) != 1:
            raise InputError("baseline: expected one path with one of its values")
        ((path, value),) = baseline.items()
        self._check_path("baseline", path)
        values = next(axis[path] for axis in self.axes if path in axis)
        if value not in values:
            raise InputError(f"baseline: {path}: {value!r} is not among its values {list(values)}")

    def _check_picture(self, picture: Picture) -> None:
        self._check_path("picture.x", picture.x)
        if picture.by is not None:
            self._check_path("picture.by", picture.by)
        for where in ("y", "log_y", "knee"):
            for name in getattr(picture, where):
                self._check_metric(f"picture.{where}", name)
        values = next(axis[picture.x] for axis in self.axes if picture.x in axis)
        if picture.knee and not all(isinstance(value, int | float) for value in values):
            raise InputError(f"picture.knee: needs numbers along {picture.x}")


def _check_draws(point: Point) -> None:
    """Refuse to repeat what does not depend on the seed, and would seem to be exact."""
    if point.scenario is not None and not draws(point.scenario):
        raise InputError(
            "replications: a replayed trace is the same whatever the seed; ask for replications: 1,"
            " vary traffic.start_s over windows of it, or give it new instants with retime"
        )
