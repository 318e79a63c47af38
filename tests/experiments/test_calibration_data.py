"""Measured files: read as they are, refused where they cannot be right."""

import json
from pathlib import Path

import pandas as pd
import pytest

from experiments.calibration_data import read_measured
from experiments.calibration_files import measured_metrics, read_listed
from experiments.calibration_names import find_gpu, find_model
from experiments.latency_validation import replay
from hardware_profiles.errors import InputError

ROW = {
    "experiment_id": "one", "stage_index": 0, "model": "Qwen/Qwen3-14B", "gpu": "H100-SXM-80GB",
    "tp": 1, "weights_precision": "bf16/fp16", "max_num_seqs": 128, "max_num_batched_tokens": 2048,
    "gpu_memory_utilization": 0.9, "request_rate_rps": 8, "duration_s": 60,
    "input_len_spec": 547, "shared_prefix_len": 100, "num_prefix_groups": "10 (or 9)",
    "num_distinct_prompts": "100 (or 45)", "output_len": 248, "tpot_ms_mean": 13.2,
    "ttft_ms_mean": 41.0, "e2e_ms_mean": 3300.0,
}  # fmt: skip


def written(folder: Path, *rows: dict[str, object]) -> Path:
    path = folder / "measured.csv"
    pd.DataFrame(rows or [ROW]).to_csv(path, index=False)
    return path


def test_a_row_becomes_a_server_and_its_load(tmp_path: Path) -> None:
    [experiment], left_out = read_measured(written(tmp_path))
    assert not left_out
    assert (experiment.model.name, experiment.gpu.name) == ("qwen3-14b", "h100-sxm")
    assert experiment.engine["max_num_batched_tokens"] == 2048
    assert (experiment.distinct_prompts, experiment.prefix_groups) == (100, 10)
    assert experiment.prompt_tokens == 547
    assert experiment.stages[0].measured["tpot_ms_mean"] == 13.2


def test_stages_are_put_in_order_and_the_whole_run_left_out(tmp_path: Path) -> None:
    rows = [ROW | {"stage_index": index} for index in (-1, 1, 0)]
    [experiment], _ = read_measured(written(tmp_path, *rows))
    assert [stage.index for stage in experiment.stages] == [0, 1]


def test_prompts_are_longer_to_the_llama_2_tokenizer(tmp_path: Path) -> None:
    path = written(tmp_path, ROW | {"model": "meta-llama/Llama-2-7b-hf"})
    assert read_measured(path)[0][0].prompt_tokens == pytest.approx(547 * 1.05)


def test_kv_blocks_of_the_server_are_taken_as_logged(tmp_path: Path) -> None:
    [experiment], _ = read_measured(written(tmp_path, ROW | {"kv_blocks": 7462}))
    assert experiment.engine["num_gpu_blocks_override"] == 7462


def test_lengths_between_a_share_and_all_of_the_nominal_are_shorter_on_average(
    tmp_path: Path,
) -> None:
    row = ROW | {"notes": "client: range ratio 0.8 (lens uniform 80-100% of nominal)"}
    assert read_measured(written(tmp_path, row))[0][0].output_tokens == round(0.9 * 248)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"model": "nobody/Nothing-1B"}, "no LLM is called"),
        ({"gpu": "TPU-v5e"}, "no GPU is called"),
        ({"request_rate_rps": float("nan")}, "says what was asked"),
        ({"input_len_spec": float("nan")}, "input_len_spec"),
    ],
)
def test_an_experiment_that_cannot_be_replayed_is_left_out_with_the_reason(
    tmp_path: Path, changes: dict[str, object], says: str
) -> None:
    _, left_out = read_measured(written(tmp_path, ROW, ROW | {"experiment_id": "two"} | changes))
    assert says in left_out["two"]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"engine": "sglang"}, "ran on sglang"),
        ({"engine": "vllm", "engine_version": "0.6.3"}, "whose engine was another"),
        ({"dp": 2}, "data-parallel"),
        ({"num_gpus": 8, "tp": 4}, "8 GPUs, of which tp x pp x dp explains 4"),
    ],
)
def test_a_server_unlike_ours_is_replayed_with_a_caveat(
    tmp_path: Path, changes: dict[str, object], says: str
) -> None:
    experiments, left_out = read_measured(written(tmp_path, ROW | changes))
    assert not left_out
    assert says in "; ".join(experiments[0].caveats)


def test_a_gpu_without_a_price_is_replayed_all_the_same(tmp_path: Path) -> None:
    [experiment], _ = read_measured(written(tmp_path, ROW | {"gpu": "MI300X-192GB", "dp": 2}))
    replayed = replay(experiment)
    assert len(replayed.replicas) == 2
    assert (replayed.requests["outcome"] == "completed").all()


def test_a_file_with_nothing_to_replay_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no experiment can be replayed"):
        read_measured(written(tmp_path, ROW | {"gpu": "abacus"}))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not a CSV"),
        ("a,b\n1,2\n", "'experiment_id' is needed"),
        ("experiment_id,stage_index,model,gpu,output_len,tpot_ms_mean\nx,0,m,g,5,fast\n",
         ":2: tpot_ms_mean: expected a number from .*, found 'fast'"),
    ],
)  # fmt: skip
def test_a_malformed_file_says_where(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "measured.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=says):
        read_measured(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere"):
        read_measured(tmp_path / "nowhere.csv")


@pytest.mark.parametrize(
    ("spelt", "name"),
    [
        ("meta-llama/Llama-3.1-8B-Instruct", "llama-3.1-8b"),
        ("nvidia/Llama-3.1-8B-Instruct-FP8", "llama-3.1-8b"),
        ("Llama-3.1-70B", "llama-3.1-70b"),
        ("mistralai/Mixtral-8x7B-Instruct-v0.1", "mixtral-8x7b"),
        ("Qwen/Qwen3-30B-A3B-Instruct-2507", "qwen3-30b-a3b-2507"),
    ],
)
def test_a_checkpoint_is_known_by_the_model_in_its_name(spelt: str, name: str) -> None:
    assert find_model(spelt).name == name


@pytest.mark.parametrize(
    ("spelt", "name"),
    [
        ("A100-SXM-80GB", "a100-80gb"),
        ("RTX-PRO-6000-96GB", "rtx-pro-6000"),
        ("NVIDIA L40S", "l40s"),
        ("NVIDIA H200 141GB", "h200"),
        ("H100-PCIE-80GB", "h100-pcie"),
    ],
)
def test_a_gpu_is_known_however_it_is_spelt(spelt: str, name: str) -> None:
    assert find_gpu(spelt).name == name


BENCH = {
    "backend": "vllm", "start_times": [10.0, 10.5], "input_lens": [100, 50],
    "output_lens": [3, 2], "ttfts": [0.2, 0.1], "itls": [[0.1, 0.1], [0.3]], "errors": ["", ""],
}  # fmt: skip


def test_a_benchmark_of_vllm_is_read_request_by_request(tmp_path: Path) -> None:
    path = tmp_path / "bench.json"
    path.write_text(json.dumps(BENCH))
    listed = read_listed(path)
    assert listed["arrival_s"].tolist() == [0.0, 0.5]
    assert listed["e2e_s"].tolist() == pytest.approx([0.4, 0.4])
    measured = measured_metrics(listed)
    assert measured["tpot_ms_mean"] == pytest.approx((100 + 300) / 2)
    assert measured["ttft_ms_mean"] == pytest.approx(150)


def test_failed_requests_of_a_benchmark_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "bench.json"
    path.write_text(json.dumps(BENCH | {"errors": ["", "timeout"]}))
    assert len(read_listed(path)) == 1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"a": 1', "not JSON"),
        ('{"start_times": []}', "no array 'input_lens'"),
        (json.dumps(BENCH | {"ttfts": [1]}), "different lengths"),
        ("arrival_s,input_tokens\n0,5\n", "'output_tokens' is needed"),
        ("arrival_s,input_tokens,output_tokens\n0,-5,1\n", ":2: input_tokens"),
        ("arrival_s,input_tokens,output_tokens\n", "no requests"),
        ("arrival_s,input_tokens,output_tokens,ttft_s,e2e_s\n0,5,1,2.0,1.0\n", "less than"),
    ],
)
def test_requests_that_cannot_be_are_refused(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "requests.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=says):
        read_listed(path)
