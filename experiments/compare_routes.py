"""Comparison: several routes for the same requests, what rules a route out, and what may change."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from experiments.compare_prices import Priced
from experiments.compare_service import Service
from hardware_profiles.errors import InputError, did_you_mean
from hardware_profiles.price import Share
from hardware_profiles.profile import Positive, Text, load_yaml
from hardware_profiles.value import Value
from simulator.economics.outlook import CORRELATIONS, RANGES
from simulator.economics.overheads import Overheads
from simulator.economics.terms import Contract
from simulator.economics.uncertainty import Range
from simulator.fleet.overflow import When

__all__ = [
    "Bought",
    "Comparison",
    "Constraints",
    "Elsewhere",
    "Grid",
    "Hybrid",
    "Outlook",
    "Route",
    "SelfHosted",
]

Correlation = Annotated[float, Field(gt=-1, lt=1)]


class _Named(Value):
    name: Text
    private: bool
    """Whether prompts and answers stay with us."""
    region: Text = "us"
    """Where they are worked on."""


class SelfHosted(_Named):
    """Replicas of our own, on GPUs that are rented, reserved, bought or managed by somebody."""

    kind: Literal["self_hosted"] = "self_hosted"
    private: bool = True
    scenario: dict[str, Any] = {}
    """Values of the base scenario that are different here, by dotted path."""
    gpus: Contract
    overheads: Overheads
    pass_rate: Share = 1.0
    """Answers that are good enough; the others are asked again at `escalate_to`."""
    escalate_to: Priced | None = None


class Bought(_Named):
    """An endpoint paid by the token."""

    kind: Literal["endpoint"] = "endpoint"
    private: bool = False
    price: Priced
    service: Service
    overheads: Overheads
    cached_share: Share = 0.0
    """Of the prompt tokens, found in the provider's cache at least; the simulated ones count."""
    written_share: Share | None = None
    """Of the other prompt tokens, kept in that cache, where keeping has a price; not given: all if
    any are found there, for what is found was kept, else none."""
    batch_share: Share = 0.0
    """Of the requests, those that can wait a day."""
    pass_rate: Share = 1.0
    escalate_to: Priced | None = None


class Elsewhere(Value):
    """Where requests go that find our own replicas full, and when."""

    price: Priced
    service: Service
    cached_share: Share = 0.0
    written_share: Share | None = None
    when: Annotated[tuple[When, ...], Field(min_length=1)]
    """Any of these sends a request away: a queue, a first token too late, an outage."""


class Hybrid(SelfHosted):
    """Some replicas of our own, and an endpoint for what is too much for them."""

    kind: Literal["hybrid"] = "hybrid"  # type: ignore[assignment]
    private: bool = False
    overflow: Elsewhere


Route = Annotated[SelfHosted | Bought | Hybrid, Field(discriminator="kind")]


class Constraints(Value):
    """What a route must keep to; those that do not are shown, told why, and not ranked."""

    private: bool = False
    regions: tuple[Text, ...] = ()
    ttft_p95_s: Positive | None = None
    tpot_p95_s: Positive | None = None
    e2e_p95_s: Positive | None = None
    good_share: Share = 0.0
    usd_per_month: Positive | None = None


class Grid(Value):
    """Runs from which the capacity of a replica is known."""

    seeds: Annotated[int, Field(ge=2, le=100)] = 3
    horizon_s: Positive = 600.0
    good_share: Annotated[float, Field(gt=0, le=1)] = 0.95
    """Capacity is the load up to which so many requests are good."""


class Outlook(Value):
    """Years ahead."""

    months: Annotated[int, Field(ge=1, le=120)] = 36
    wacc: Annotated[float, Field(ge=0, le=1)] = 0.10
    spares: Annotated[int, Field(ge=0, le=1000)] = 1
    """Replicas beyond the peak."""
    draws: Annotated[int, Field(ge=100, le=200_000)] = 20_000
    season: Annotated[tuple[Positive, ...], Field(max_length=12)] = ()
    ranges: dict[str, tuple[float, float, float]] = {}
    """Least, most likely, most; of the inputs named in `simulator.economics.outlook.RANGES`."""
    correlations: tuple[tuple[Text, Text, Correlation], ...] | None = None
    """Two inputs and the correlation of their normal scores; not given: GPU and API prices at 0.5;
    empty: none."""
    starts: date | None = None
    """First day of the first month, for announced prices; not given: the day a price was read."""

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        for name, (low, mode, high) in self.ranges.items():
            if name not in RANGES:
                raise InputError(
                    f"ranges: no input is called {name!r}; {did_you_mean(name, RANGES)}"
                )
            if not low <= mode <= high:
                raise InputError(
                    f"ranges.{name}: expected least <= most likely <= most, "
                    f"found {low:g}, {mode:g}, {high:g}"
                )
            factor = name in ("volume", "capacity", "fte", "resale", "peak_to_mean")
            least = 1.0 if name == "peak_to_mean" else 0.0 if factor else -0.95
            if name != "noise" and low < least:
                raise InputError(f"ranges.{name}: expected at least {least:g}, found {low:g}")
        _possible(self.drawn_together(), RANGES)
        if self.season and len(self.season) != 12:
            raise InputError(f"season: expected 12 factors or none, found {len(self.season)}")
        return self

    def drawn_from(self) -> dict[str, Range]:
        """The ranges given, and ours for the others."""
        given = {name: Range(*values) for name, values in self.ranges.items()}
        return {**RANGES, **given}

    def drawn_together(self) -> Mapping[tuple[str, str], float]:
        """What goes together, and how much."""
        if self.correlations is None:
            return CORRELATIONS
        return {(one, other): value for one, other, value in self.correlations}


def _possible(correlations: Mapping[tuple[str, str], float], known: Mapping[str, Range]) -> None:
    """Refuse correlations of unknown inputs, and those that no distribution has at once."""
    names = list(known)
    matrix = np.eye(len(names))
    for (one, other), value in correlations.items():
        for name in (one, other):
            if name not in known:
                raise InputError(
                    f"correlations: no input is called {name!r}; {did_you_mean(name, known)}"
                )
        if one == other:
            raise InputError(f"correlations: {one} with itself")
        i, j = names.index(one), names.index(other)
        matrix[i, j] = matrix[j, i] = value
    if np.linalg.eigvalsh(matrix).min() <= 0:
        raise InputError("correlations: no distribution has all of these at once")


class Comparison(Value):
    """A question with several routes for an answer."""

    name: Text = "comparison"
    question: str = ""
    base: Text
    """File of the scenario that all routes share: traffic, model, GPU, SLO, seed."""
    scenario: dict[str, Any] = {}
    """Values of it that are different here, by dotted path."""
    constraints: Constraints = Constraints()
    routes: Annotated[tuple[Route, ...], Field(min_length=1)]
    grid: Grid = Grid()
    outlook: Outlook = Outlook()

    @model_validator(mode="before")
    @classmethod
    def _ours_unless_said(cls, data: Any) -> Any:
        """A route of no kind is self-hosted."""
        for route in data.get("routes") or () if isinstance(data, Mapping) else ():
            if isinstance(route, dict):
                route.setdefault("kind", "self_hosted")
        return data

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [route.name for route in self.routes]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise InputError(f"routes: the name {twice[0]!r} is given twice")
        return self

    @classmethod
    def from_file(cls, path: Path | str, overrides: Mapping[str, Any] | None = None) -> Self:
        """Read a comparison; the base scenario's path starts from its folder.

        Parameters
        ----------
        overrides : values of the base scenario by dotted path, laid over those of the file.

        Raises
        ------
        InputError
            One line: file, line and key, what was found, what would have gone right.
        """
        path = Path(path)
        data = load_yaml(path)
        data.setdefault("name", path.stem)
        if isinstance(data.get("base"), str):
            data["base"] = str(path.parent / data["base"])
        if overrides:
            data["scenario"] = {**(data.get("scenario") or {}), **overrides}
        return cls.parse(data)
