"""Calibration files: what `servecast calibrate` writes for the shelf, or for a user."""

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from experiments.calibration import METRICS, Calibrated, errors_of, spread_pct_of
from experiments.calibration_data import Experiment
from hardware_profiles.calibration import Calibration, CalibrationError

__all__ = ["calibrations_of", "replay_table", "write_calibration"]

ENGINE = "vllm"
OWN_NOTE = " Spreads are no less than those of the shelf's calibration it was fitted near."
OWN_RUNS = {"A": 6, "B": 3}
"""Replayed runs of a user's own that a confidence needs; fewer are C."""
DIGITS = 4
"""Significant digits of a coefficient."""


def calibrations_of(
    found: Calibrated,
    experiments: Sequence[Experiment],
    files: Sequence[Path],
    prefix: str = ENGINE,
    is_own: bool = False,
) -> list[Calibration]:
    """One calibration for every GPU in the fit, for each of their families, and a generic one.

    Where a GPU's own runs were replayed, its errors are those of the replays. Elsewhere they are
    what GPUs had that the fit had not seen, and of the points of the GPU itself for its TPOT.

    Parameters
    ----------
    files : the measurements, named in the source.
    prefix : of the names.
    is_own : a user's own few runs, fitted near what the shelf says: what is left of their error in
        the fit is no measure of the next run's, so no spread is less than the shelf's.
    """
    made, source = list[Calibration](), f"servecast calibrate {' '.join(f.name for f in files)}"
    about = {"source": source, "checked": date.today(), "engine": ENGINE}
    for gpu, family in sorted(found.fit.families.items()):
        mine = [e for e in experiments if e.gpu.name == gpu]
        replayed = [e for e in mine if e.is_complete and e.concurrency is None]
        errors = _own_errors(found, gpu) if replayed else _point_errors(found, gpu)
        made.append(
            Calibration.parse(
                about
                | {
                    "name": f"{prefix}-{gpu}",
                    "gpu": gpu,
                    "gpu_family": family,
                    "confidence": _confidence(len(replayed), is_own),
                    "engine_version": _versions(replayed or mine),
                    "notes": _notes(replayed, mine) + (OWN_NOTE if is_own else ""),
                    "num_experiments": len(replayed),
                    "errors": _no_less_spread(errors, gpu, family) if is_own else errors,
                }
                | _rounded(found.coefficients(gpu, family))
            )
        )
    for family in sorted(set(found.fit.families.values())):
        kin = sorted(gpu for gpu, of in found.fit.families.items() if of == family)
        made.append(_broader(found, about, f"{prefix}-{family}", family, kin))
    everything = sorted(found.fit.families)
    made.append(_broader(found, about, f"{prefix}-generic", None, everything))
    return made


def _confidence(runs: int, is_own: bool) -> str:
    if not is_own:
        return "A" if runs else "B"
    return next((letter for letter, least in OWN_RUNS.items() if runs >= least), "C")


def _no_less_spread(
    errors: Mapping[str, CalibrationError], gpu: str, family: str
) -> dict[str, CalibrationError]:
    """Errors with the spread of the shelf's nearest calibration where that is the larger."""
    shelf = Calibration.choose(gpu, family).calibration.errors
    return {
        metric: error.model_copy(update={"spread_pct": shelf[metric].spread_pct})
        if metric in shelf and shelf[metric].spread_pct > error.spread_pct
        else error
        for metric, error in {**shelf, **errors}.items()
    }


def replay_table(found: Calibrated) -> pd.DataFrame:
    """Every replay behind the errors: predicted and measured, by fit.

    Returns
    -------
    DataFrame of ``fit`` (``all``, ``without_model``, ``without_gpu``, ``without_all``) and the
    columns of `latency_validation.validate`, for the metrics that errors are kept for.
    """
    tables = {
        "all": found.fitted,
        "without_model": found.without_model,
        "without_gpu": found.without_gpu,
        "without_all": found.without_all,
    }
    parts = [t[t["metric"].isin(METRICS)].assign(fit=name) for name, t in tables.items() if len(t)]
    rows = pd.concat(parts, ignore_index=True)
    rows = rows[["fit", *(column for column in rows.columns if column != "fit")]]
    return rows.round({"predicted": 3, "ape_pct": 3})


def write_calibration(calibration: Calibration, folder: Path) -> Path:
    """Write ``<name>.yaml``, leaving out what is as the ideal machine has it.

    Returns
    -------
    Path of the file.
    """
    ideal = Calibration.ideal().model_dump(mode="json")
    entry = calibration.model_dump(mode="json")
    kept = {
        key: value
        for key, value in entry.items()
        if key in ("name", "source", "checked", "confidence") or value != ideal[key]
    }
    kept["checked"] = calibration.checked
    kept["errors"] = {metric: _without_none(error) for metric, error in entry["errors"].items()}
    path = folder / f"{calibration.name}.yaml"
    text = yaml.safe_dump(kept, sort_keys=False, allow_unicode=True, width=96)
    path.write_text(text, encoding="utf-8")
    return path


def _broader(
    found: Calibrated, about: Mapping[str, Any], name: str, family: str | None, kin: Sequence[str]
) -> Calibration:
    """Calibration of a family, or of any GPU: its errors are those of GPUs left out."""
    return Calibration.parse(
        dict(about)
        | {
            "name": name,
            "gpu_family": family,
            "confidence": "C",
            "notes": f"Mean of {', '.join(kin)}, drawn to all others; errors are those of all GPUs "
            "with runs, each left out of the fit and given the coefficients of the others.",
            "errors": _unseen_errors(found),
        }
        | _rounded(found.coefficients(None, family))
    )


def _own_errors(found: Calibrated, gpu: str) -> dict[str, CalibrationError]:
    tables = (found.fitted, found.without_model, found.without_gpu)
    return errors_of(*(_of_gpus(table, [gpu]) for table in tables))


def _unseen_errors(found: Calibrated) -> dict[str, CalibrationError]:
    """Errors on GPUs that the fit had not seen, each GPU counting alike.

    Of all of them: a family of which one GPU was measured says nothing of how it varies.
    """
    by_gpu = [
        errors_of(part, pd.DataFrame(), part)
        for _, part in (found.without_all.groupby("gpu") if len(found.without_all) else ())
    ]
    joined = dict[str, CalibrationError]()
    for metric in METRICS:
        each = [errors[metric] for errors in by_gpu if metric in errors]
        if each:
            mean = float(np.mean([error.mean_ape_pct for error in each]))
            spreads = np.log1p([error.spread_pct / 100 for error in each])
            joined[metric] = CalibrationError(
                mean_ape_pct=round(mean, 2),
                median_ape_pct=round(float(np.median([e.median_ape_pct for e in each])), 2),
                spread_pct=round(spread_pct_of(spreads), 2),
                leave_one_gpu_out_pct=round(mean, 2),
            )
    return joined


def _point_errors(found: Calibrated, gpu: str) -> dict[str, CalibrationError]:
    """TPOT from the GPU's own points, the rest from GPUs that were left out."""
    errors = _unseen_errors(found)
    points = 100 * found.points.loc[found.points["gpu"] == gpu, "error"]
    ratios = np.log1p(points / 100)
    own = CalibrationError(
        mean_ape_pct=round(float(points.abs().mean()), 2),
        median_ape_pct=round(float(points.abs().median()), 2),
        spread_pct=round(spread_pct_of(ratios), 2),
    )
    return {metric: errors[metric] for metric in METRICS if metric in errors} | {METRICS[0]: own}


def _of_gpus(replays: pd.DataFrame, gpus: Sequence[str]) -> pd.DataFrame:
    return replays[replays["gpu"].isin(gpus)] if len(replays) else replays


def _versions(experiments: Sequence[Experiment]) -> str:
    known = sorted({e.engine_version for e in experiments if e.engine_version})
    return ", ".join(known) if known else "not stated"


def _notes(replayed: Sequence[Experiment], mine: Sequence[Experiment]) -> str:
    models = sorted({e.model.name for e in (replayed or mine)})
    if replayed:
        return f"End-to-end runs of {', '.join(models)}."
    return (
        f"No end-to-end run: {len(mine)} closed-loop points of {', '.join(models)} with incomplete "
        "server settings; errors but that of TPOT are those of GPUs left out of the fit."
    )


def _rounded(coefficients: Mapping[str, float]) -> dict[str, float]:
    return {name: float(f"{value:.{DIGITS}g}") for name, value in coefficients.items()}


def _without_none(error: Mapping[str, float | None]) -> dict[str, float]:
    return {key: value for key, value in error.items() if value is not None}
