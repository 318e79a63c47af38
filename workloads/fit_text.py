"""Shared beginnings of prompts, fitted: how many texts, how long, how unequal."""

from typing import NamedTuple

import numpy as np

from workloads.fit_lengths import fit_lengths
from workloads.segments import Ints
from workloads.shared_text import SharedPrefixes, popularity
from workloads.trace import Trace

__all__ = ["Beginnings", "beginnings_of"]


MOST_WRITTEN_OUT = 200


class Beginnings(NamedTuple):
    """Texts that several conversations begin with."""

    prefixes: SharedPrefixes
    tokens: Ints
    """Tokens of such text in each of the rows asked about, 0 where there is none."""


def beginnings_of(trace: Trace, starts: Ints) -> Beginnings | None:
    """Texts shared by the first prompts of conversations; None if there are none.

    Only the first segment is looked at, so a trace whose segments are blocks of hashes is left
    alone: its shared text has no one end.
    """
    segments = trace.segments
    if segments is None or "block_tokens" in trace.meta or not len(starts):
        return None
    first = segments.offsets[starts]
    ids, lengths = segments.ids[first], segments.lengths[first]
    names, place, counts = np.unique(ids, return_inverse=True, return_counts=True)
    shared = (counts >= 2) & (names >= 0)
    mine = shared[place]
    if not mine.any():
        return None
    longest = np.zeros(len(names), dtype=np.int64)
    np.maximum.at(longest, place, lengths)
    by_use = np.argsort(-counts[shared], kind="stable")
    each = longest[shared][by_use]
    few = len(each) <= MOST_WRITTEN_OUT
    prefixes = SharedPrefixes(
        number=len(each),
        tokens=None if few else fit_lengths(each),
        each_tokens=tuple(each.tolist()) if few else (),
        share=float(mine.mean()),
        zipf_exponent=_exponent(np.sort(counts[shared])[::-1]),
    )
    return Beginnings(prefixes, np.where(mine, lengths, 0))


def _exponent(counts: Ints) -> float:
    """Zipf exponent under which counts by rank are likeliest."""
    grid = np.linspace(0, 3, 61)
    likelihood = [float(counts @ np.log(popularity(len(counts), s))) for s in grid.tolist()]
    return float(round(grid[int(np.argmax(likelihood))], 2)) if len(counts) > 1 else 0.0
