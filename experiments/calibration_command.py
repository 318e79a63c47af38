"""`servecast calibrate`: from measurements to calibration files."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table

from experiments.calibration import METRICS, Calibrated, calibrate, own_priors
from experiments.calibration_data import Experiment, Stage, read_measured
from experiments.calibration_files import measured_metrics, read_listed
from experiments.calibration_fit import PRIORS
from experiments.calibration_names import find_gpu, find_model
from experiments.calibration_shelf import calibrations_of, replay_table, write_calibration
from experiments.calibration_silicon import silicon_observations
from experiments.progress import watched
from hardware_profiles.calibration import Calibration
from hardware_profiles.errors import InputError

__all__ = ["calibrate_command", "own_experiment"]

SHELF_NEEDS_RUNS = 12
"""Fewer experiments than this are a user's own: fitted near what the shelf says of their GPU."""


def calibrate_command(
    files: Sequence[Path],
    out: Path,
    console: Console,
    model: str | None = None,
    gpu: str | None = None,
    engine: Mapping[str, Any] | None = None,
    seeds: int = 2,
    silicon: bool = False,
) -> list[Path]:
    """Fit calibrations to measured runs, write them, and print what they get right.

    Parameters
    ----------
    files : measured CSVs (see `calibration_data`), per-request CSVs or vLLM benchmark JSONs.
    out : folder for the YAML files; made if missing.
    model, gpu, engine : of the server, for files that do not say: requests one by one.
    seeds : replications of each replay.
    silicon : also hold the fit to measured kernel times; needs the extra ``[silicon]``.

    Returns
    -------
    Paths of the files that were written: calibrations, and the replays behind their errors.

    Raises
    ------
    InputError
        If a file cannot be read, or holds nothing that can be fitted.
    """
    experiments, left_out = list[Experiment](), dict[str, str]()
    for path in files:
        if _is_measured_table(path):
            found, reasons = read_measured(path)
            experiments += [e for e in found if not e.caveats]
            left_out |= reasons | {e.name: "; ".join(e.caveats) for e in found if e.caveats}
        else:
            experiments.append(own_experiment(path, model, gpu, engine or {}))
    if not experiments:
        raise InputError(f"nothing to fit: {'; '.join(sorted(set(left_out.values())))}")
    names = {e.gpu.name for e in experiments}
    is_own = len(experiments) < SHELF_NEEDS_RUNS
    priors = PRIORS
    if is_own and len(names) == 1:
        near = Calibration.choose(experiments[0].gpu.name, experiments[0].gpu.family)
        priors = own_priors(near.calibration)
    kernels = silicon_observations() if silicon else []
    with watched("calibrating") as progress:
        result = calibrate(experiments, seeds, priors, not is_own, kernels, progress)
    out.mkdir(parents=True, exist_ok=True)
    made = calibrations_of(result, experiments, files, "own" if is_own else "vllm")
    if is_own:
        made = [c for c in made if c.gpu is not None]
    paths = [write_calibration(calibration, out) for calibration in made]
    paths.append(out / "replays.csv")
    replay_table(result).to_csv(paths[-1], index=False)
    _print(result, left_out, paths, console)
    return paths


def own_experiment(
    path: Path, model: str | None, gpu: str | None, engine: Mapping[str, Any]
) -> Experiment:
    """A user's run, request by request, as one experiment.

    Raises
    ------
    InputError
        If model or GPU is not given, or the file has no measured times.
    """
    if model is None or gpu is None:
        raise InputError(f"{path}: says no model and no GPU; give both")
    listed = read_listed(path)
    measured = measured_metrics(listed)
    if not measured:
        raise InputError(f"{path}: the columns 'ttft_s' and 'e2e_s' are needed to calibrate")
    return Experiment(
        name=path.stem,
        model=find_model(model),
        gpu=find_gpu(gpu),
        engine=engine,
        stages=(Stage(-1, 0.0, 0.0, measured),),
        prompt_tokens=float(listed["input_tokens"].mean()),
        output_tokens=round(float(listed["output_tokens"].mean())),
        shared_prefix=0,
        prefix_groups=1,
        distinct_prompts=0,
        listed=listed,
    )


def _is_measured_table(path: Path) -> bool:
    """Whether the file is a table of experiments, by its first line."""
    try:
        return "experiment_id" in pd.read_csv(path, nrows=0, encoding="utf-8-sig").columns
    except (OSError, ValueError):
        return False


def _print(
    result: Calibrated, left_out: Mapping[str, str], paths: Sequence[Path], console: Console
) -> None:
    for reason, count in sorted(Counter(w.split(";")[0] for w in left_out.values()).items()):
        console.print(f"left out: {count} × {reason}", style="dim", highlight=False)
    table = Table(title="Mean absolute percentage error, experiments weighted equally")
    table.add_column("fit")
    for metric in METRICS:
        table.add_column(metric, justify="right")
    replays = {
        "all in the fit": result.fitted,
        "each model left out": result.without_model,
        "each GPU's runs left out": result.without_gpu,
        "each GPU left out": result.without_all,
    }
    for name, rows in replays.items():
        if len(rows):
            by_experiment = rows.groupby(["metric", "experiment_id"])["ape_pct"].mean()
            means = by_experiment.groupby("metric").mean()
            table.add_row(name, *(f"{means[m]:.1f}" if m in means else "–" for m in METRICS))
    console.print(table)
    for path in paths:
        console.print(str(path), highlight=False)
