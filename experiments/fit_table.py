"""`servecast fit MODEL`: on which GPUs a model fits, and how much cache is then left.

Question. Does it fit, how many tokens of cache are left, and for how many requests at once?
What is varied. GPUs of the catalogue, tensor parallel size, precision of the weights.
What is held. vLLM's accounting of memory and its defaults for batch sizes.
"""

from collections.abc import Sequence

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table

from experiments.calibration_names import find_gpu, find_model
from hardware_profiles.errors import InputError
from hardware_profiles.gpu import GPU
from simulator.engine.engine_args import EngineArgs
from simulator.physics.layout import can_split, weights_precision
from simulator.physics.memory import GIB, REFERENCE_CONTEXT, blocks_per_sequence, memory_use
from workloads.llm import LLM

__all__ = ["fit_command", "fit_table"]

TENSOR_SIZES = (1, 2, 4, 8)
PRECISIONS = ("bf16", "fp8", "int4")
BEFORE_AMPERE = ("turing", "volta")
LONGEST = 10**9


def fit_table(
    model: LLM,
    gpus: Sequence[GPU],
    context: int,
    tensor_sizes: Sequence[int] = TENSOR_SIZES,
    precisions: Sequence[str] = (),
    engine: EngineArgs | None = None,
) -> pd.DataFrame:
    """Memory left for the cache, for each GPU, split and precision.

    Parameters
    ----------
    context : length of a request, prompt and answer together. [tokens]
    tensor_sizes : that do not divide the model's heads are left out.
    precisions : of the weights, in vLLM's words; if none is named, the checkpoint's own and the
        usual narrower ones.
    engine : other arguments of the server; default vLLM's for the GPU.

    Returns
    -------
    DataFrame of ``gpu, tensor_parallel_size, weights, fits, free_gib`` (per GPU, negative: what is
    missing), ``kv_tokens`` (of requests of that context) and ``requests`` at that context.
    """
    if not 1 <= context <= LONGEST:
        raise InputError(f"context: expected 1 to {LONGEST:.0e} tokens, found {context}")
    sizes = [size for size in tensor_sizes if can_split(model, size)]
    if not sizes:
        asked = ", ".join(map(str, tensor_sizes))
        could = ", ".join(str(n) for n in (1, 2, 4, 8, 16, 32) if can_split(model, n))
        raise InputError(
            f"tensor_parallel_size: {model.name} cannot be cut into {asked}; {could} would do"
        )
    rows = []
    for gpu in gpus:
        for precision in list(precisions) or _offered(model, gpu):
            for tensor in sizes:
                chosen = {"tensor_parallel_size": tensor, "quantization": precision}
                args = (engine or EngineArgs()).model_copy(update=chosen).resolved(gpu, model)
                layout = args.layout(model)
                use = memory_use(model, gpu, layout)
                each = blocks_per_sequence(model, layout, context)
                blocks = max(0, use.num_gpu_blocks - 1)  # one is the null block
                rows.append(
                    {
                        "gpu": gpu.name,
                        "tensor_parallel_size": tensor,
                        "weights": weights_precision(model, precision),
                        "fits": blocks >= each,
                        "free_gib": use.for_cache / GIB,
                        "kv_tokens": int(blocks / each * context),
                        "requests": blocks // each,
                    }
                )
    return pd.DataFrame(rows)


def fit_command(
    model: str,
    console: Console,
    gpus: Sequence[str] = (),
    context: int = REFERENCE_CONTEXT,
    tensor_sizes: Sequence[int] = (),
    precisions: Sequence[str] = (),
    kv_cache_dtype: str = "auto",
) -> pd.DataFrame:
    """Print where a model fits.

    Parameters
    ----------
    model : name on the shelf, alias, or the path of a Hugging Face ``config.json``.
    gpus : names; none means all of the catalogue.
    context : length of a request, prompt and answer together. [tokens]
    tensor_sizes, precisions : none means the usual ones.
    kv_cache_dtype : of the cache, in vLLM's words.

    Raises
    ------
    InputError
        If a name is not known.
    """
    llm = find_model(model)
    chosen = [find_gpu(name) for name in gpus or GPU.names()]
    engine = EngineArgs(kv_cache_dtype=kv_cache_dtype)
    sizes = tuple(tensor_sizes) or TENSOR_SIZES
    table = fit_table(llm, chosen, context, sizes, precisions, engine)
    _print(llm, table, context, kv_cache_dtype, everything=bool(gpus), console=console)
    return table


def _offered(model: LLM, gpu: GPU) -> list[str]:
    """Precisions worth showing: the checkpoint's own first, and none that is wider.

    vLLM has no kernel for fp8 weights on chips before Ampere.
    """
    own = model.weights_precision
    if own in ("mxfp4", "nvfp4", "int4"):
        return [own]
    wider = {"fp8": ["bf16"], "int8": ["bf16"]}.get(own, [])
    if gpu.family in BEFORE_AMPERE:
        wider = [*wider, "fp8"]
    return [own, *(p for p in PRECISIONS if p != own and p not in wider)]


def _print(
    model: LLM, rows: pd.DataFrame, context: int, kv: str, everything: bool, console: Console
) -> None:
    """A line a GPU and precision; GPUs that cannot hold the model at all in one line at the end."""
    holds = rows.groupby("gpu", sort=False)["fits"].any()
    none = [] if everything else [str(gpu) for gpu in holds.index[~holds]]
    if not holds.all() and len(none) == len(holds):
        none = []  # then what is missing is the answer
    kept = rows[~rows["gpu"].isin(none)]
    cache = "" if kv == "auto" else f", {kv} cache"
    console.print(
        f"[bold]{model.name}[/bold]: requests of {context:,} tokens at once (tokens of KV cache"
        f"{cache})\nTP: GPUs that share one copy. Negative: memory that each of them lacks.",
        highlight=False,
    )
    console.print(_table(kept))
    if none:
        sizes = ", ".join(str(size) for size in sorted(set(rows["tensor_parallel_size"])))
        console.print(f"Does not fit with TP {sizes} on: {', '.join(none)}.", highlight=False)
    if context > model.max_position_embeddings:
        console.print(
            f"Note: the model is made for {model.max_position_embeddings:,} tokens at most.",
            highlight=False,
        )
    if model.other_parameters and not model.encoder_peak_gib:
        console.print("Note: without what the vision tower needs to run.", highlight=False)


def _table(rows: pd.DataFrame) -> Table:
    """A line a GPU and precision, a column a split: requests at once, or what is missing."""
    sizes = sorted(set(rows["tensor_parallel_size"]))
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False, pad_edge=False)
    table.add_column("GPU", no_wrap=True)
    table.add_column("weights", no_wrap=True)
    for size in sizes:
        table.add_column(f"TP {size}", justify="right", no_wrap=True)
    last = None
    for (gpu, weights), part in rows.groupby(["gpu", "weights"], sort=False):
        cells = {}
        for size, fits, free, tokens, requests in part[
            ["tensor_parallel_size", "fits", "free_gib", "kv_tokens", "requests"]
        ].itertuples(index=False):
            if fits:
                cells[size] = f"{requests:,} ({_short(tokens)})"
            else:
                cells[size] = (
                    f"[dim]{f'{free:.1f} GiB' if free < 0 else f'0 ({_short(tokens)})'}[/dim]"
                )
        shown = "" if gpu == last else str(gpu)
        last = gpu
        table.add_row(shown, str(weights), *(cells[size] for size in sizes))
    return table


def _short(tokens: int) -> str:
    """Three digits, and k or M.

    >>> _short(512), _short(91_232), _short(1_258_400)
    ('512', '91.2k', '1.26M')
    """
    if tokens < 1000:
        return str(tokens)
    unit, factor = ("M", 1e6) if tokens >= 999_500 else ("k", 1e3)
    return f"{float(f'{tokens / factor:.3g}'):g}{unit}"
