"""`servecast fit MODEL`: on which GPUs a model fits, and how much cache is then left.

Question. Does it fit, how many tokens of cache are left, and for how many requests at once?
What is varied. GPUs of the catalogue, tensor parallel size, precision of the weights.
What is held. vLLM's accounting of memory and its defaults for batch sizes.
"""

from collections.abc import Sequence

import pandas as pd
from rich.console import Console
from rich.table import Table

from hardware_profiles.errors import InputError
from hardware_profiles.gpu import GPU
from simulator.engine.engine_args import EngineArgs
from simulator.physics.memory import GIB, memory_use
from workloads.llm import LLM

__all__ = ["fit_command", "fit_table"]

TENSOR_SIZES = (1, 2, 4, 8)
PRECISIONS = ("bf16", "fp8", "int4")


def fit_table(
    model: LLM,
    gpus: Sequence[GPU],
    context: int,
    tensor_sizes: Sequence[int] = TENSOR_SIZES,
    precisions: Sequence[str] = PRECISIONS,
    engine: EngineArgs | None = None,
) -> pd.DataFrame:
    """Memory left for the cache, for each GPU, split and precision.

    Parameters
    ----------
    context : length of a request, prompt and answer together. [tokens]
    tensor_sizes : that do not divide the model's heads are left out.
    precisions : of the weights, in vLLM's words.
    engine : other arguments of the server; default vLLM's for the GPU.

    Returns
    -------
    DataFrame of ``gpu, tensor_parallel_size, weights, fits, free_gib`` (per GPU, negative: what is
    missing), ``kv_tokens`` and ``requests`` at that context.
    """
    if context < 1:
        raise InputError(f"context: expected 1 token or more, found {context}")
    rows = []
    for gpu in gpus:
        for precision in _offered(model, precisions):
            for tensor in tensor_sizes:
                if model.num_attention_heads % tensor:
                    continue
                chosen = {"tensor_parallel_size": tensor, "quantization": precision}
                args = (engine or EngineArgs()).model_copy(update=chosen).resolved(gpu, model)
                use = memory_use(model, gpu, args.layout(model))
                tokens = max(0, use.num_gpu_blocks - 1) * args.block_size  # one is the null block
                rows.append(
                    {
                        "gpu": gpu.name,
                        "tensor_parallel_size": tensor,
                        "weights": precision,
                        "fits": tokens >= context,
                        "free_gib": use.for_cache / GIB,
                        "kv_tokens": tokens,
                        "requests": tokens // context,
                    }
                )
    return pd.DataFrame(rows)


def fit_command(
    model: str,
    console: Console,
    gpus: Sequence[str] = (),
    context: int = 2048,
) -> pd.DataFrame:
    """Print where a model fits.

    Parameters
    ----------
    model : name on the shelf, or alias.
    gpus : names; none means all of the catalogue.
    context : length of a request, prompt and answer together. [tokens]

    Raises
    ------
    InputError
        If a name is not known.
    """
    llm = LLM.named(model)
    chosen = [GPU.named(name) for name in gpus or GPU.names()]
    table = fit_table(llm, chosen, context)
    console.print(_table(llm, table, context))
    return table


def _offered(model: LLM, precisions: Sequence[str]) -> list[str]:
    """Precisions worth showing: the checkpoint's own first, and none that is wider."""
    own = model.weights_precision
    if own in ("mxfp4", "nvfp4"):
        return [own]
    wider = {"fp8": ["bf16"], "int8": ["bf16"], "int4": ["bf16", "fp8"]}.get(own, [])
    return [own, *(p for p in precisions if p != own and p not in wider)]


def _table(model: LLM, rows: pd.DataFrame, context: int) -> Table:
    """A line a GPU and precision, a column a split: requests at once, or what is missing."""
    sizes = sorted(set(rows["tensor_parallel_size"]))
    table = Table(title=f"{model.name}: requests of {context} tokens at once (tokens of KV cache)")
    table.add_column("GPU")
    table.add_column("weights")
    for size in sizes:
        table.add_column(f"TP {size}", justify="right")
    for (gpu, weights), part in rows.groupby(["gpu", "weights"], sort=False):
        cells = {}
        for size, fits, free, tokens, requests in part[
            ["tensor_parallel_size", "fits", "free_gib", "kv_tokens", "requests"]
        ].itertuples(index=False):
            if fits:
                cells[size] = f"{requests:,} ({tokens:,})"
            else:
                cells[size] = f"[dim]lacks {-free:.1f} GiB[/dim]" if free < 0 else "[dim]no[/dim]"
        table.add_row(str(gpu), str(weights), *(cells.get(size, "–") for size in sizes))
    return table
