"""What sizing found: replicas and price of each option, level and step, as tables."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import yaml

from experiments.labels import shown
from experiments.store import Store, write_whole

if TYPE_CHECKING:
    from experiments.fewest import Fewest
    from experiments.load import Simultaneous
    from experiments.sizing import Found, Sizing

__all__ = ["HOURS_PER_MONTH", "STEPS", "Sized"]

HOURS_PER_MONTH = 730.0
"""A twelfth of a year; what cloud price lists count with. [h]"""
STEPS = ("fewest", "headroom", "spare")


@dataclass(frozen=True, eq=False)
class Sized:
    """The answer, and how many runs it took."""

    sizing: Sizing
    found: list[Found]
    simulations: int
    """Different runs that were needed."""
    run_now: int
    """Of them, those that were not known from before."""

    @property
    def options(self) -> pd.DataFrame:
        """One row an option: what it is, its offer, whether it can be, and why not."""
        rows = []
        for number, found in enumerate(self.found):
            option, scenario = found.option, found.option.scenario
            row: dict[str, Any] = {"option": number, **self._values(found)}
            if scenario is not None:
                row["offer"] = scenario.offer.name
                row["usd_per_gpu_hour"] = scenario.offer.usd_per_gpu_hour
                row["gpus_per_replica"] = scenario.gpus_per_replica
                row["num_gpu_blocks"] = scenario.num_gpu_blocks()
            if found.frontier is not None:
                row["frontier_per_s"] = found.frontier.rate_per_s
                row["frontier_low_per_s"] = found.frontier.borne_per_s
                row["frontier_high_per_s"] = found.frontier.not_borne_per_s
            rows.append({**row, "can_be": scenario is not None, "why_not": option.why_not})
        return pd.DataFrame(rows)

    @property
    def table(self) -> pd.DataFrame:
        """One row for each option that can be, level and step.

        Steps build on each other: *fewest* keeps the targets at the level, *headroom* with so many
        more requests, *spare* with so many replicas out of order besides. ``sure`` is False where
        more runs than were allowed would be needed to be sure of the number.
        """
        rows = []
        for number, found in enumerate(self.found):
            count = len(found.simultaneous)
            for place, at in enumerate(found.simultaneous):
                least = found.fewest[place]
                more = found.fewest[place + count] if self.sizing.headroom else least
                for step, answer in zip(STEPS, (least, more, more), strict=True):
                    spare = self.sizing.spare if step == "spare" else 0
                    rows.append(self._row(number, found, at, step, answer, spare))
        return pd.DataFrame(rows, columns=None if rows else ["option", "level", "step", "replicas"])

    def cheapest(self, level: str, step: str = "spare") -> pd.Series[Any] | None:
        """The row of the least price an hour at a level; the first of equals, None if none does."""
        table = self.table
        if not len(table):
            return None
        mine = table[(table["level"] == level) & (table["step"] == step)]
        mine = mine.dropna(subset=["replicas"]).sort_values("usd_per_hour", kind="stable")
        return mine.iloc[0] if len(mine) else None

    def save(self, folder: Path | str) -> None:
        """Write ``sizes.csv``, ``options.csv`` and ``sizing.yaml`` into a folder."""
        folder = Store(folder).open().folder
        for name, table in (("sizes", self.table), ("options", self.options)):
            write_whole(folder / f"{name}.csv", table.to_csv(index=False).encode())
        told = yaml.safe_dump(self.sizing.model_dump(mode="json"), sort_keys=False)
        write_whole(folder / "sizing.yaml", told.encode())

    def _values(self, found: Found) -> dict[str, Any]:
        return {path: shown(value) for path, value in found.option.values.items()}

    def _row(
        self, number: int, found: Found, at: Simultaneous, step: str, answer: Fewest, spare: int
    ) -> dict[str, Any]:
        scenario = found.option.scenario
        assert scenario is not None
        enough = answer.replicas is not None
        replicas = answer.replicas + spare if answer.replicas is not None else math.nan
        gpus = replicas * scenario.gpus_per_replica
        usd_per_hour = gpus * scenario.offer.usd_per_gpu_hour
        verdict = answer.verdict
        values = verdict.values if verdict is not None and enough else {}
        return {
            "option": number,
            **self._values(found),
            "offer": scenario.offer.name,
            "level": at.level,
            "simultaneous": at.requests,
            "rate_per_s": at.load.rate_per_s,
            "step": step,
            "replicas": replicas,
            "gpus": gpus,
            "usd_per_hour": usd_per_hour,
            "usd_per_month": usd_per_hour * HOURS_PER_MONTH,
            "sure": answer.sure,
            "runs": 0 if verdict is None else verdict.n,
            **{target.metric: values.get(target.metric) for target in self.sizing.targets},
        }
