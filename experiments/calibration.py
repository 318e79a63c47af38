"""Calibration: fit the step time to measured runs, and measure how far it can be trusted.

Question. What efficiencies and overheads explain what real servers did?
What is varied. The GPU; each model and each GPU in turn is left out, to see what a new one may get.
What is held. The physics of `simulator.physics`, the priors of `calibration_fit`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from experiments.calibration_data import Experiment
from experiments.calibration_fit import PRIORS, Coefficients, Fit, Prior, fit
from experiments.calibration_observation import Observation, evened, observations
from experiments.latency_validation import validate
from hardware_profiles.calibration import Calibration, CalibrationError
from hardware_profiles.gpu import GPU

__all__ = ["METRICS", "Calibrated", "calibrate", "own_priors"]

METRICS = ("tpot_ms_mean", "e2e_ms_mean", "ttft_ms_mean", "e2e_ms_p99", "ttft_ms_p99")
"""What errors are kept for."""
API_TYPICAL_MS = 8.0
"""API-side cost where no client was measured; 6-10 ms on two kinds of hosts, 16 on a third. [ms]"""
SHIFTED = ("ttft", "e2e")
Progress = Callable[[float], None]


@dataclass(frozen=True)
class Calibrated:
    """What came out of a calibration, and how right it is."""

    fit: Fit
    api_ms: Mapping[str, float]
    """API-side cost by GPU. [ms]"""
    fitted: pd.DataFrame
    """Predicted against measured, all in the fit (see `latency_validation.validate`)."""
    without_model: pd.DataFrame
    """The same, each model predicted by a fit that has not seen it."""
    without_gpu: pd.DataFrame
    """The same, each GPU predicted by a fit that has seen no run of it, but its kernels."""
    without_all: pd.DataFrame
    """The same, nothing of the GPU seen."""
    points: pd.DataFrame
    """Observations: ``gpu, is_complete, error`` (relative, of the time per token)."""

    def coefficients(self, gpu: str | None, family: str | None) -> Coefficients:
        """Coefficients of a GPU, a family or (both None) any GPU, API-side cost included."""
        if gpu is not None:
            own, costs = self.fit.by_gpu[gpu], [self.api_ms.get(gpu, self.api_typical_ms)]
        elif family is not None:
            own = self.fit.of_family(family)
            costs = [ms for name, ms in self.api_ms.items() if self.fit.families[name] == family]
        else:
            own, costs = self.fit.generic, []
        api_ms = float(np.mean(costs)) if costs else self.api_typical_ms
        return own | {"api_overhead_ms": api_ms}

    @property
    def api_typical_ms(self) -> float:
        """Median of the measured hosts. [ms]"""
        return float(np.median(list(self.api_ms.values()))) if self.api_ms else API_TYPICAL_MS


def own_priors(calibration: Calibration) -> dict[str, Prior]:
    """Priors for a user's own few runs: what the shelf says, and as near as one GPU to the rest."""
    return {
        name: Prior(max(getattr(calibration, name), 1e-3), p.gpu_spread, 1e-3, p.is_share)
        for name, p in PRIORS.items()
    }


def calibrate(
    experiments: Sequence[Experiment],
    seeds: int = 2,
    priors: Mapping[str, Prior] = PRIORS,
    leave_out: bool = True,
    kernels: Sequence[Observation] = (),
    progress: Progress | None = None,
) -> Calibrated:
    """Fit coefficients to measured experiments, and find the errors of the fit.

    Incomplete experiments and closed loops enter the fit with a small weight; errors are those of
    the complete ones, replayed from end to end.

    Parameters
    ----------
    experiments : at least one with a measured time per token.
    seeds : replications of each replay.
    priors : of the coefficients.
    leave_out : find the errors on models and GPUs that the fit has not seen: a fit for each.
    kernels : observations of kernels alone (`calibration_silicon`).
    progress : called with the share that is done.
    """
    seen = [*kernels, *evened([o for e in experiments for o in observations(e)], kernels)]
    replayed = [e for e in experiments if e.is_complete and e.concurrency is None]
    models = sorted({e.model.name for e in replayed}) if leave_out else []
    gpus = sorted({e.gpu.name for e in replayed}) if leave_out else []
    report = _Shares(1 + len(models) + 2 * len(gpus), progress)

    best = fit(seen, priors=priors)
    fitted = _replay(best, replayed, seeds)
    api_ms = _api_overheads(fitted, replayed)
    report.next()
    without_model: list[pd.DataFrame] = []
    without_gpu: list[pd.DataFrame] = []
    without_all: list[pd.DataFrame] = []
    for model in models:
        others = fit([o for o in seen if o.llm.name != model], priors=priors)
        left_out = [e for e in replayed if e.model.name == model]
        without_model.append(_replay(others, left_out, seeds))
        report.next()
    for gpu in gpus:
        left_out = [e for e in replayed if e.gpu.name == gpu]
        for spared, tables in ((kernels, without_gpu), ((), without_all)):
            rest = [o for o in seen if o.gpu.name != gpu or o in spared]
            if rest:
                tables.append(_replay(fit(rest, priors=priors), left_out, seeds))
            report.next()
    hosts = dict(api_ms)
    return Calibrated(
        fit=best,
        api_ms=api_ms,
        fitted=_with_api(fitted, replayed, hosts),
        without_model=_with_api(_joined(without_model), replayed, hosts),
        without_gpu=_with_api(_joined(without_gpu), replayed, _others(hosts)),
        without_all=_with_api(_joined(without_all), replayed, _others(hosts)),
        points=_points(best, seen),
    )


def _replay(found: Fit, experiments: Sequence[Experiment], seeds: int) -> pd.DataFrame:
    """Replays by the coefficients of each experiment's GPU, without any API-side cost."""

    def chosen(experiment: Experiment) -> Calibration:
        gpu: GPU = experiment.gpu
        own = found.of(gpu.name, gpu.family) | {"api_overhead_ms": 0.0}
        return Calibration.ideal().model_copy(update=own)

    return validate(experiments, seeds, chosen)


def _api_overheads(replays: pd.DataFrame, experiments: Iterable[Experiment]) -> dict[str, float]:
    """By GPU, the cost that brings predicted mean TTFTs nearest to the measured ones. [ms]

    The sum of absolute percentage errors is least at the weighted median of what is missing.
    """
    as_client = {e.name for e in experiments if e.client_side}
    rows = replays[(replays["metric"] == "ttft_ms_mean") & replays["experiment_id"].isin(as_client)]
    found = {}
    for gpu, group in rows.groupby("gpu"):
        missing = (group["measured"] - group["predicted"]).to_numpy()
        stages = group.groupby("experiment_id")["metric"].transform("size").to_numpy()
        order = np.argsort(missing)
        weights = np.cumsum((1 / group["measured"].to_numpy() / stages)[order])
        middle = missing[order][np.searchsorted(weights, weights[-1] / 2)]
        found[str(gpu)] = max(0.0, float(middle))
    return found


def _others(api_ms: Mapping[str, float]) -> dict[str, float]:
    """What a GPU that is left out would be given: the median of the other hosts. [ms]"""
    found = {}
    for gpu in api_ms:
        rest = [ms for name, ms in api_ms.items() if name != gpu]
        found[gpu] = float(np.median(rest)) if rest else API_TYPICAL_MS
    return found


def _with_api(
    replays: pd.DataFrame, experiments: Iterable[Experiment], api_ms: Mapping[str, float]
) -> pd.DataFrame:
    """Add the API-side cost to what a client sees: TTFT and E2E."""
    if not len(replays):
        return replays
    as_client = {e.name for e in experiments if e.client_side}
    seen = replays["experiment_id"].isin(as_client) & replays["metric"].str.startswith(SHIFTED)
    predicted = replays["predicted"] + seen * replays["gpu"].map(dict(api_ms)).fillna(0.0)
    errors = 100 * (predicted / replays["measured"] - 1).abs()
    return replays.assign(predicted=predicted, ape_pct=errors)


def _joined(tables: list[pd.DataFrame]) -> pd.DataFrame:
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def _points(found: Fit, seen: Sequence[Observation]) -> pd.DataFrame:
    """Error of the fit at each observation."""
    ideal, rows = Calibration.ideal(), list[dict[str, object]]()
    for o in seen:
        if o.arrivals_per_s:
            continue
        own = ideal.model_copy(update=found.by_gpu[o.gpu.name])
        error = o.predicted_s(own) / o.measured_s - 1
        rows.append({"gpu": o.gpu.name, "is_complete": o.is_complete, "error": error})
    return pd.DataFrame(rows)


class _Shares:
    """Counts parts that are done."""

    def __init__(self, parts: int, progress: Progress | None) -> None:
        self.parts, self.done, self.progress = parts, 0, progress

    def next(self) -> None:
        """One more."""
        self.done += 1
        if self.progress is not None:
            self.progress(self.done / self.parts)


def spread_pct_of(ratios: ArrayLike) -> float:
    """Root mean square of logarithms of predicted over measured, as a percentage."""
    return 100 * float(np.expm1(np.sqrt((np.asarray(ratios) ** 2).mean())))


def errors_of(
    replays: pd.DataFrame, without_model: pd.DataFrame, without_gpu: pd.DataFrame
) -> dict[str, CalibrationError]:
    """Errors by metric: experiments count alike, whatever their number of stages. [%]"""
    found = {}
    for metric in METRICS:
        mine = replays[replays["metric"] == metric] if len(replays) else replays
        if not len(mine):
            continue
        by_experiment = mine.groupby("experiment_id")["ape_pct"].mean()
        # Of models the fit has not seen, if there are any: so will most models be.
        unseen = without_model[without_model["metric"] == metric] if len(without_model) else mine
        ratios = np.log(unseen["predicted"] / unseen["measured"])
        found[metric] = CalibrationError(
            mean_ape_pct=_rounded(by_experiment.mean()),
            median_ape_pct=_rounded(by_experiment.median()),
            spread_pct=_rounded(spread_pct_of(ratios)),
            leave_one_model_out_pct=_mean_ape(without_model, metric),
            leave_one_gpu_out_pct=_mean_ape(without_gpu, metric),
        )
    return found


def _mean_ape(replays: pd.DataFrame, metric: str) -> float | None:
    if not len(replays):
        return None
    mine = replays[replays["metric"] == metric]
    if not len(mine):
        return None
    return _rounded(mine.groupby("experiment_id")["ape_pct"].mean().mean())


def _rounded(number: float) -> float:
    return round(float(number), 2)
