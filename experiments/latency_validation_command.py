"""`servecast validate latency`: predicted against measured, run by run."""

from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.table import Table

from experiments.calibration_data import read_measured
from experiments.latency_validation import validate
from experiments.progress import watched
from hardware_profiles.calibration import Calibration
from hardware_profiles.profile import load_yaml

__all__ = ["error_table", "validate_latency_command"]

SHOWN = ("ttft_ms_mean", "tpot_ms_mean", "e2e_ms_mean", "e2e_ms_p90", "e2e_ms_p99")
OUT_COLUMNS = ["experiment_id", "stage_index", "metric", "predicted", "measured", "ape_pct"]


def validate_latency_command(
    path: Path,
    console: Console,
    out: Path | None = None,
    seeds: int = 3,
    calibration: Path | None = None,
    only_complete: bool = False,
) -> pd.DataFrame:
    """Replay every experiment of a measured file, and print how far off the predictions are.

    Parameters
    ----------
    path : measured CSV (see `calibration_data.read_measured`).
    out : CSV to write, one row a figure: ``experiment_id, stage_index, metric, predicted, measured,
        ape_pct``; ``metric`` is the measured file's own column.
    seeds : replications of the arrivals.
    calibration : YAML in place of those on the shelf.
    only_complete : leave out experiments whose settings are not fully known.

    Returns
    -------
    What was written, with ``gpu`` and ``model`` beside.

    Raises
    ------
    InputError
        If a file cannot be read, or no experiment can be replayed.
    """
    experiments, left_out = read_measured(path)
    chosen = Calibration.parse(load_yaml(calibration)) if calibration else None
    if only_complete:
        experiments = [e for e in experiments if e.is_complete]
    with watched("replaying") as progress:
        rows = validate(experiments, seeds, chosen, progress, left_out)
    for name, why in left_out.items():
        console.print(f"left out: {name}: {why}", style="yellow", highlight=False, markup=False)
    for experiment in experiments:
        if experiment.caveats and experiment.name not in left_out:
            told = f"{experiment.name}: {'; '.join(experiment.caveats)}"
            console.print(told, style="yellow", highlight=False, markup=False)
    _print_stages(rows, console)
    console.print(error_table(rows, "gpu"))
    console.print(error_table(rows, "model"))
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        rows[OUT_COLUMNS].to_csv(out, index=False)
        console.print(str(out), highlight=False, markup=False, soft_wrap=True)
    return rows


def _print_stages(rows: pd.DataFrame, console: Console) -> None:
    """One line a stage: predicted, measured and the signed error of each metric."""
    table = Table(title=r"Predicted / measured \[ms], and the error \[%]")
    table.add_column("experiment")
    table.add_column("stage", justify="right")
    shown = [metric for metric in SHOWN if metric in set(rows["metric"])]
    for metric in shown:
        table.add_column(metric.replace("_ms_", " "), justify="right")
    for (name, stage), part in rows.groupby(["experiment_id", "stage_index"], sort=False):
        columns = (part["metric"], part["predicted"], part["measured"])
        figures = {str(m): (float(p), float(a)) for m, p, a in zip(*columns, strict=True)}
        cells = [_cell(figures.get(metric)) for metric in shown]
        table.add_row(str(name), str(stage), *cells)
    console.print(table)


def _cell(figure: tuple[float, float] | None) -> str:
    if figure is None:
        return "–"
    predicted, measured = figure
    return f"{predicted:.1f} / {measured:.1f} {100 * (predicted / measured - 1):+.1f}"


def error_table(rows: pd.DataFrame, by: str) -> Table:
    """Mean and median absolute percentage error by metric and GPU or model.

    Stages of an experiment count alike, and so do experiments.
    """
    each = rows.groupby([by, "experiment_id", "metric"])["ape_pct"].mean().reset_index()
    metrics = [m for m in SHOWN if m in set(each["metric"])]
    table = Table(title=f"Absolute percentage error, mean / median, by {by}")
    table.add_column(by)
    table.add_column("runs", justify="right")
    for metric in metrics:
        table.add_column(metric.replace("_ms_", " "), justify="right")
    groups = [(str(name), part) for name, part in each.groupby(by)]
    for name, part in [*groups, ("all", each)]:
        errors = part.groupby("metric")["ape_pct"]
        mean, median = errors.mean(), errors.median()
        cells = [f"{mean[m]:.1f} / {median[m]:.1f}" if m in mean else "–" for m in metrics]
        style = "bold" if name == "all" else None
        table.add_row(name, str(part["experiment_id"].nunique()), *cells, style=style)
    return table
