"""Step time from silicon tables: kernel times as measured, brought to the form the engine needs."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hardware_profiles.calibration import Calibration, Chosen
from hardware_profiles.gpu import GPU
from simulator.physics.certainty import Certainty
from simulator.physics.costs import StepCosts, step_costs
from simulator.physics.layout import Layout
from simulator.physics.load import StepLoad, step_load
from simulator.physics.number import over
from simulator.physics.silicon import SiliconTables
from simulator.physics.work import DecodeLine, StepShares, StepWork
from workloads.llm import LLM

__all__ = ["SiliconStep"]

# Decode attention is taken for the line through these contexts of each sequence. [tokens]
SHORT, LONG = 512, 4096


class _Parts(NamedTuple):
    """What a step's time is made of. [s]"""

    rest: float
    prompts: float
    """Attention of prompts."""
    start: float
    """Attention of decodes at no context."""
    per_context: float
    overhead: float
    """What is no kernel: the calibrated cost of a step, its sequences and the sampler."""


class SiliconStep:
    """Kernel times of one engine, with the overheads of the nearest calibration around them.

    The tables know kernels. What a step and a sequence cost beside them, the sampler and the API
    server come from the calibration that a roofline would use.
    """

    def __init__(self, llm: LLM, gpu: GPU, layout: Layout) -> None:
        self.llm, self.gpu, self.layout = llm, gpu, layout
        self._tables = SiliconTables(llm, gpu, layout)
        self._near: Chosen = Calibration.choose(gpu.name, gpu.family)
        self._costs: StepCosts = step_costs(llm, gpu, layout, self._near.calibration)
        self._lines: dict[int, tuple[float, float, float]] = {}

    @property
    def client_overhead(self) -> tuple[float, float]:
        """Of the nearest calibration: before a request is queued, and per token. [s]"""
        near = self._near.calibration
        return near.api_overhead_ms / 1e3, near.api_token_us / 1e6

    @property
    def certainty(self) -> Certainty:
        """Kernels were measured, whole servers were not."""
        says = (
            f"silicon tables for {self.gpu.name}: measured kernels, overheads of "
            f"{self._near.calibration.name}; not compared with whole servers"
        )
        return Certainty("silicon", False, says, {})

    def seconds(self, work: StepWork) -> Any:
        """Time of a step. [s] Scalars in, float out; arrays in, array out."""
        if _is_array(work):
            return _each(lambda one: np.array([self.seconds(one)]), work)[0]
        parts = self._parts(work)
        kernels = parts.rest + parts.prompts + parts.start
        return kernels + parts.per_context * work.decode_context + parts.overhead

    def decode_line(self, decode_seqs: int) -> DecodeLine:
        """Time of a decode-only step as a line in its total context."""
        parts = self._parts(StepWork(decode_seqs=decode_seqs))
        return DecodeLine(parts.rest + parts.start + parts.overhead, parts.per_context, 0.0)

    def shares(self, work: StepWork) -> StepShares:
        """The least a step costs and its overheads equally, other kernels by who causes them."""
        if _is_array(work):
            return StepShares(*_each(lambda one: np.array(self.shares(one)), work))
        parts = self._parts(work)
        seqs = work.prefill_seqs + work.decode_seqs
        equally = min(parts.rest, self._parts(StepWork(decode_seqs=1)).rest)
        by_token = over(parts.rest - equally, work.prefill_tokens + work.decode_seqs)
        return StepShares(
            per_seq_s=over(equally + parts.overhead, seqs),
            per_prefill_token_s=by_token,
            per_prefill_pair_s=over(parts.prompts, work.prefill_pairs),
            per_decode_token_s=by_token + over(parts.start, work.decode_seqs),
            per_context_s=parts.per_context,
        )

    def load(self, work: StepWork) -> StepLoad:
        """FLOPs and bytes of each GPU, for its utilisation and its watts."""
        return step_load(work, self.llm, self.layout)

    def _parts(self, work: StepWork) -> _Parts:
        decodes, prompts = round(work.decode_seqs), max(1, round(work.prefill_seqs))
        seqs = work.prefill_seqs + work.decode_seqs
        overhead = self._costs.overhead_s + seqs * self._costs.sequence_s
        rest, start, slope = self._line(decodes) if decodes else (0.0, 0.0, 0.0)
        attention = 0.0
        if work.prefill_tokens:
            before = round(work.prefill_context / prompts)
            mixed = self._tables.parts(round(work.prefill_tokens), decodes, 1, before)
            rest, attention = mixed.rest, mixed.prefill_attention
        return _Parts(rest, attention, start, slope, overhead)

    def _line(self, decodes: int) -> tuple[float, float, float]:
        """Of a decode-only step: all but attention, attention at no context, and per its token."""
        if decodes not in self._lines:
            short, long = (self._tables.parts(0, decodes, c, 0) for c in (SHORT, LONG))
            rise = max(0.0, long.decode_attention - short.decode_attention)
            slope = rise / (LONG - SHORT) / decodes
            start = max(0.0, short.decode_attention - slope * SHORT * decodes)
            self._lines[decodes] = short.rest, start, slope
        return self._lines[decodes]


def _is_array(work: StepWork) -> bool:
    return any(isinstance(column, np.ndarray) for column in work)


def _each(one: Any, work: StepWork) -> NDArray[np.float64]:
    """A function of one step over arrays of steps; one row a value it returns."""
    columns = np.broadcast_arrays(*(np.asarray(column, dtype=float) for column in work))
    rows = [one(StepWork(*row)) for row in zip(*(c.ravel().tolist() for c in columns), strict=True)]
    return np.array(rows).T.reshape(-1, *columns[0].shape)
