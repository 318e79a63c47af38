"""`servecast calibrate`: from measurements to calibration files."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from experiments.calibration import METRICS, Calibrated, calibrate, own_priors
from experiments.calibration_data import Experiment, Stage, read_measured
from experiments.calibration_files import bench_model, measured_metrics, read_listed
from experiments.calibration_fit import LEAST, PRIORS, Prior
from experiments.calibration_names import find_gpu, find_model
from experiments.calibration_observation import observations
from experiments.calibration_shelf import calibrations_of, replay_table, write_calibration
from experiments.calibration_silicon import silicon_observations
from experiments.progress import watched
from hardware_profiles.calibration import Calibration
from hardware_profiles.errors import InputError

__all__ = ["calibrate_command", "own_experiment"]

FAR, IMPOSSIBLE = 4.0, 9.0
"""Spreads of its prior that a coefficient may end away: told beyond the first, refused beyond."""
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
    experiments = _usable(experiments, left_out)
    if not any(e.is_complete and e.concurrency is None for e in experiments):
        told = "; ".join(f"{name}: {why}" for name, why in left_out.items())
        raise InputError(
            f"nothing to fit: {told or 'no complete run at a known rate, nor one by one'}"
        )
    names = {e.gpu.name for e in experiments}
    is_own = len(experiments) < SHELF_NEEDS_RUNS
    priors = PRIORS
    if is_own and len(names) == 1:
        near = Calibration.choose(experiments[0].gpu.name, experiments[0].gpu.family)
        priors = own_priors(near.calibration)
    kernels = silicon_observations() if silicon else []
    with watched("calibrating") as progress:
        result = calibrate(experiments, seeds, priors, not is_own, kernels, progress)
    made = calibrations_of(result, experiments, files, "own" if is_own else "vllm", is_own)
    if is_own:
        made = [c for c in made if c.gpu is not None]
        made = [_checked(c, priors, console) for c in made]
    out.mkdir(parents=True, exist_ok=True)
    paths = [write_calibration(calibration, out) for calibration in made]
    paths.append(out / "replays.csv")
    replay_table(result).to_csv(paths[-1], index=False)
    _print(result, left_out, paths, console)
    if is_own:
        for path in paths[:-1]:
            told = (
                "use it: servecast run SCENARIO --set step_time.kind=roofline "
                f"--set step_time.calibration={path}"
            )
            console.print(told, highlight=False, markup=False, soft_wrap=True)
    return paths


def _usable(experiments: Sequence[Experiment], left_out: dict[str, str]) -> list[Experiment]:
    """Those that say something of the time per token; why the others do not goes to `left_out`."""
    kept = []
    for experiment in experiments:
        rows = experiment.listed
        try:
            if rows is not None and "e2e_s" in rows:
                at_once = (rows["output_tokens"] > 1) & (rows["e2e_s"] <= rows["ttft_s"])
                if at_once.any() or (rows["ttft_s"] <= 0).any():
                    raise InputError("a request with ttft_s 0, or all its tokens at once")
            seen = observations(experiment)
        except InputError as error:
            left_out[experiment.name] = str(error)
            continue
        if seen:
            kept.append(experiment)
        elif experiment.is_complete and experiment.concurrency is None:
            left_out[experiment.name] = (
                "no time per output token was measured, or its model does not fit as described"
            )
    return kept


def _checked(
    calibration: Calibration, priors: Mapping[str, Prior], console: Console
) -> Calibration:
    """The calibration; C, and told, where a coefficient ends far from what is likely.

    Raises
    ------
    InputError
        If one ends where no server is: times in another unit, most likely.
    """
    far = dict[str, float]()
    for name, prior in priors.items():
        value, least = float(getattr(calibration, name)), LEAST * max(1.0, prior.typical)
        spread = (prior.spread**2 + prior.gpu_spread**2) ** 0.5
        away = float(np.log(max(value, least) / max(prior.typical, least))) / spread
        if value == 0 and name != "api_overhead_ms":
            continue  # known of the GPU's kernels, and not fitted
        # No cost of an API at all is what a client on the same host may see.
        if abs(away) > FAR and not (name == "api_overhead_ms" and away < 0):
            far[name] = abs(away)
    if not far:
        return calibration
    worst = max(far, key=lambda name: far[name])
    told = ", ".join(f"{name} {getattr(calibration, name):.4g}" for name in far)
    why = f"{calibration.name}: far from what is likely: {told}; are all times in the file's unit?"
    if far[worst] > IMPOSSIBLE:
        raise InputError(f"{why} {worst} would be {far[worst]:.0f} spreads away")
    console.print(f"warning: {why}", style="yellow", highlight=False, markup=False)
    notes = f"{calibration.notes} Far from what is likely: {told}."
    return calibration.model_copy(update={"confidence": "C", "notes": notes})


def own_experiment(
    path: Path, model: str | None, gpu: str | None, engine: Mapping[str, Any]
) -> Experiment:
    """A user's run, request by request, as one experiment.

    Raises
    ------
    InputError
        If model or GPU is not given, or the file has no measured times.
    """
    model = model or bench_model(path)
    if model is None and gpu is None:
        raise InputError(f"{path}: says no model and no GPU; give both: --model and --gpu")
    if model is None or gpu is None:
        what = "model" if model is None else "GPU"
        raise InputError(f"{path}: says no {what}; give it: --{what.lower()}")
    listed = read_listed(path)
    measured = measured_metrics(listed)
    if not measured:
        raise InputError(f"{path}: the columns 'ttft_s' and 'e2e_s' are needed to calibrate")
    for metric, value in measured.items():
        if value <= 0:
            raise InputError(f"{path}: {metric}: expected more than 0, found {value:g}")
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
        console.print(f"left out: {count} × {reason}", style="dim", highlight=False, markup=False)
    table = Table(title="Mean absolute percentage error (runs count alike)")
    table.add_column("fit")
    for metric in METRICS:
        table.add_column(metric.replace("_ms_", " "), justify="right", no_wrap=True)
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
        console.print(str(path), highlight=False, markup=False, soft_wrap=True)
