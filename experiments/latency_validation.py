"""Validation: replay measured runs and compare latencies.

Question. How far are predicted TTFT, TPOT and E2E from what real servers did?
What is varied. The measured experiments; seeds of the arrivals.
What is held. Everything a row of the measured file says of its server and its load.
"""

from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from experiments.calibration_data import METRICS, Experiment
from hardware_profiles.calibration import Calibration
from hardware_profiles.errors import InputError
from simulator import Result, Scenario, simulate
from simulator.rng import stream
from workloads.segments import from_rows
from workloads.trace import Trace

__all__ = ["predict", "replay", "trace_of", "validate"]

# Spread of the measured prompts' lengths around their mean, 5.5 to 7.7 tokens in six runs.
PROMPT_SPREAD = 6.0
REQUESTS_PER_CLIENT = 10
UNPRICED = {
    "name": "unpriced", "provider": "nobody", "mode": "on_demand", "usd_per_gpu_hour": 0.0,
    "source": "a replay has no bill", "checked": "2026-11-28", "confidence": "A",
}  # fmt: skip
Progress = Callable[[float], None]


def trace_of(experiment: Experiment, seed: int) -> Trace:
    """Requests of an experiment as its file describes them; the same seed gives the same."""
    if experiment.listed is not None:
        rows = experiment.listed
        return Trace.from_columns(
            rows["arrival_s"],
            rows["input_tokens"],
            rows["output_tokens"],
            meta={"source": experiment.name},
        )
    rng = stream(seed, f"validation/{experiment.name}")
    if experiment.concurrency is not None:
        return _closed_loop(experiment, rng)
    arrivals, start = list[NDArray[np.float64]](), 0.0
    for stage in experiment.stages:
        # Poisson arrivals given their number are uniform; the measured stages kept their number.
        count = round(stage.rate_rps * stage.duration_s)
        arrivals.append(np.sort(rng.uniform(start, start + stage.duration_s, count)))
        start += stage.duration_s
    arrival_s = np.concatenate(arrivals)
    lengths = _prompt_lengths(experiment, rng)
    which = np.arange(len(arrival_s)) % len(lengths)
    return Trace.from_columns(
        arrival_s,
        lengths[which],
        np.full(len(arrival_s), experiment.output_tokens),
        segments=from_rows([_prompt(experiment, int(p), int(lengths[p])) for p in which]),
        meta={"source": experiment.name},
    )


def _prompt_lengths(experiment: Experiment, rng: np.random.Generator) -> NDArray[np.int64]:
    """Length of each distinct prompt. [tokens]"""
    spread = rng.normal(experiment.prompt_tokens, PROMPT_SPREAD, experiment.distinct_prompts)
    return np.maximum(experiment.shared_prefix + 1, np.rint(spread)).astype(np.int64)


def _prompt(experiment: Experiment, number: int, length: int) -> list[tuple[int, int]]:
    """Segments: a system prompt that its group shares, then what only this prompt has."""
    shared = min(experiment.shared_prefix, length - 1)
    per_group = max(1, experiment.distinct_prompts // experiment.prefix_groups)
    return [(number // per_group, shared), (1_000_000 + number, length - shared)]


def _closed_loop(experiment: Experiment, rng: np.random.Generator) -> Trace:
    """Clients that each ask again as soon as they have their answer; all prompts are new."""
    clients = experiment.concurrency or 1
    count = min(experiment.num_requests or REQUESTS_PER_CLIENT * clients,
                REQUESTS_PER_CLIENT * clients)  # fmt: skip
    longest = 2 / (1 + experiment.shortest)

    def lengths(mean: float) -> NDArray[np.int64]:
        drawn = mean * rng.uniform(longest * experiment.shortest, longest, count)
        return np.maximum(1, np.rint(drawn)).astype(np.int64)

    return Trace.from_columns(
        np.zeros(count),
        lengths(experiment.prompt_tokens),
        lengths(experiment.output_tokens),
        closed_loop=True,
        max_concurrency=clients,
        meta={"source": experiment.name},
    )


def replay(experiment: Experiment, seed: int = 0, calibration: Calibration | None = None) -> Result:
    """Serve an experiment's requests as its server would.

    Parameters
    ----------
    seed : of the arrivals and the prompts' lengths.
    calibration : in place of the nearest on the shelf.
    """
    trace = trace_of(experiment, seed)
    # A benchmark in a closed loop warms the server first; the staged runs' first prompts did.
    cold = experiment.concurrency is None and experiment.listed is None
    step_time: dict[str, object] = {"kind": "roofline", "cold": cold}
    if calibration is not None:
        step_time["calibration"] = calibration
    scenario = Scenario.parse(
        {
            "name": experiment.name,
            "traffic": "steady-chat",  # stands in: the requests are given
            "model": experiment.model,
            "gpu": experiment.gpu,
            "engine": dict(experiment.engine),
            "offer": UNPRICED | {"gpu": experiment.gpu.name},
            "replicas": experiment.replicas,
            "router": {"kind": "least_loaded"},
            "step_time": step_time,
            "client_overhead": experiment.client_side,
            "seed": seed,
        }
    )
    return simulate(scenario, trace)


def predict(experiment: Experiment, result: Result) -> list[dict[str, float]]:
    """Metrics of each stage of a replayed experiment, by column of the measured file. [ms]"""
    requests = result.requests
    arrival_s = requests["arrival_s"].to_numpy()
    stages, start = list[dict[str, float]](), 0.0
    for stage in experiment.stages:
        inside = np.ones(len(requests), dtype=bool)
        if stage.rate_rps and len(experiment.stages) > 1:
            inside = (arrival_s >= start) & (arrival_s < start + stage.duration_s)
            start += stage.duration_s
        stages.append(_metrics(requests[inside]))
    return stages


def _metrics(requests: pd.DataFrame) -> dict[str, float]:
    found = {}
    for metric in METRICS:
        what, _, which = metric.split("_")
        values = 1e3 * requests[f"{what}_s"].to_numpy(dtype=float)
        values = values[~np.isnan(values)]
        if not len(values):
            raise InputError("no request was completed")
        share = np.percentile(values, float(which[1:])) if which != "mean" else values.mean()
        found[metric] = float(share)
    return found


def validate(
    experiments: Iterable[Experiment],
    seeds: int = 3,
    calibration: Calibration | Callable[[Experiment], Calibration] | None = None,
    progress: Progress | None = None,
    left_out: dict[str, str] | None = None,
) -> pd.DataFrame:
    """Predicted and measured, one row a figure.

    Parameters
    ----------
    experiments : what to replay.
    seeds : replications of the arrivals, averaged; a listed replay needs one.
    calibration : one for all, or a function of the experiment; default the nearest on the shelf.
    progress : called with the share that is done.
    left_out : gets the reason of each experiment that cannot be run, such as a model that does not
        fit; if not given, the first of them is an error.

    Returns
    -------
    DataFrame of ``experiment_id, stage_index, gpu, model, metric, predicted, measured, ape_pct``.
    """
    rows, all_of_them = list[dict[str, object]](), list(experiments)
    for done, experiment in enumerate(all_of_them):
        chosen = calibration(experiment) if callable(calibration) else calibration
        replications = 1 if experiment.listed is not None else seeds
        try:
            runs = [
                predict(experiment, replay(experiment, seed, chosen))
                for seed in range(replications)
            ]
        except InputError as error:
            if left_out is None:
                raise InputError(f"{experiment.name}: {error}") from None
            left_out[experiment.name] = str(error)
            continue
        for number, stage in enumerate(experiment.stages):
            for metric, measured in stage.measured.items():
                predicted = float(np.mean([run[number][metric] for run in runs]))
                rows.append(
                    {
                        "experiment_id": experiment.name,
                        "stage_index": stage.index,
                        "gpu": experiment.gpu.name,
                        "model": experiment.model.name,
                        "metric": metric,
                        "predicted": predicted,
                        "measured": measured,
                        "ape_pct": 100 * abs(predicted / measured - 1),
                    }
                )
        if progress is not None:
            progress((done + 1) / len(all_of_them))
    if not rows:
        reasons = "; ".join(f"{name}: {why}" for name, why in (left_out or {}).items())
        why = reasons or "none is complete, or none was measured"
        raise InputError(f"no experiment could be replayed: {why}")
    return pd.DataFrame(rows)
