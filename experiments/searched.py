"""What a search found: its trials, the front among them, and what fresh seeds say of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import yaml
from numpy.typing import NDArray

from experiments.store import Store, write_whole

if TYPE_CHECKING:
    from experiments.search import Search

__all__ = ["Searched", "front"]


@dataclass(frozen=True, eq=False)
class Searched:
    """All trials, and what the best of them give with fresh seeds."""

    search: Search
    trials: pd.DataFrame
    """One row a trial: its values, the means of its metrics, whether it keeps the constraints,
    whether it is on the front, and why it failed if it did."""
    best: pd.DataFrame
    """One row an answer: trial, its values, and for each metric mean, low and high over the
    confirming runs; ``keeps`` says whether their means keep the constraints still, ``stays``
    whether besides no other answer is better in one way without being worse in another."""
    simulations: int
    run_now: int

    def save(self, folder: Path | str) -> None:
        """Write ``trials.csv``, ``front.csv`` and ``search.yaml`` into a folder."""
        folder = Store(folder).open().folder
        for name, table in (("trials", self.trials), ("front", self.best)):
            write_whole(folder / f"{name}.csv", table.to_csv(index=False).encode())
        told = yaml.safe_dump(self.search.model_dump(mode="json"), sort_keys=False)
        write_whole(folder / "search.yaml", told.encode())


def front(values: NDArray[np.float64], maximised: int = 0) -> NDArray[np.bool_]:
    """Rows that no other row beats in one column without being worse in another.

    Parameters
    ----------
    values : shape (n, k), small is good but in the last `maximised` columns.

    >>> front(np.array([[1.0, 3.0], [2.0, 2.0], [3.0, 3.0]])).tolist()
    [True, True, False]
    """
    sign = np.ones(values.shape[1])
    sign[values.shape[1] - maximised :] = -1
    x = values * sign
    no_worse = (x[:, None, :] <= x[None, :, :]).all(axis=2)
    better = (x[:, None, :] < x[None, :, :]).any(axis=2)
    beaten = np.any(no_worse & better, axis=0)
    return np.asarray(~beaten)
