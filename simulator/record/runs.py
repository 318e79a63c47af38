"""Runs of equal steps as arrays: where a step is, when it began and when it ended."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["Runs"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Runs:
    """The `steps` table in the order of (replica, step), each step numbered through the fleet.

    A row is a run of `num_steps` steps on one replica. Step j of it (from 0) takes
    ``first_step_s + j * growth_s``. Numbered through, the steps of row k are
    ``first_serial[k] .. first_serial[k] + num_steps[k] - 1``.
    """

    table: pd.DataFrame
    """`steps`, sorted; row k of it is row k of every array here."""
    replica: Ints
    num_steps: Ints
    start_s: Floats
    end_s: Floats
    first_step_s: Floats
    growth_s: Floats
    """By how much each step of the run is longer than the one before it. [s]"""
    first_serial: Ints
    previous_end_s: Floats
    """End of the run before on the same replica; NaN for a replica's first. [s]"""
    offsets: dict[int, int]
    """Serial number of a replica's step 0."""

    @classmethod
    def of(cls, steps: pd.DataFrame) -> Runs:
        """Read the table; it is sorted only if it is not so already.

        Raises
        ------
        ValueError
            If the steps of a replica leave a number out or use one twice.
        """
        order = np.lexsort((steps["first_step"], steps["replica"]))
        if (order[1:] < order[:-1]).any():
            steps = steps.iloc[order].reset_index(drop=True)
        replica, n = steps["replica"].to_numpy(), steps["num_steps"].to_numpy()
        start, end = steps["start_s"].to_numpy(), steps["end_s"].to_numpy()
        first = steps["first_step_s"].to_numpy()
        serial = np.cumsum(n) - n
        offset = serial - steps["first_step"].to_numpy()
        same = replica[1:] == replica[:-1]
        if (offset[1:] != offset[:-1])[same].any():
            raise ValueError("the steps of a replica do not follow each other")
        at = np.flatnonzero(np.concatenate([np.ones(min(1, len(n)), bool), ~same]))
        return cls(
            table=steps,
            replica=replica,
            num_steps=n,
            start_s=start,
            end_s=end,
            first_step_s=first,
            growth_s=2.0 * (end - start - n * first) / np.maximum(n * (n - 1), 1) * (n > 1),
            first_serial=serial,
            previous_end_s=np.concatenate(
                [np.full(min(1, len(n)), np.nan), np.where(same, end[:-1], np.nan)]
            ),
            offsets=dict(zip(replica[at].tolist(), offset[at].tolist(), strict=True)),
        )

    def __len__(self) -> int:
        return len(self.num_steps)

    @property
    def duration_s(self) -> Floats:
        """How long each run took. [s]"""
        return self.end_s - self.start_s

    def serial(self, replica: Ints, step: Ints) -> Ints:
        """Fleet-wide number of each (replica, step)."""
        known = np.fromiter(self.offsets, np.int64, len(self.offsets))
        by_rank = np.fromiter(self.offsets.values(), np.int64, len(self.offsets))
        return by_rank[np.searchsorted(known, replica)] + step

    def row(self, serial: Ints) -> Ints:
        """Row of the run that each step belongs to."""
        return np.searchsorted(self.first_serial, serial, side="right") - 1

    def end_of(self, serial: Ints) -> Floats:
        """When each step ended. [s]"""
        return self._instant(serial, 1)

    def start_of(self, serial: Ints) -> Floats:
        """When each step began. [s]"""
        return self._instant(serial, 0)

    def _instant(self, serial: Ints, steps_more: int) -> Floats:
        row = self.row(serial)
        j = serial - self.first_serial[row] + steps_more
        instant: Floats = (
            self.start_s[row] + j * self.first_step_s[row] + self.growth_s[row] * (j * (j - 1) / 2)
        )
        # The end is known exactly; a sum of many steps is not.
        return np.where(j == self.num_steps[row], self.end_s[row], instant)

    def gaps_s(self) -> tuple[Floats, Ints]:
        """Time since the previous step's end, and the decoding sequences, of every single step.

        Both have one entry per step, in the order of the serial numbers. [s], [sequences]
        """
        n = self.num_steps
        within = np.arange(int(n.sum())) - np.repeat(self.first_serial, n)
        gap: Floats = np.repeat(self.first_step_s, n) + within * np.repeat(self.growth_s, n)
        since = self.start_s - self.previous_end_s
        gap[self.first_serial] += np.where(np.isnan(since), 0.0, since)
        return gap, np.repeat(self.table["decode_seqs"].to_numpy(), n)
