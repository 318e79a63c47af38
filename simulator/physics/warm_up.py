"""Warm-up: what a server that has just started does once, while its first requests wait."""

import numpy as np

from hardware_profiles.calibration import Calibration
from simulator.physics.layout import Layout
from simulator.physics.work import StepWork
from workloads.llm import LLM

__all__ = ["WarmUp"]

# Sizes vLLM's fused experts are tuned for beyond those that CUDA graphs capture at start. [tokens]
SIZES = (512, 1024, 1536, 2048, 3072, 4096)


# Triton compiles a kernel again for an integer argument that this divides.
DIVISOR = 16


class WarmUp:
    """Kernels of the experts that are still to be compiled.

    Each batch takes the kernel of the nearest tuned size, compiled when first needed; and once more
    when first the number of its token-expert pairs is a multiple of 16, for which Triton makes a
    kernel of its own. CUDA graphs have seen to the small sizes before the server opens. Measured on
    a Mixtral on two H100: six stalls of about a second in its first ten seconds. This remembers
    what was compiled, so it is asked about the steps of one replica, once and in order; arrays, of
    which the order is not known, are not made to wait.
    """

    def __init__(self, llm: LLM, layout: Layout, calibration: Calibration) -> None:
        self._seconds = calibration.expert_compile_s if llm.num_experts else 0.0
        self._captured = 0 if layout.enforce_eager else min(2 * layout.max_num_seqs, 512)
        self._chosen = llm.num_experts_per_tok
        self._compiled: set[tuple[int, bool]] = set()

    def stall_s(self, work: StepWork) -> float:
        """How long this step waits for a kernel. [s]"""
        if not self._seconds or isinstance(work.prefill_tokens, np.ndarray):
            return 0.0
        tokens = work.prefill_tokens + work.decode_seqs
        if not work.prefill_tokens or tokens <= self._captured:
            return 0.0
        size = min(SIZES, key=lambda tuned: abs(tuned - tokens))
        kernel = size, tokens * self._chosen % DIVISOR == 0
        if kernel in self._compiled:
            return 0.0
        self._compiled.add(kernel)
        return self._seconds
