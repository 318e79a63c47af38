"""Observations: the mean batch of a measured stretch of load, and how long its tokens took.

A server under steady load has, by Little's law, ``rate × time in decode`` sequences in its batch.
So a measured time per token comes with the batch it belongs to, and a step-time model can be held
against it without simulating the queue.

TTFT is queueing in steps. With asynchronous scheduling an arrival waits for what is left of the
running step and for the whole one behind it; then comes its own, with its prompt. So a measured
TTFT tells what a step costs that computes a prompt beside the decodes.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from experiments.calibration_data import Experiment, Stage
from hardware_profiles.calibration import Calibration
from hardware_profiles.gpu import GPU
from simulator.engine.engine_args import EngineArgs
from simulator.physics.costs import step_costs
from simulator.physics.layout import Layout
from simulator.physics.memory import memory_use
from simulator.physics.step_time import step_seconds
from simulator.physics.work import StepWork
from workloads.llm import LLM

__all__ = ["Observation", "evened", "observations"]

# Relative errors that a good model may leave: known loads; points with unknown server flags.
LISTED_SIGMA, COMPLETE_SIGMA, INCOMPLETE_SIGMA = 0.01, 0.02, 0.08
FIRST_TOKEN_SIGMA = 0.03
LISTED_PARTS = 6
# Below so many sequences decoding, an arrival often finds the GPU idle. [sequences]
ALWAYS_BUSY = 4.0
NO_OVERHEADS = {"step_overhead_us": 0.0, "sequence_overhead_us": 0.0, "sort_bytes": 0.0}
# Points with unknown flags that count for themselves; more of one server share what they say.
POINTS_OF_A_SERVER = 8
# A server that is mostly queueing says little about its batch. [times the time per token]
LONGEST_TTFT_IN_TOKENS = 150
SHORTEST_OUTPUT = 256


@dataclass(frozen=True)
class Observation:
    """Measured time per output token of a mean batch, or time to the first token."""

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
    measured_s: float
    """Per output token, or to the first one. [s]"""
    sigma: float
    """Relative error a good model may leave."""
    is_complete: bool
    """Of a run that is replayed from end to end."""
    is_kernels: bool = False
    """From operator tables: no overhead of the step, its sequences and the sampler."""
    arrivals_per_s: float = 0.0
    """Poisson rate of those who wait for a first token; 0: it is the time per token."""

    def predicted_s(self, calibration: Calibration) -> float:
        """Time per output token, or to the first, by the step-time model. [s]"""
        if self.is_kernels:
            calibration = calibration.model_copy(update=NO_OVERHEADS)
        costs = step_costs(self.llm, self.gpu, self.layout, calibration)
        plain, mixed = step_seconds(self.decode, costs), step_seconds(self.mixed, costs)
        share = self.mixed_share
        mean = (1 - share) * plain + share * mixed
        if not self.arrivals_per_s:
            return float(mean)
        # An arrival falls into a long step more likely than into a short one.
        met = ((1 - share) * plain**2 + share * mixed**2) / mean
        own = step_seconds(_with_prompts(self.mixed, 1 + self.arrivals_per_s * met), costs)
        return float(met / 2 + mean + own + calibration.api_overhead_ms / 1e3)


def observations(experiment: Experiment) -> list[Observation]:
    """One observation a stage of an experiment, as far as its times per token were measured.

    None of one that does not fit as it is described: its server was split otherwise.
    """
    engine = _resolved(experiment)
    if memory_use(experiment.model, experiment.gpu, engine.layout(experiment.model)).for_cache <= 0:
        return []
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
            found += _first_token(experiment, stage, found[-1], cold=number == 0)
    return found


def evened(
    observations: Sequence[Observation], kernels: Sequence[Observation] = ()
) -> list[Observation]:
    """The same with less weight on points with unknown flags.

    Of a model that was neither replayed nor has kernel tables they are left out: what is unknown of
    such a server cannot be told from what is unknown of its model. Many points of one server share
    what is not known of it, so a hundred of them are made to say no more than eight do.

    Parameters
    ----------
    observations : of servers.
    kernels : of kernels alone, for the models they are of.
    """
    known = {o.llm.name for o in (*observations, *kernels) if o.is_complete or o.is_kernels}
    kept = [o for o in observations if o.llm.name in known]
    servers = [(o.gpu.name, o.llm.name, o.layout.weights_precision) for o in kept]
    count = Counter(s for s, o in zip(servers, kept, strict=True) if not o.is_complete)
    return [
        o
        if o.is_complete
        else replace(o, sigma=o.sigma * max(1.0, count[server] / POINTS_OF_A_SERVER) ** 0.5)
        for o, server in zip(kept, servers, strict=True)
    ]


def _first_token(
    experiment: Experiment, stage: Stage, seen: Observation, cold: bool
) -> list[Observation]:
    """Measured TTFT of a stage under Poisson arrivals, if its server is always busy and warm."""
    ttft_s = stage.measured.get("ttft_ms_mean", 0.0) / 1e3
    busy = ALWAYS_BUSY < seen.decode.decode_seqs < 0.9 * seen.layout.max_num_seqs
    stalls = cold and experiment.model.num_experts
    open_loop = stage.rate_rps > 0 and experiment.concurrency is None
    if not (ttft_s and busy and open_loop and seen.is_complete and experiment.client_side):
        return []
    if stalls or ttft_s > LONGEST_TTFT_IN_TOKENS * seen.measured_s:
        return []
    return [
        replace(seen, measured_s=ttft_s, sigma=FIRST_TOKEN_SIGMA, arrivals_per_s=stage.rate_rps)
    ]


def _with_prompts(mixed: StepWork, prompts: float) -> StepWork:
    """The step with so many prompts in it, and their share of everything else."""
    factor = prompts / mixed.prefill_seqs if mixed.prefill_seqs else 0.0
    return mixed._replace(
        prefill_tokens=factor * mixed.prefill_tokens,
        prefill_seqs=factor * mixed.prefill_seqs,
        prefill_context=factor * mixed.prefill_context,
        prefill_pairs=factor * mixed.prefill_pairs,
    )


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


def _resolved(experiment: Experiment) -> EngineArgs:
    return EngineArgs.parse(dict(experiment.engine)).resolved(experiment.gpu, experiment.model)


def _observation(
    experiment: Experiment,
    token_s: float,
    seqs: float,
    context: float,
    prompts: float,
    new: float,
    cached: float,
) -> Observation:
    engine = _resolved(experiment)
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
        measured_s=token_s,
        sigma=(LISTED_SIGMA if experiment.listed is not None else COMPLETE_SIGMA)
        if complete
        else INCOMPLETE_SIGMA,
        is_complete=complete,
    )
