"""Observations from silicon tables: kernel times of GPUs, measured or not from end to end."""

from typing import Any

from experiments.calibration_observation import Observation
from hardware_profiles.errors import InputError
from hardware_profiles.gpu import GPU
from simulator.physics.layout import Layout
from simulator.physics.silicon import SYSTEMS, SiliconTables
from simulator.physics.work import StepWork
from workloads.llm import LLM

__all__ = ["silicon_observations"]

# Kernels run back to back in the tables, and one after the other in a server.
DECODE_SIGMA, PREFILL_SIGMA = 0.08, 0.2
SEQUENCES, CONTEXTS, PROMPTS = (1, 16, 64, 128), (512, 2048), (512, 2048, 8192)
SUBJECTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("llama-3.1-8b", {}),
    ("qwen3-14b", {}),
    ("llama-3.1-8b", {"weights_precision": "fp8"}),
    ("qwen3-30b-a3b", {}),
    ("mixtral-8x7b", {"tensor_parallel_size": 2}),
    ("llama-3.1-70b", {"tensor_parallel_size": 4}),
    ("llama-3.1-70b", {"tensor_parallel_size": 4, "weights_precision": "fp8"}),
)
"""Models on one GPU, on two and on four."""


SAME_DESIGN = frozenset({"b300", "gb200", "gb300"})
"""GPUs that are left to their family: four of one design would outvote all others."""


def silicon_observations() -> list[Observation]:
    """Decode and prefill steps of a few models on every GPU that has tables.

    Raises
    ------
    InputError
        If the extra is not installed.
    """
    found = list[Observation]()
    for gpu in map(GPU.named, (name for name in SYSTEMS if name not in SAME_DESIGN)):
        for name, layout in SUBJECTS:
            if "fp8" in layout.values() and "fp8" not in gpu.peak_tflops:
                continue
            if "tensor_parallel_size" in layout and gpu.link.name.startswith("pcie"):
                continue
            try:
                found += _of_one(LLM.named(name), gpu, Layout.parse(layout))
            except InputError as error:
                if "no silicon tables" not in str(error):
                    raise
    return found


def _of_one(llm: LLM, gpu: GPU, layout: Layout) -> list[Observation]:
    tables = SiliconTables(llm, gpu, layout)
    plain = llm.model_copy(update={"sorts_logits": False})

    def observation(work: StepWork, seconds: float, sigma: float) -> Observation:
        return Observation(
            experiment=f"silicon-{gpu.name}-{llm.name}",
            llm=plain,
            gpu=gpu,
            layout=layout,
            decode=work,
            mixed=work,
            mixed_share=0.0,
            measured_s=seconds,
            sigma=sigma,
            is_complete=False,
            is_kernels=True,
        )

    found = []
    for seqs in SEQUENCES:
        for context in CONTEXTS:
            work = StepWork(decode_seqs=seqs, decode_context=seqs * context)
            seconds = sum(tables.parts(0, seqs, context, 0))
            found.append(observation(work, seconds, DECODE_SIGMA))
    for prompt in PROMPTS:
        work = StepWork(prompt, 1, 0, prompt * (prompt + 1) / 2)
        found.append(observation(work, sum(tables.parts(prompt, 0, 1, 0)), PREFILL_SIGMA))
    return found
