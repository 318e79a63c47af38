"""What the validation of latencies found: the replays behind the shipped calibrations, and peers.

Question. How near are predicted latencies to measured ones, and how near do others come?
What is varied. The experiment; whether its model or its GPU was in the fit.
What is held. The shipped calibrations.
What we found (2026-11-22). On 29 servers of 12 models and 4 GPUs the mean absolute error is 2 % of
TPOT and E2E and 3 % of TTFT; leaving a model out of the fit adds one or two per cent.
"""

from pathlib import Path

import pandas as pd

__all__ = ["FITS", "RESULTS", "error_summary", "load_peers", "load_replays"]

RESULTS = Path(__file__).parent / "results" / "latency"
FITS = {
    "all": "servecast, all in the fit",
    "without_model": "servecast, model left out",
    "without_gpu": "servecast, GPU's runs left out",
    "without_all": "servecast, GPU left out",
}
METRICS = ("tpot_ms_mean", "e2e_ms_mean", "ttft_ms_mean", "e2e_ms_p99")


def load_replays() -> pd.DataFrame:
    """Predicted and measured, one row a figure and fit, as `servecast calibrate` wrote them.

    Returns
    -------
    DataFrame of ``fit, experiment_id, stage_index, gpu, model, metric, predicted, measured,
    ape_pct``. [ms], [%]
    """
    return pd.read_csv(RESULTS / "replays.csv")


def load_peers() -> pd.DataFrame:
    """Errors of other simulators on runs of the same file.

    Returns
    -------
    DataFrame of ``simulator, metric, experiments, mean_ape_pct, median_ape_pct``. [%]
    """
    return pd.read_csv(RESULTS / "peers.csv")


def error_summary() -> pd.DataFrame:
    """Mean absolute percentage error by simulator and metric, experiments weighted equally.

    Returns
    -------
    DataFrame with one row a simulator (ours by what was left out of the fit), one column a metric,
    and ``experiments``. Peers were asked about fewer experiments, each about its own.
    """
    replays = load_replays()
    each = replays.groupby(["fit", "metric", "experiment_id"])["ape_pct"].mean()
    ours = (
        each.groupby(["fit", "metric"])
        .mean()
        .unstack()
        .rename(index=FITS)
        .reindex(list(FITS.values()))
    )
    ours["experiments"] = [
        replays.loc[replays["fit"] == fit, "experiment_id"].nunique() for fit in FITS
    ]
    peers = load_peers()
    theirs = peers.pivot(index="simulator", columns="metric", values="mean_ape_pct")
    theirs["experiments"] = peers.groupby("simulator")["experiments"].max()
    columns = [*METRICS, "experiments"]
    table = pd.concat([ours.reindex(columns=columns), theirs.reindex(columns=columns)])
    return table.rename_axis("simulator").rename_axis("", axis="columns").round(1)
