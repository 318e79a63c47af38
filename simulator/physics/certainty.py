"""Certainty: which calibration a prediction rests on, and how far off it may be."""

from collections.abc import Mapping
from statistics import NormalDist
from typing import NamedTuple

from hardware_profiles.calibration import CalibrationError, Chosen

__all__ = ["Certainty", "Interval", "certainty"]

# Errors are kept for means and for the 99th percentile; what lies between goes by the nearer.
_KEPT = {"mean": "mean", "p50": "mean", "p90": "mean", "p95": "p99", "p99": "p99"}
_INSTEAD = {"tpot_ms_p99": "tpot_ms_mean"}


class Interval(NamedTuple):
    """Where the truth lies, most likely; in the unit of the prediction."""

    low: float
    high: float


class Certainty(NamedTuple):
    """What is known of the error of a prediction."""

    calibration: str
    """Name of the calibration; "given" where coefficients were."""
    is_calibrated: bool
    """Whether the GPU itself, or one of its family, was measured."""
    sentence: str
    """For a person to read beside the numbers."""
    errors: Mapping[str, CalibrationError]

    def interval(
        self, latency: str, which: str, value: float, level: float = 0.9
    ) -> Interval | None:
        """Interval around a predicted latency, from the residuals of the calibration.

        Residuals are taken for log-normal, $value · (1 + s)^{±z}$ with their spread s.

        Parameters
        ----------
        latency : ``ttft``, ``tpot`` or ``e2e``.
        which : ``mean``, ``p50``, ``p90``, ``p95`` or ``p99``.
        value : what was predicted.
        level : chance that the truth lies within.

        Returns
        -------
        None where no error was measured.
        """
        metric = f"{latency}_ms_{_KEPT[which]}"
        error = self.errors.get(_INSTEAD.get(metric, metric))
        if error is None:
            return None
        factor = (1 + error.spread_pct / 100) ** NormalDist().inv_cdf((1 + level) / 2)
        return Interval(value / factor, value * factor)


def certainty(chosen: Chosen, gpu: str) -> Certainty:
    """What a calibration, chosen as near to a GPU as there is one, is worth.

    Parameters
    ----------
    chosen : from `Calibration.choose`, or one that was given.
    gpu : name of the GPU it is used for.
    """
    calibration, nearness = chosen
    expected = [
        f"{latency.upper()} ±{error.spread_pct:.0f} %"
        for latency in ("ttft", "tpot", "e2e")
        if (error := calibration.errors.get(f"{latency}_ms_mean")) is not None
    ]
    expect = f"; expect {', '.join(expected)} in the mean" if expected else ""
    runs = f"{calibration.num_experiments} experiments"
    name = calibration.name
    says = {
        "gpu": f"{name}: measured on {gpu}"
        + (f", {runs}" if calibration.num_experiments else ", single points only"),
        "family": f"{name}: not measured on {gpu}, but on others of its family",
        "generic": f"not calibrated: nothing near {gpu} was measured; {name}",
        "given": f"{name}: given" + (f", {runs}" if calibration.num_experiments else ""),
    }
    return Certainty(
        calibration=name,
        is_calibrated=nearness != "generic" and bool(calibration.errors),
        sentence=says[nearness] + expect,
        errors=calibration.errors,
    )
