"""Fleets compared on the same traffic and the same faults, several times over."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table
from scipy import stats

from simulator.economics.bill import bill
from simulator.record.metrics import goodput, meets_slo, prefix_hit_rate
from simulator.record.result import Result
from simulator.record.usage import state_shares
from simulator.scenario import Scenario
from simulator.simulate import simulate
from workloads.trace import Trace

__all__ = ["BASE", "METRICS", "compare", "differences", "show"]

BASE: dict[str, Any] = {
    "traffic": "steady-chat",
    "model": "llama-3.1-8b",
    "gpu": "h100-sxm",
    "offer": "nebius-h100-sxm-on-demand",
    "slo": {"ttft_s": 1.0, "tpot_s": 0.05},
}
"""What all studies hold, but for what each says."""


def _good_by(result: Result, column: str) -> pd.Series[float]:
    """Share within the SLO, for each value of a column."""
    good = pd.Series(meets_slo(result), index=result.requests.index)
    return good.groupby(result.requests[column]).mean()


def _share_of(result: Result, outcome: str) -> float:
    return float((result.requests["outcome"] == outcome).mean())


METRICS: dict[str, Callable[[Result], float]] = {
    "ttft_p50_s": lambda r: float(r.requests["ttft_s"].quantile(0.5)),
    "ttft_p99_s": lambda r: float(r.requests["ttft_s"].quantile(0.99)),
    "tpot_p99_s": lambda r: float(r.requests["tpot_s"].quantile(0.99)),
    "good_share": lambda r: goodput(r).share,
    "good_first": lambda r: _good_by(r, "priority").iloc[0],
    "good_least": lambda r: _good_by(r, "tenant").min(),
    "rejected": lambda r: _share_of(r, "rejected"),
    "timed_out": lambda r: _share_of(r, "timed_out"),
    "hit_rate": prefix_hit_rate,
    "idle_share": lambda r: state_shares(r)["idle"],
    "gpu_hours": lambda r: float(
        (r.replicas["gpus"] * (r.replicas["stopped_s"] - r.replicas["requested_s"])).sum() / 3600
    ),
    "usd": lambda r: bill(r).usd_total,
    "usd_per_1k_good": lambda r: 1e3 * bill(r).usd_per_good_request,
    "outside_share": lambda r: float((r.calls["outcome"] == "ok").sum() / len(r.requests)),
}


def compare(
    variants: Mapping[str, Mapping[str, Any]],
    traffic: Callable[[int], Trace],
    metrics: Sequence[str],
    seeds: Sequence[int] = range(5),
    base: Mapping[str, Any] = BASE,
) -> pd.DataFrame:
    """Every variant on the traffic of every seed.

    Returns
    -------
    DataFrame: variant, seed, and a column for each metric. Rows of one seed had the same requests
    and, where the same replicas were there, the same faults.
    """
    rows = []
    for seed in seeds:
        trace = traffic(seed)
        for name, changes in variants.items():
            scenario = Scenario.parse({**base, **changes, "name": name, "seed": seed})
            result = simulate(scenario, trace)
            found = {metric: METRICS[metric](result) for metric in metrics}
            rows.append({"variant": name, "seed": seed, **found})
    return pd.DataFrame(rows)


def differences(runs: pd.DataFrame, against: str, level: float = 0.95) -> pd.DataFrame:
    """Mean of each metric, and the paired difference to one variant with half its interval.

    Returns
    -------
    DataFrame: variant, metric, mean, difference, half_width, sure (the interval leaves out zero).
    """
    metrics = [name for name in runs.columns if name not in ("variant", "seed")]
    wide = runs.pivot(index="seed", columns="variant")
    rows = []
    for variant in runs["variant"].unique():
        for metric in metrics:
            values = wide[metric][variant].to_numpy()
            paired = values - wide[metric][against].to_numpy()
            n = len(paired)
            spread = paired.std(ddof=1) / np.sqrt(n) if n > 1 else np.nan
            half = float(stats.t.ppf((1 + level) / 2, n - 1) * spread) if n > 1 else np.nan
            mean = float(paired.mean())
            rows.append((variant, metric, float(values.mean()), mean, half, abs(mean) > half))
    columns = ["variant", "metric", "mean", "difference", "half_width", "sure"]
    return pd.DataFrame(rows, columns=columns)


def show(title: str, runs: pd.DataFrame, against: str) -> None:
    """Print the means; ``*`` where the paired difference to ``against`` is sure."""
    told = differences(runs, against)
    metrics = told["metric"].unique().tolist()
    seeds = runs["seed"].nunique()
    table = Table(title=f"{title} (means of {seeds} seeds; * surely unlike {against})")
    table.add_column("")
    for metric in metrics:
        table.add_column(metric, justify="right")
    for variant, rows in told.groupby("variant", sort=False):
        cells = [
            f"{m:.4g}{'*' if s else ''}" for m, s in zip(rows["mean"], rows["sure"], strict=True)
        ]
        table.add_row(str(variant), *cells)
    Console(width=140).print(table)
