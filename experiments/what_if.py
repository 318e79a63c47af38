"""What if: a sizing asked again under other traffic, promises, GPUs and prices; what it decides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import Field

from experiments.sized import Sized
from experiments.sizing import Found, Sizing, size
from hardware_profiles.errors import InputError, did_you_mean
from hardware_profiles.profile import Positive
from hardware_profiles.value import Value

__all__ = ["Change", "Decided", "what_if"]


class Change(Value):
    """What is otherwise than in the question."""

    set: dict[str, Any] = Field(default_factory=dict)
    """Values by dotted path of the scenario: the traffic, an engine argument."""
    question: dict[str, Any] = Field(default_factory=dict)
    """Keys of the sizing itself: targets, options, headroom, spare, modes."""
    usd_per_gpu_hour: dict[str, Positive] = Field(default_factory=dict)
    """Prices by name of GPU, instead of the cheapest on the shelf. [USD]"""


@dataclass(frozen=True, eq=False)
class Decided:
    """Each change with the sizing under it."""

    level: str
    sized: dict[str, Sized]

    @property
    def table(self) -> pd.DataFrame:
        """One row a change: the cheapest fleet at the level, headroom and reserve included.

        Columns: what_if, the options' paths, replicas, gpus, usd_per_hour, usd_per_month, sure,
        moves (whether another option, or another number of replicas, is chosen than in the first
        row), and costs (times what the first row costs). Empty where nothing keeps the promise.
        """
        rows: list[dict[str, Any]] = []
        for name, sized in self.sized.items():
            paths, best = sized.sizing.paths, sized.cheapest(self.level)
            row: dict[str, Any] = {"what_if": name}
            if best is not None:
                kept = ("replicas", "gpus", "usd_per_hour", "usd_per_month", "sure")
                row |= {key: best[key] for key in (*paths, *kept)}
            first = rows[0] if rows else row
            chosen = (*paths, "replicas")
            row["moves"] = any(row.get(key) != first.get(key) for key in chosen)
            if "usd_per_hour" in row and "usd_per_hour" in first:
                row["costs"] = row["usd_per_hour"] / first["usd_per_hour"]
            rows.append(row)
        return pd.DataFrame(rows)

    @property
    def options(self) -> pd.DataFrame:
        """One row for each change and option that can be: replicas, usd_per_hour, cheapest."""
        rows = []
        for name, sized in self.sized.items():
            best, table = sized.cheapest(self.level), sized.table
            if not len(table):
                continue
            mine = table[(table["level"] == self.level) & (table["step"] == "spare")]
            chosen = None if best is None else best["option"]
            mine = mine.assign(what_if=name, cheapest=mine["option"] == chosen)
            rows.append(mine)
        return pd.concat(rows, ignore_index=True) if rows else pd.DataFrame()


def what_if(
    sizing: Sizing,
    changes: Mapping[str, Mapping[str, Any]],
    folder: Path | str,
    *,
    level: str = "peak",
    n_jobs: int = 1,
) -> Decided:
    """Ask a sizing again under each change.

    How many replicas it takes does not depend on prices, so where prices alone change nothing is
    simulated again.

    Parameters
    ----------
    changes : by the name to show, keys of `Change`; the first is what the others are compared with.
    folder, n_jobs : as for `experiments.sizing.size`; all changes share their runs.
    level : of the traffic, one of those that the sizing asks for.

    Raises
    ------
    InputError
        If a change makes no sense, or prices a GPU that is no option.
    """
    if level not in sizing.levels:
        raise InputError(f"level: {level!r} is not asked for; {did_you_mean(level, sizing.levels)}")
    found = {}
    for name, change in changes.items():
        given = Change.parse(dict(change))
        laid = {**sizing.set, **given.set}
        asked = {**sizing.model_dump(exclude={"set"}), **given.question, "set": laid}
        found[name] = _priced(size(Sizing.parse(asked), folder, n_jobs=n_jobs), given)
    return Decided(level, found)


def _priced(sized: Sized, change: Change) -> Sized:
    """The same fleets at other prices."""
    prices = change.usd_per_gpu_hour
    known = {one.option.scenario.gpu.name for one in sized.found if one.option.scenario}
    for gpu in prices:
        if gpu not in known:
            raise InputError(f"usd_per_gpu_hour: {gpu!r} is no option; {did_you_mean(gpu, known)}")
    return replace(sized, found=[_at_price(one, prices) for one in sized.found])


def _at_price(found: Found, prices: Mapping[str, float]) -> Found:
    scenario = found.option.scenario
    if scenario is None or scenario.gpu.name not in prices:
        return found
    usd = prices[scenario.gpu.name]
    offer = scenario.offer.model_copy(
        update={"name": f"{scenario.gpu.name} at {usd:g} USD", "usd_per_gpu_hour": usd}
    )
    priced = scenario.model_copy(update={"offer": offer})
    return found._replace(option=found.option._replace(scenario=priced))
