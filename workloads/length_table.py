"""Lengths of prompts and answers: percentiles of each, and how they go together."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workloads.segments import Ints
from workloads.trace import Trace

__all__ = ["LengthTable"]

PERCENTILES = (1, 5, 25, 50, 75, 90, 95, 99, 99.9)
EXACT = 1 << 20
"""Lengths below this are counted one by one, longer ones in steps of this size."""
OCTAVES = 32


@dataclass
class LengthTable:
    """Counts of lengths, taken in piece by piece in bounded memory."""

    prompt: dict[int, int] = field(default_factory=dict)
    output: dict[int, int] = field(default_factory=dict)
    joint: NDArray[np.int64] = field(
        default_factory=lambda: np.zeros((OCTAVES, OCTAVES), dtype=np.int64)
    )
    """Requests by the whole part of log2 of prompt and of output tokens."""
    _moments: NDArray[np.float64] = field(default_factory=lambda: np.zeros(6))

    def add(self, trace: Trace) -> None:
        """Take in the lengths of some requests."""
        _count(self.prompt, trace.prompt_tokens)
        _count(self.output, trace.output_tokens)
        logs = np.log(trace.prompt_tokens), np.log(trace.output_tokens)
        octave = [np.floor(log / np.log(2) + 1e-9).astype(np.int64) for log in logs]
        place = octave[0] * OCTAVES + octave[1]
        self.joint += np.bincount(place, minlength=OCTAVES**2).reshape(OCTAVES, OCTAVES)
        x, y = logs
        self._moments += [len(x), x.sum(), y.sum(), (x * x).sum(), (y * y).sum(), (x * y).sum()]

    def percentiles(self) -> pd.DataFrame:
        """Rows prompt_tokens and output_tokens; mean, cv, min, percentiles, max, total."""
        rows = {"prompt_tokens": self.prompt, "output_tokens": self.output}
        return pd.DataFrame({name: _summary(counts) for name, counts in rows.items()}).T

    def correlation(self) -> float:
        """Correlation of the logarithms of prompt and output lengths."""
        n, sx, sy, sxx, syy, sxy = self._moments
        if n < 2:
            return float("nan")
        spread = (sxx / n - (sx / n) ** 2) * (syy / n - (sy / n) ** 2)
        return float((sxy / n - sx * sy / n**2) / np.sqrt(spread)) if spread > 0 else float("nan")

    def joint_table(self) -> pd.DataFrame:
        """Share of requests by powers of two: rows from that many prompt tokens, columns output."""
        used = [np.flatnonzero(self.joint.sum(axis=axis)) for axis in (1, 0)]
        rows = np.arange(used[0].min(), used[0].max() + 1)
        columns = np.arange(used[1].min(), used[1].max() + 1)
        shares = self.joint[np.ix_(rows, columns)] / self.joint.sum()
        index = pd.Index(2**rows, name="prompt_tokens_from")
        return pd.DataFrame(
            shares, index=index, columns=pd.Index(2**columns, name="output_tokens_from")
        )

    def samples(self, column: str, number: int) -> Ints:
        """So many equally likely lengths: quantiles of what was counted."""
        values, counts = _sorted(getattr(self, column))
        places = (np.arange(number) + 0.5) / number * counts.sum()
        return np.asarray(values[np.searchsorted(np.cumsum(counts), places, side="right")])


def _count(table: dict[int, int], lengths: Ints) -> None:
    coarse = np.where(lengths < EXACT, lengths, lengths // EXACT * EXACT)
    values, counts = np.unique(coarse, return_counts=True)
    for value, count in zip(values.tolist(), counts.tolist(), strict=True):
        table[value] = table.get(value, 0) + count


def _sorted(table: dict[int, int]) -> tuple[Ints, Ints]:
    values = np.array(sorted(table), dtype=np.int64)
    return values, np.array([table[value] for value in values.tolist()], dtype=np.int64)


def _summary(table: dict[int, int]) -> pd.Series:
    values, counts = _sorted(table)
    number = counts.sum()
    mean = float(values @ counts / number)
    variance = float(((values - mean) ** 2) @ counts / number)
    share = np.cumsum(counts) / number
    found = {f"p{p:g}": float(values[np.searchsorted(share, p / 100)]) for p in PERCENTILES}
    return pd.Series(
        {
            "mean": mean,
            "cv": np.sqrt(variance) / mean,
            "min": float(values[0]),
            **found,
            "max": float(values[-1]),
            "total": float(values @ counts),
        }
    )
