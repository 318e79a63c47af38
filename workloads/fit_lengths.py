"""Length distributions fitted: a lognormal where one lies near, else the quantiles found."""

import numpy as np
import pandas as pd

from workloads.fit_arrivals import ks_distance
from workloads.lengths import Empirical, Fixed, Lognormal
from workloads.segments import Ints

__all__ = ["fit_lengths", "rank_correlation"]

GOOD_KS = 0.05
QUANTILES = 400


def fit_lengths(lengths: Ints) -> Fixed | Lognormal | Empirical:
    """Distribution of these lengths."""
    lowest, highest = int(lengths.min()), int(lengths.max())
    if lowest == highest:
        return Fixed(tokens=lowest)
    logs = np.log(lengths)
    shape = Lognormal(
        median=float(np.exp(logs.mean())), sigma=float(logs.std()), min=lowest, max=highest
    )
    drawn = shape.sample(np.random.default_rng(0), 20_000)
    if ks_distance(lengths, drawn) < GOOD_KS:
        return shape
    ranks = (np.arange(QUANTILES) + 0.5) / QUANTILES
    found = np.quantile(lengths, ranks, method="inverted_cdf").astype(np.int64)
    values, counts = np.unique(found, return_counts=True)
    return Empirical(values=tuple(values.tolist()), weights=tuple(map(float, counts.tolist())))


def rank_correlation(one: Ints, two: Ints) -> float:
    """Correlation of the Gaussian copula with these ranks, 2 sin(π ρ / 6); 0 where one is flat."""
    ranks = [pd.Series(column).rank().to_numpy(dtype=np.float64) for column in (one, two)]
    if min(rank.std() for rank in ranks) == 0:
        return 0.0
    spearman = float(np.corrcoef(ranks[0], ranks[1])[0, 1])
    return float(np.clip(round(2 * np.sin(np.pi * spearman / 6), 3), -1, 1))
