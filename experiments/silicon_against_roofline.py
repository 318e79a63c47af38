"""Kernel tables against the calibrated roofline, step by step.

Question. Where do measured kernels and the roofline that was fitted to whole servers agree?
What is varied. GPU, model, precision; decodes of 1, 32 and 128 sequences, prompts of 512 to 8192.
What is held. Context 1024 of a decode; overheads of a step and its sequences, from the calibration.
What was found. `docs/design/how-time-is-calibrated.md`; run ``python -m
experiments.silicon_against_roofline`` to see it again (needs the extra ``[silicon]``).
"""

from collections.abc import Sequence
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table

from hardware_profiles.errors import InputError
from hardware_profiles.gpu import GPU
from simulator.physics.layout import Layout
from simulator.physics.silicon import SYSTEMS
from simulator.physics.work import StepWork
from simulator.step_time_model import Roofline, Silicon
from workloads.llm import LLM

__all__ = ["SUBJECTS", "compare", "show"]

SUBJECTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("llama-3.1-8b", {}),
    ("llama-3.1-8b", {"weights_precision": "fp8"}),
    ("qwen3-32b", {"tensor_parallel_size": 2}),
    ("llama-3.1-70b", {"tensor_parallel_size": 4}),
    ("llama-3.1-70b", {"tensor_parallel_size": 4, "weights_precision": "fp8"}),
    ("mixtral-8x7b", {"tensor_parallel_size": 2}),
    ("qwen3-30b-a3b", {}),
    ("gpt-oss-120b", {"tensor_parallel_size": 2, "weights_precision": "mxfp4"}),
    ("deepseek-v3", {"tensor_parallel_size": 8, "weights_precision": "fp8"}),
)
CONTEXT = 1024
STEPS = {
    **{f"decode {n}": StepWork(decode_seqs=n, decode_context=n * CONTEXT) for n in (1, 32, 128)},
    **{f"prompt {n}": StepWork(n, 1, 0, n * (n + 1) / 2) for n in (512, 2048, 8192)},
}


def compare(
    gpus: Sequence[str] = tuple(SYSTEMS),
    subjects: Sequence[tuple[str, dict[str, Any]]] = SUBJECTS,
) -> pd.DataFrame:
    """Roofline over tables, one row for each GPU, model and layout that has tables.

    Returns
    -------
    DataFrame of ``gpu, model, layout`` and a column a step: the ratio of the two times less one.

    Raises
    ------
    InputError
        If the extra is not installed.
    """
    rows = list[dict[str, object]]()
    for name in gpus:
        gpu = GPU.named(name)
        for model, asked in subjects:
            llm, layout = LLM.named(model), Layout.parse(asked)
            if layout.weights_precision not in ("bf16", "mxfp4", *gpu.peak_tflops):
                continue
            try:
                tables = Silicon().bind(llm, gpu, layout)
            except InputError as error:
                if "no silicon tables" not in str(error):
                    raise
                continue
            roofline = Roofline().bind(llm, gpu, layout)
            told = f"TP{layout.tensor_parallel_size} {layout.weights_precision}"
            ratios = {
                step: float(roofline.seconds(work) / tables.seconds(work) - 1)
                for step, work in STEPS.items()
            }
            rows.append({"gpu": name, "model": model, "layout": told, **ratios})
    return pd.DataFrame(rows)


def show(found: pd.DataFrame, console: Console) -> None:
    """Print the ratios as signed percentages."""
    table = Table(title="Roofline against kernel tables: how much longer a step takes [%]")
    for column in ("gpu", "model", "layout"):
        table.add_column(column)
    for step in STEPS:
        table.add_column(step, justify="right")
    for row in found.to_dict("records"):
        cells = [f"{100 * float(row[step]):+.0f}" for step in STEPS]
        table.add_row(*(str(row[column]) for column in ("gpu", "model", "layout")), *cells)
    console.print(table)


if __name__ == "__main__":
    show(compare(), Console())
