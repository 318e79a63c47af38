"""The fit: few coefficients, the same for all GPUs but for small deviations of each.

Least squares on the logarithms of the coefficients, with a robust loss. What a coefficient may be
at all, and how far one GPU may lie from the others, are priors: a GPU with two measured servers
moves only as far as they insist, and one with none stays where the others are.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from experiments.calibration_observation import Observation
from hardware_profiles.calibration import Calibration

__all__ = ["PRIORS", "Coefficients", "Fit", "Prior", "fit"]

Coefficients = dict[str, float]
Floats = NDArray[np.float64]


class Prior(NamedTuple):
    """What is known of a coefficient before anything is measured."""

    typical: float
    spread: float
    """Of the logarithm, for all GPUs together."""
    gpu_spread: float
    """Of the logarithm, of one GPU around all."""
    is_share: bool = False
    """At most 1."""


PRIORS: Mapping[str, Prior] = {
    "bandwidth_efficiency": Prior(0.9, 0.06, 0.10, True),
    "kv_bandwidth_efficiency": Prior(0.85, 0.15, 0.20, True),
    "compute_efficiency": Prior(0.65, 0.15, 0.15, True),
    "narrow_compute_efficiency": Prior(0.85, 0.2, 0.15, True),
    "attention_efficiency": Prior(0.4, 0.3, 0.2, True),
    "expert_compute_efficiency": Prior(0.8, 0.3, 0.2, True),
    "expert_padding_tokens": Prior(24.0, 0.7, 0.2),
    "four_bit_efficiency": Prior(0.7, 0.3, 0.3, True),
    "link_efficiency": Prior(0.7, 0.3, 0.2, True),
    "direct_link_efficiency": Prior(0.3, 0.5, 0.4, True),
    "host_link_efficiency": Prior(0.32, 0.4, 0.2, True),
    "unoverlapped_share": Prior(0.2, 0.5, 0.3, True),
    "token_diversity": Prior(0.7, 0.4, 0.1, True),
    "step_overhead_us": Prior(300.0, 0.5, 0.3),
    "layer_overhead_us": Prior(40.0, 0.4, 0.3),
    "moe_layer_overhead_us": Prior(40.0, 0.5, 0.3),
    "quantized_layer_overhead_us": Prior(8.0, 0.5, 0.3),
    "collective_overhead_us": Prior(4.0, 0.6, 0.5),
    "relay_overhead_us": Prior(20.0, 0.3, 0.3),
    "host_overhead_us": Prior(30.0, 0.5, 0.3),
    "sequence_overhead_us": Prior(3.0, 0.7, 0.5),
    "sort_bytes": Prior(650.0, 0.3, 0.4),
    "query_head_rereads": Prior(0.3, 1.0, 1.0, True),
    "api_overhead_ms": Prior(8.0, 0.4, 0.4),
}
"""Sources: 80-95 % of the bandwidth and 60-75 % of the peak are what tuned kernels reach in vendor
benchmarks; 20 µs is NCCL's latency for a small message, more through the host, which also brings a
PCIe link to a third of its bandwidth; kernels of experts work in tiles of 16 to 128 tokens, half
of the last one empty; kernel launches of 2-5 µs, some ten a layer; HTTP and a
tokeniser some milliseconds. Wide where nothing is known."""

PACKS_GROUPED_QUERIES = frozenset({"hopper"})
"""Families whose attention kernel (FlashAttention-3) reads the cache once for all query heads of a
group, in steps with prompts too: `query_head_rereads` is 0 there by construction. FlashAttention-2
packs them only where every sequence decodes."""

LEAST = 1e-6


class Fit(NamedTuple):
    """Coefficients of each GPU, and of a GPU that was not measured."""

    generic: Coefficients
    by_gpu: dict[str, Coefficients]
    families: dict[str, str]
    """Family by GPU."""

    def of(self, gpu: str, family: str) -> Coefficients:
        """Coefficients of a GPU: its own, the mean of its family's, or the generic ones."""
        return self.by_gpu.get(gpu) or self.of_family(family)

    def of_family(self, family: str) -> Coefficients:
        """Geometric mean of a family's GPUs, drawn to the generic ones as if that were one more."""
        kin = [c for name, c in self.by_gpu.items() if self.families[name] == family]
        mean = {
            name: float(np.exp(np.mean(np.log([c[name] or LEAST for c in (*kin, self.generic)]))))
            for name in self.generic
        }
        return mean | _packed(family)


EXPERT_COMPILE_S = 1.0
"""Stall for each size of prompt batch on a server with experts that has just started: "about a
second" in the measured runs, which is too coarse for a fit. [s]"""


def _packed(family: str) -> Coefficients:
    """What is known of a family's kernels, whatever the data say."""
    return {"query_head_rereads": 0.0} if family in PACKS_GROUPED_QUERIES else {}


def fit(
    observations: Sequence[Observation],
    start: Calibration | None = None,
    priors: Mapping[str, Prior] = PRIORS,
) -> Fit:
    """Fit coefficients to observations.

    Parameters
    ----------
    observations : at least one.
    start : its other fields are used as they are; default the ideal machine.
    priors : coefficients to fit, with what is known of them.
    """
    from scipy.optimize import least_squares

    problem = _Problem(observations, start or Calibration.ideal(), priors)
    start_at, upper = problem.start_and_bounds()
    found = least_squares(problem.residuals, start_at, jac=problem.jacobian,
                          bounds=(-np.inf, upper), x_scale="jac",
                          xtol=1e-6, ftol=1e-6)  # fmt: skip
    rows = [
        dict(zip(problem.names, map(float, row), strict=True))
        | packed
        | {"expert_compile_s": EXPERT_COMPILE_S}
        for row, packed in zip(
            np.exp(problem.coefficients(found.x)), [{}, *problem.packed], strict=True
        )
    ]
    return Fit(rows[0], dict(zip(problem.gpus, rows[1:], strict=True)), problem.family)


class _Problem:
    """Least squares of all GPUs together: common coefficients, and how each GPU leaves them.

    A point holds logarithms: a row for what all share, then one for each GPU's own difference.
    """

    def __init__(
        self,
        observations: Sequence[Observation],
        base: Calibration,
        priors: Mapping[str, Prior],
    ) -> None:
        self.observations, self.base = observations, base
        self.names, self.gpus = list(priors), sorted({o.gpu.name for o in observations})
        self.family = {o.gpu.name: o.gpu.family for o in observations}
        self.packed = [_packed(self.family[gpu]) for gpu in self.gpus]
        self.of_gpu = np.array([self.gpus.index(o.gpu.name) for o in observations])
        self.spreads = np.array([[p.spread, p.gpu_spread] for p in priors.values()])
        self.typical = np.log([p.typical for p in priors.values()])
        self.ceiling = np.array([0.0 if p.is_share else np.inf for p in priors.values()])
        self.weights = 1 / np.array([o.sigma for o in observations])

    def start_and_bounds(self) -> tuple[Floats, Floats]:
        """Where to begin, and what no coefficient may exceed."""
        own = len(self.gpus) * len(self.names)
        start = np.concatenate([self.typical, np.zeros(own)])
        return start, np.concatenate([self.ceiling + LEAST, np.full(own, np.inf)])

    def coefficients(self, x: Floats) -> Floats:
        """Logarithms, one row for all GPUs, then one for each."""
        table = x.reshape(len(self.gpus) + 1, len(self.names))
        logs: Floats = np.minimum(np.vstack([table[:1], table[0] + table[1:]]), self.ceiling)
        return logs

    def residuals(self, x: Floats) -> Floats:
        """Weighted errors of the observations, then distances from the priors."""
        table = x.reshape(len(self.gpus) + 1, len(self.names))
        common = (table[0] - self.typical) / self.spreads[:, 0]
        own = (table[1:] / self.spreads[:, 1]).ravel()
        return np.concatenate([self._errors(self.coefficients(x)), common, own])

    def jacobian(self, x: Floats) -> Floats:
        """By differences in the common coefficients: a GPU's own act like them, on its rows."""
        here, step = self.coefficients(x), 1e-4
        now = self._errors(here)
        slopes = np.empty((len(now), len(self.names)))
        for k in range(len(self.names)):
            moved = here.copy()
            moved[:, k] -= step  # downwards: a share cannot exceed 1
            slopes[:, k] = (now - self._errors(moved)) / step
        gpus = range(len(self.gpus))
        own = [np.where((self.of_gpu == g)[:, None], slopes, 0.0) for g in gpus]
        common, single = self.spreads.T
        steepness = np.concatenate([1 / common, np.tile(1 / single, len(self.gpus))])
        return np.vstack([np.hstack([slopes, *own]), np.diag(steepness)])

    def _errors(self, table: Floats) -> Floats:
        """Weighted logarithms of predicted over measured; pseudo-Huber beyond two sigmas."""
        calibrations = [
            _calibration(self.base, self.names, row).model_copy(update=packed)
            for row, packed in zip(table[1:], self.packed, strict=True)
        ]
        ratios = [
            o.predicted_s(calibrations[g]) / o.measured_s
            for o, g in zip(self.observations, self.of_gpu, strict=True)
        ]
        residuals, scale = self.weights * np.log(ratios), 2.0
        tamed: Floats = scale * np.sqrt(2 * (np.sqrt(1 + (residuals / scale) ** 2) - 1))
        return np.sign(residuals) * tamed


def _calibration(base: Calibration, names: Sequence[str], logs: Floats) -> Calibration:
    return base.model_copy(update=dict(zip(names, np.exp(logs).tolist(), strict=True)))
