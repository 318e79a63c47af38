"""Observations: the mean batch of a measured stretch of load, and how long its tokens took.

A server under steady load has, by Little's law, ``rate × time in decode`` sequences in its batch.
So a measured time per token comes with the batch it belongs to, and a step-time model can be held
against it without simulating the queue.
"""

from dataclasses import dataclass

import numpy as np

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

# Relative errors that a good model may leave: known loads; points with unknown server flags.
LISTED_SIGMA, COMPLETE_SIGMA, INCOMPLETE_SIGMA = 0.01, 0.02, 0.08
LISTED_PARTS = 6
NO_OVERHEADS = {"step_overhead_us": 0.0, "sequence_overhead_us": 0.0, "sort_bytes": 0.0}
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
    """Of a run that is replayed from end to end."""
    is_kernels: bool = False
    """From operator tables: no overhead of the step, its sequences and the sampler."""

    def predicted_s(self, calibration: Calibration) -> float:
        """Time per output token by the step-time model. [s]"""
        if self.is_kernels:
            calibration = calibration.model_copy(update=NO_OVERHEADS)
        costs = step_costs(self.llm, self.gpu, self.layout, calibration)
        plain, mixed = step_seconds(self.decode, costs), step_seconds(self.mixed, costs)
        return float((1 - self.mixed_share) * plain + self.mixed_share * mixed)


def observations(experiment: Experiment) -> list[Observation]:
    """One observation a stage of an experiment, as far as its times per token were measured."""
    if experiment.listed is not None:
        return _listed(experiment)
    found = []
    for number, stage in enumerate(experiment.stages):
        token_s = stage.measured.get("tpot_ms_mean", 0.0) / 1e3
        if not token_s:
            continue
        if experiment.concurrency is not None:
            batch = _closed_loop(experiment, stage, token_s)
        else:
            batch = _steady(experiment, stage, token_s, cold=number == 0)
        if batch is not None:
            found.append(_observation(experiment, token_s, *batch))
    return found


Batch = tuple[float, float, float, float, float]
"""Sequences decoding, their mean context, prompts per step, and of a prompt: new tokens, cached."""


def _steady(experiment: Experiment, stage: Stage, token_s: float, cold: bool) -> Batch:
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


def _listed(experiment: Experiment) -> list[Observation]:
    """From when each request was decoding, as measured; the run in parts, for its load changes."""
    rows = experiment.listed
    if rows is None or "e2e_s" not in rows:
        return []
    first = (rows["arrival_s"] + rows["ttft_s"]).to_numpy()
    last = (rows["arrival_s"] + rows["e2e_s"]).to_numpy()
    prompt, output = rows["input_tokens"].to_numpy(), rows["output_tokens"].to_numpy()
    order = np.argsort(first)
    computed = np.concatenate([[0.0], np.cumsum(prompt[order])])
    found = []
    for part in np.array_split(order, min(LISTED_PARTS, len(order))):
        begin, end = first[part], last[part]
        tokens = float((output[part] - 1).sum())
        if tokens <= 0:
            continue
        # What a request meets: those that decode beside it, and the prompts computed meanwhile.
        before, after = np.searchsorted(first[order], begin), np.searchsorted(first[order], end)
        prompts = float((after - before - 1).sum()) / tokens
        mass = float((computed[after] - computed[before] - prompt[part]).sum()) / tokens
        overlap = np.minimum(end[:, None], last) - np.maximum(begin[:, None], first)
        beside = np.maximum(overlap, 0.0)
        spent_s = float((end - begin).sum())
        context = float((beside * (prompt + output / 2)).sum() / beside.sum())
        new = mass / prompts if prompts > 0 else 0.0
        batch = (float(beside.sum()) / spent_s, context, prompts, new, 0.0)
        found.append(_observation(experiment, spent_s / tokens, *batch))
    return found


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
    return Observation(
        experiment=experiment.name,
        llm=experiment.model,
        gpu=experiment.gpu,
        layout=engine.layout(experiment.model),
        decode=decode,
        mixed=mixed,
        mixed_share=float(share),
        seconds_per_token=token_s,
        sigma=(LISTED_SIGMA if experiment.listed is not None else COMPLETE_SIGMA)
        if complete
        else INCOMPLETE_SIGMA,
        is_complete=complete,
    )
