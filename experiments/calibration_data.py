"""Measured runs: a CSV of what real servers did, read into experiments that can be replayed."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

import pandas as pd

from experiments.calibration_files import read_listed
from experiments.calibration_names import find_gpu, find_model, find_precision
from experiments.calibration_rows import LINE, Row, check_rows
from experiments.calibration_rows import number as _number
from hardware_profiles.errors import InputError
from hardware_profiles.gpu import GPU
from workloads.llm import LLM

__all__ = ["METRICS", "Experiment", "Stage", "read_measured"]

METRICS = tuple(
    f"{what}_ms_{which}"
    for what in ("ttft", "tpot", "e2e")
    for which in ("mean", "p50", "p90", "p95", "p99")
)
"""Columns of a measured file that a replay predicts. [ms]"""

NEEDED = ("experiment_id", "stage_index", "model", "gpu", "output_len")
# Prompts measured where both are known: 575/547, 593/566 and 787/750 tokens.
LLAMA_2_TOKENIZER = 1.05
LLAMA_2_VOCABULARIES = (32000, 32768)
DEFAULT_DISTINCT_PROMPTS, DEFAULT_PREFIX_GROUPS = 100, 10
V0_ENGINE = re.compile(r"(^|[^\d.])0\.[0-7]\.")
MOST_REQUESTS, MOST_TOKENS = 300_000, 2e8
"""An experiment of more requests, or of more tokens of output, is not replayed."""


@dataclass(frozen=True)
class Stage:
    """A stretch of steady load within an experiment, and what was measured in it."""

    index: int
    rate_rps: float
    """Requests per second, Poisson; 0 for a replayed list of requests."""
    duration_s: float
    measured: Mapping[str, float] = field(default_factory=dict)
    """By column of the file, those of `METRICS` that were measured. [ms]"""


@dataclass(frozen=True)
class Experiment:
    """One server and the load it was put under."""

    name: str
    model: LLM
    gpu: GPU
    engine: Mapping[str, Any]
    """Engine arguments in vLLM's names, those the file knows."""
    stages: tuple[Stage, ...]
    prompt_tokens: float
    """Mean length of a prompt, what it shares included. [tokens]"""
    output_tokens: int
    shared_prefix: int
    prefix_groups: int
    distinct_prompts: int
    """Prompts are cycled through in a fixed order; 0: every prompt is new."""
    listed: pd.DataFrame | None = None
    """Requests one by one, in place of a rate (see `calibration_files.read_listed`)."""
    concurrency: int | None = None
    """Closed loop of so many clients, in place of a rate."""
    num_requests: int = 0
    shortest: float = 1.0
    """Lengths are spread evenly from this share of the longest to the longest."""
    client_side: bool = True
    """Times are a client's, with what the API server adds."""
    engine_version: str = ""
    is_complete: bool = True
    """The file knows every setting that matters."""
    replicas: int = 1
    """Data-parallel ranks: schedulers and caches of their own behind one address."""
    caveats: tuple[str, ...] = ()
    """What of the server the replay does not have: nothing to learn from, but to be seen."""


def read_measured(path: Path) -> tuple[list[Experiment], dict[str, str]]:
    """Experiments of a measured file, and why others cannot be replayed.

    Parameters
    ----------
    path : CSV; one row a stage (``stage_index`` -1 for the whole run), columns as in its README.

    Returns
    -------
    Experiments in the order of the file, and a reason by name of each that is left out.

    Raises
    ------
    InputError
        If the file cannot be read, a needed column is missing or a number is not one.
    """
    rows = _read_rows(path)
    experiments, left_out = list[Experiment](), dict[str, str]()
    nameless = rows["experiment_id"].isna()
    for line in rows.loc[nameless, LINE]:
        left_out[f"line {line}"] = f"{path}:{line}: experiment_id: it is empty"
    for name, group in rows[~nameless].groupby("experiment_id", sort=False):
        records = [
            {str(key): value for key, value in row.items()} for row in group.to_dict("records")
        ]
        try:
            check_rows(records, path, METRICS)
            experiments.append(_experiment(str(name), records, path))
        except InputError as error:
            here = f"{path}:{records[0][LINE]}"
            left_out[str(name)] = str(error) if str(path) in str(error) else f"{here}: {error}"
    if not experiments:
        reasons = "; ".join(f"{name}: {why}" for name, why in left_out.items())
        raise InputError(f"{path}: no experiment can be replayed: {reasons or 'it has no rows'}")
    return experiments, left_out


def _read_rows(path: Path) -> pd.DataFrame:
    try:
        rows = pd.read_csv(path, dtype=str, encoding="utf-8-sig", skip_blank_lines=False)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a CSV table: {error}") from None
    missing = [column for column in NEEDED if column not in rows]
    if missing:
        raise InputError(
            f"{path}: the column {missing[0]!r} is needed; there are: {', '.join(rows.columns)}"
        )
    rows = rows.assign(**{LINE: rows.index + 2})
    return rows.dropna(how="all", subset=[column for column in rows if column != LINE])


def _experiment(name: str, rows: Sequence[Row], path: Path) -> Experiment:
    first = rows[0]
    model, gpu = find_model(str(first["model"])), find_gpu(str(first["gpu"]))
    notes, version = _text(first, "notes") or "", _text(first, "engine_version") or ""
    requests_file, concurrency = _text(first, "requests_file"), _number(first, "concurrency")
    listed = read_listed(path.parent / requests_file) if requests_file else None
    prompt_tokens = float(listed["input_tokens"].mean()) if listed is not None else 0.0
    nominal = re.search(r"range ratio (0?\.\d+|1)", notes)
    shortest = float(nominal[1]) if nominal else 1.0
    mean = (1 + shortest) / 2
    experiment = Experiment(
        name=name,
        model=model,
        gpu=gpu,
        engine=_engine(first, model),
        stages=_stages(rows, replayed=listed is not None or concurrency is not None),
        prompt_tokens=mean * (prompt_tokens or _prompt_tokens(first, model)),
        output_tokens=max(1, round(mean * float(first["output_len"]))),
        shared_prefix=int(_number(first, "shared_prefix_len") or 0),
        prefix_groups=_leading_int(first, "num_prefix_groups") or DEFAULT_PREFIX_GROUPS,
        distinct_prompts=0
        if concurrency
        else _leading_int(first, "num_distinct_prompts") or DEFAULT_DISTINCT_PROMPTS,
        listed=listed,
        concurrency=int(concurrency) if concurrency else None,
        num_requests=int(_number(first, "num_requests") or 0),
        shortest=shortest,
        client_side="queued_ts" not in notes,
        engine_version=version,
        is_complete=_text(first, "spec_complete") in (None, "yes"),
        replicas=int(_number(first, "dp") or 1),
        caveats=_caveats(first, version),
    )
    _check_size(experiment)
    return experiment


def _check_size(experiment: Experiment) -> None:
    """Refuse what would take hours or all of the memory to replay."""
    if experiment.concurrency is not None or experiment.listed is not None:
        count = float(len(experiment.listed) if experiment.listed is not None else 0)
    else:
        count = sum(stage.rate_rps * stage.duration_s for stage in experiment.stages)
        if round(count) < 1:
            raise InputError("request_rate_rps: not one request in duration_s")
    if count > MOST_REQUESTS:
        raise InputError(
            f"request_rate_rps x duration_s: {count:.3g} requests; at most {MOST_REQUESTS} are "
            "replayed of an experiment"
        )
    clients = 10 * (experiment.concurrency or 0)
    if (tokens := max(count, clients) * experiment.output_tokens) > MOST_TOKENS:
        raise InputError(
            f"output_len: {tokens:.3g} tokens in all; at most {MOST_TOKENS:.3g} are replayed"
        )


def _caveats(row: Row, version: str) -> tuple[str, ...]:
    """Why a replay as one vLLM server of today is not the server of the row."""
    found = []
    if (engine := _text(row, "engine") or "vllm").lower() != "vllm":
        found.append(f"ran on {engine}, replayed as vllm")
    elif V0_ENGINE.search(version):
        found.append(f"ran on vllm {version}, whose engine was another")
    parts = [int(_number(row, column) or 1) for column in ("tp", "pp", "dp")]
    gpus = _number(row, "num_gpus")
    if gpus is not None and gpus != prod(parts):
        found.append(f"{gpus:g} GPUs, of which tp x pp x dp explains {prod(parts)}")
    if parts[2] > 1:
        found.append(f"{parts[2]} data-parallel ranks, replayed as replicas")
    return tuple(found)


def _prompt_tokens(row: Row, model: LLM) -> float:
    """Mean length of a prompt: measured, or as specified, in the model's own tokens."""
    measured, spec = _number(row, "input_len_measured"), _number(row, "input_len_spec")
    if measured is not None:
        return measured
    if spec is None:
        raise InputError("neither input_len_measured nor input_len_spec is given")
    return spec * (LLAMA_2_TOKENIZER if model.vocab_size in LLAMA_2_VOCABULARIES else 1.0)


def _stages(rows: Sequence[Row], replayed: bool) -> tuple[Stage, ...]:
    """Stages from 0 on; the whole run as one where there are none."""
    parts = sorted((row for row in rows if _stage_index(row) >= 0), key=_stage_index)
    stages = []
    for row in parts or rows[:1]:
        rate, duration = _number(row, "request_rate_rps"), _number(row, "duration_s")
        count = _number(row, "num_requests")
        if not replayed and (rate is None or not 0 < rate < float("inf")):
            raise InputError(
                "no request_rate_rps, requests_file or concurrency says what was asked"
            )
        if duration is None and not replayed:
            if count is None:
                raise InputError("neither duration_s nor num_requests is given")
            duration = count / (rate or 1.0)
        measured = {name: value for name in METRICS if (value := _number(row, name)) is not None}
        stages.append(Stage(_stage_index(row), rate or 0.0, duration or 0.0, measured))
    return tuple(stages)


def _stage_index(row: Row) -> int:
    return int(float(row["stage_index"]))


def _engine(row: Row, model: LLM) -> dict[str, Any]:
    """Engine arguments that the row knows, in vLLM's names."""
    caching = (_text(row, "prefix_caching") or "on").lower()
    engine: dict[str, Any] = {
        "tensor_parallel_size": int(_number(row, "tp") or 1),
        "pipeline_parallel_size": int(_number(row, "pp") or 1),
        "data_parallel_size": int(_number(row, "dp") or 1),
        "enable_expert_parallel": (_number(row, "ep") or 1) > 1 and model.num_experts > 0,
        "quantization": find_precision(_text(row, "weights_precision"), model),
        "kv_cache_dtype": _kv_cache_dtype(row),
        "enable_prefix_caching": caching not in ("off", "false", "no"),
    }
    integers = {
        "max_num_seqs": "max_num_seqs",
        "max_num_batched_tokens": "max_num_batched_tokens",
        "max_model_len": "max_model_len",
        "block_size": "kv_block_size",
        "num_gpu_blocks_override": "kv_blocks",
    }
    for key, column in integers.items():
        if (value := _number(row, column)) is not None:
            engine[key] = int(value)
    if (share := _number(row, "gpu_memory_utilization")) is not None:
        engine["gpu_memory_utilization"] = share
    return engine


def _kv_cache_dtype(row: Row) -> str:
    """As the row says; NVIDIA's own quantised checkpoints bring an fp8 cache with them."""
    stated, model = _text(row, "kv_precision"), str(row["model"]).lower()
    if stated is None or stated == "auto":
        return "fp8" if model.startswith("nvidia/") and "fp" in model else "auto"
    return "fp8" if "fp8" in stated.lower() else "auto"


def _text(row: Row, column: str) -> str | None:
    value = row.get(column)
    return None if value is None or value != value else str(value).strip()


def _leading_int(row: Row, column: str) -> int:
    """The first number of a text such as "100 (or 45)", 0 if there is none."""
    words = (_text(row, column) or "").split()
    return int(float(words[0])) if words and words[0].replace(".", "").isdigit() else 0
