"""One odd row is left out with file, line and column, and all the others are replayed."""

from pathlib import Path

import pandas as pd
import pytest

from experiments.calibration_data import read_measured
from experiments.latency_validation import validate

ROW = {
    "experiment_id": "good", "stage_index": 0, "model": "Qwen/Qwen3-14B", "gpu": "H100-SXM-80GB",
    "tp": 1, "max_num_seqs": 128, "request_rate_rps": 2, "duration_s": 5, "input_len_spec": 100,
    "output_len": 8, "tpot_ms_mean": 13.2, "ttft_ms_mean": 41.0,
}  # fmt: skip


def written(folder: Path, *rows: dict[str, object]) -> Path:
    path = folder / "measured.csv"
    pd.DataFrame(rows).to_csv(path, index=False)
    return path


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("output_len", ""), ("output_len", "inf"), ("output_len", -3), ("output_len", "1e9"),
        ("stage_index", ""), ("stage_index", 0.5), ("stage_index", "last"),
        ("tp", "inf"), ("tp", "two"), ("tp", 0), ("tp", 1.5),
        ("duration_s", "inf"), ("duration_s", -60), ("duration_s", "1e15"), ("duration_s", "nine"),
        ("request_rate_rps", -1), ("request_rate_rps", "1e9"),
        ("concurrency", -4), ("concurrency", "1e12"),
        ("max_num_seqs", "lots"), ("max_num_seqs", -1), ("num_distinct_prompts", -3),
        ("input_len_spec", -10), ("input_len_spec", "1e300"), ("gpu_memory_utilization", 9),
        ("ttft_ms_mean", -5), ("ttft_ms_mean", "inf"), ("ttft_ms_mean", 0), ("tpot_ms_mean", 0),
        ("gpu", ""), ("model", ""),
    ],
)  # fmt: skip
def test_one_odd_cell_leaves_out_its_experiment_alone(
    tmp_path: Path, column: str, value: object
) -> None:
    path = written(tmp_path, ROW, ROW | {"experiment_id": "odd", column: value})
    experiments, left_out = read_measured(path)
    assert [e.name for e in experiments] == ["good"]
    assert left_out["odd"].startswith(f"{path}:3: {column}: ")
    assert "np." not in left_out["odd"]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"model": "Qwen/Qwen3-8B", "stage_index": 1}, ":4: model: expected 'Qwen/Qwen3-14B'"),
        ({"gpu": "L4", "stage_index": 1}, ":4: gpu: expected 'H100-SXM-80GB'"),
        ({}, ":4: stage_index: 0 is in line 3 already"),
    ],
)
def test_rows_of_one_experiment_that_disagree_leave_it_out(
    tmp_path: Path, changes: dict[str, object], says: str
) -> None:
    odd = ROW | {"experiment_id": "odd"}
    experiments, left_out = read_measured(written(tmp_path, ROW, odd, odd | changes))
    assert [e.name for e in experiments] == ["good"]
    assert says in left_out["odd"]


@pytest.mark.parametrize("changes", [
    {"duration_s": 1e6, "request_rate_rps": 1e4}, {"duration_s": 1e4, "output_len": 1e5},
    {"duration_s": 0.01},
])  # fmt: skip
def test_a_load_that_cannot_be_replayed_is_left_out(
    tmp_path: Path, changes: dict[str, object]
) -> None:
    path = written(tmp_path, ROW, ROW | {"experiment_id": "odd"} | changes)
    experiments, left_out = read_measured(path)
    assert [e.name for e in experiments] == ["good"]
    assert left_out["odd"].startswith(f"{path}:3: ")


@pytest.mark.parametrize("text", ["default", "auto", ""])
def test_a_setting_left_to_the_server_is_its_default(tmp_path: Path, text: str) -> None:
    settings = dict.fromkeys(("max_num_seqs", "max_num_batched_tokens", "kv_blocks"), text)
    [experiment], left_out = read_measured(written(tmp_path, ROW | settings))
    assert not left_out
    assert not experiment.engine.keys() & {"max_num_seqs", "num_gpu_blocks_override"}


def test_a_row_without_a_name_is_told_by_its_line(tmp_path: Path) -> None:
    path = written(tmp_path, ROW, ROW | {"experiment_id": ""})
    experiments, left_out = read_measured(path)
    assert len(experiments) == 1
    assert left_out == {"line 3": f"{path}:3: experiment_id: it is empty"}


def test_a_closed_loop_may_ask_as_fast_as_it_can(tmp_path: Path) -> None:
    row = ROW | {"concurrency": 2, "request_rate_rps": "inf"}
    [experiment], _ = read_measured(written(tmp_path, row))
    assert (experiment.concurrency, experiment.stages[0].rate_rps) == (2, 0.0)


def test_a_server_on_which_the_model_does_not_fit_leaves_the_others(tmp_path: Path) -> None:
    odd = {"experiment_id": "odd", "model": "llama-3.1-70b", "gpu": "l4"}
    experiments, left_out = read_measured(written(tmp_path, ROW, ROW | odd))
    rows = validate(experiments, 1, left_out=left_out)
    assert set(rows["experiment_id"]) == {"good"}
    assert "odd" in left_out
