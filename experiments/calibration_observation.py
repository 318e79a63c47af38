"""Observations: the mean batch of a measured stretch of load, and how long its tokens took.

A server under steady load has, by Little's law, ``rate × time in decode`` sequences in its batch.
So a measured time per token comes with the batch it belongs to, and a step-time model can be held
against it without simulating the queue.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from experiments.calibration_data import Experiment, Stage
from hardware_profiles.calibration import Calibration
from hardware_profiles.gpu import GPU
from simulator.engine.engine_args import EngineArgs
from simulator.physics.costs import step_costs
from simulator.physics.layout import Layout
from simulator.physics.step_time import step_seconds
from simulator.physics.work import StepWork
from workloads.llm import LLM

__all__ = ["Observation", "observations"]

# Relative errors that a good model may leave: the batch known request by request; a known load;
# points with unknown server flags.
LISTED_SIGMA, COMPLETE_SIGMA, INCOMPLETE_SIGMA = 0.01, 0.02, 0.08
# A server that is mostly queueing says little about its batch. [times the time per token]
LONGEST_TTFT_IN_TOKENS = 150
SHORTEST_OUTPUT = 256


@dataclass(frozen=True)
class Observation:
    """Measured time per output token of a mean batch."""

    experiment: str
    llm: LLM
    gpu: GPU
    layout: Layout
    decode: StepWork
    """The mean step without prompt tokens."""
    mixed: StepWork
    """The mean step with some."""
    mixed_share: float
    """Share of the steps that compute prompt tokens."""
    seconds_per_token: float
    sigma: float
    """Relative error a good model may leave."""
    is_complete: bool

    def predicted_s(self, calibration: Calibration) -> float:
        """Time per output token by the step-time model. [s]"""
        costs = step_costs(self.llm, self.gpu, self.layout, calibration)
        plain, mixed = step_seconds(self.decode, costs), step_seconds(self.mixed, costs)
        return float((1 - self.mixed_share) * plain + self.mixed_share * mixed)


def observations(experiment: Experiment) -> list[Observation]:
    """One observation a stage of an experiment, as far as its times per token were measured."""
    found = []
    for number, stage in enumerate(experiment.stages):
        token_s = stage.measured.get("tpot_ms_mean", 0.0) / 1e3
        if not token_s:
            continue
        batch: Batch | None
        if experiment.requests_file is not None:
            batch, token_s = _listed(experiment) or (None, token_s)
        elif experiment.concurrency is not None:
            batch = _closed_loop(experiment, stage, token_s)
        else:
            batch = _steady(experiment, stage, token_s, cold=number == 0)
        if batch is not None:
            found.append(_observation(experiment, token_s, *batch))
    return found


Batch = tuple[float, float, float, float, float]
"""Sequences decoding, their mean context, prompts per step, and of a prompt: new tokens, cached."""


def _steady(experiment: Experiment, stage: Stage, token_s: float, cold: bool) -> Batch | None:
    ttft_ms, e2e_ms = stage.measured.get("ttft_ms_mean"), stage.measured.get("e2e_ms_mean")
    decode_s = token_s * (experiment.output_tokens - 1)
    if ttft_ms is not None and e2e_ms is not None:
        decode_s = (e2e_ms - ttft_ms) / 1e3
    # An arriving request finds rate × time others, and is one more.
    seqs = 1 + stage.rate_rps * decode_s
    prompt = experiment.prompt_tokens
    block = experiment.engine.get("block_size", 16)
    new = prompt
    if experiment.engine.get("enable_prefix_caching", True) and experiment.distinct_prompts:
        count = stage.rate_rps * stage.duration_s
        share = min(1.0, experiment.distinct_prompts / count) if cold else 0.0
        new = share * prompt + (1 - share) * (block + 1) / 2
    context = prompt + experiment.output_tokens / 2
    return seqs, context, stage.rate_rps * token_s, new, prompt - new


def _closed_loop(experiment: Experiment, stage: Stage, token_s: float) -> Batch | None:
    seqs = float(experiment.concurrency or 1)
    ttft_s = stage.measured.get("ttft_ms_mean", 0.0) / 1e3
    if ttft_s > LONGEST_TTFT_IN_TOKENS * token_s or experiment.output_tokens < SHORTEST_OUTPUT:
        return None
    context = experiment.prompt_tokens + experiment.output_tokens / 2
    return seqs, context, (seqs - 1) / experiment.output_tokens, experiment.prompt_tokens, 0.0


def _listed(experiment: Experiment) -> tuple[Batch, float] | None:
    """From when each request was decoding, as measured; with the time per token over all tokens."""
    rows = pd.read_csv(experiment.requests_file)  # type: ignore[arg-type]
    if not {"ttft_s", "e2e_s"} <= set(rows.columns):
        return None
    first = (rows["arrival_s"] + rows["ttft_s"]).to_numpy()
    last = (rows["arrival_s"] + rows["e2e_s"]).to_numpy()
    prompt, output = rows["input_tokens"].to_numpy(), rows["output_tokens"].to_numpy()
    tokens = float((output - 1).sum())
    # What a request meets: those decoding beside it, and the prompts that are computed meanwhile.
    order = np.argsort(first)
    computed = np.concatenate([[0.0], np.cumsum(prompt[order])])
    before, after = np.searchsorted(first[order], first), np.searchsorted(first[order], last)
    prompts = float((after - before - 1).sum()) / tokens
    new = float((computed[after] - computed[before] - prompt).sum()) / tokens / prompts
    overlap = np.minimum(last[:, None], last) - np.maximum(first[:, None], first)
    seqs = float(np.maximum(overlap, 0.0).sum() / (last - first).sum())
    context = float((output * (prompt + output / 2)).sum() / output.sum())
    return (seqs, context, prompts, new, 0.0), float((last - first).sum() / tokens)


def _observation(
    experiment: Experiment,
    token_s: float,
    seqs: float,
    context: float,
    prompts: float,
    new: float,
    cached: float,
) -> Observation:
    engine = EngineArgs.parse(dict(experiment.engine)).resolved(experiment.gpu, experiment.model)
    share = 1 - np.exp(-prompts) if prompts < 1 else 1.0
    each = prompts / share if share > 0 else 0.0
    decode = StepWork(decode_seqs=seqs, decode_context=seqs * context)
    mixed = decode._replace(
        prefill_tokens=each * new,
        prefill_seqs=each,
        prefill_context=each * cached,
        prefill_pairs=each * (new * cached + new * (new + 1) / 2),
    )
    complete = experiment.is_complete and experiment.concurrency is None
    sigma = LISTED_SIGMA if experiment.requests_file is not None else COMPLETE_SIGMA
    return Observation(
        experiment=experiment.name,
        llm=experiment.model,
        gpu=experiment.gpu,
        layout=engine.layout(experiment.model),
        decode=decode,
        mixed=mixed,
        mixed_share=float(share),
        seconds_per_token=token_s,
        sigma=sigma if complete else INCOMPLETE_SIGMA,
        is_complete=complete,
    )
