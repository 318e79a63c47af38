"""Calibration: the fit finds what made the data, and files say what they found."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from experiments.calibration import Calibrated, calibrate, own_priors
from experiments.calibration_command import calibrate_command, own_experiment
from experiments.calibration_data import Experiment, read_measured
from experiments.calibration_fit import PRIORS, fit
from experiments.calibration_observation import Observation, observations
from experiments.calibration_shelf import write_calibration
from experiments.latency_validation import replay, trace_of, validate
from experiments.latency_validation_command import validate_latency_command
from hardware_profiles.calibration import Calibration
from hardware_profiles.errors import InputError
from hardware_profiles.gpu import GPU
from hardware_profiles.profile import load_yaml
from simulator.physics.layout import Layout
from simulator.physics.work import StepWork
from workloads.llm import LLM

TRUE = {
    "bandwidth_efficiency": 0.85, "kv_bandwidth_efficiency": 0.7, "layer_overhead_us": 60.0,
    "compute_efficiency": 0.55, "sort_bytes": 800.0,
}  # fmt: skip


def calibration(values: Mapping[str, float]) -> Calibration:
    typical = {name: prior.typical for name, prior in PRIORS.items()}
    return Calibration.ideal().model_copy(update=typical | dict(values))


def synthetic(gpu: str, truth: Calibration) -> list[Observation]:
    """Observations that a machine with these coefficients would have made."""
    found = []
    for model in ("llama-2-7b", "llama-3.1-8b", "qwen3-14b", "mistral-nemo-12b"):
        for seqs, context in ((1, 500), (16, 700), (64, 700), (128, 2000)):
            for prompt in (0, 400):
                work = StepWork(prompt, int(prompt > 0), 0, prompt * (prompt + 1) / 2, seqs,
                                seqs * context)  # fmt: skip
                args = (model, LLM.named(model), GPU.named(gpu), Layout(), work, work, 0.0)
                probe = Observation(*args, 1.0, 0.01, True)
                found.append(Observation(*args, probe.predicted_s(truth), 0.01, True))
    return found


def test_the_fit_predicts_what_made_the_data() -> None:
    seen = synthetic("l40s", calibration(TRUE | {"query_head_rereads": 0.1}))
    found = fit(seen)
    own = Calibration.ideal().model_copy(update=found.by_gpu["l40s"])
    errors = [o.predicted_s(own) / o.measured_s - 1 for o in seen]
    assert np.abs(errors).max() < 0.02
    assert found.by_gpu["l40s"]["bandwidth_efficiency"] == pytest.approx(0.85, rel=0.05)


def first_tokens(gpu: str, truth: Calibration) -> list[Observation]:
    """Times to the first token that servers with these coefficients would have had."""
    found = []
    for model in ("llama-3.1-8b", "qwen3-14b", "mistral-nemo-12b"):
        for seqs, rate in ((8, 2.0), (24, 5.0), (64, 8.0)):
            decode = StepWork(decode_seqs=seqs, decode_context=seqs * 700)
            mixed = decode._replace(prefill_tokens=9, prefill_seqs=1, prefill_context=560,
                                    prefill_pairs=9 * 560 + 45)  # fmt: skip
            args = (model, LLM.named(model), GPU.named(gpu), Layout(), decode, mixed, 0.1)
            for arrivals_per_s in (0.0, rate):
                probe = Observation(*args, 1.0, 0.01, True, arrivals_per_s=arrivals_per_s)
                found.append(replace(probe, measured_s=probe.predicted_s(truth)))
    return found


def test_times_to_the_first_token_tell_how_far_the_cache_is_read_again() -> None:
    for truth in (0.1, 0.8):
        own = calibration(TRUE | {"query_head_rereads": truth, "api_overhead_ms": 12.0})
        found = fit(first_tokens("a100-80gb", own)).by_gpu["a100-80gb"]
        assert found["query_head_rereads"] == pytest.approx(truth, rel=0.3)
        assert found["api_overhead_ms"] == pytest.approx(12.0, rel=0.1)


def test_hopper_reads_the_cache_once_whatever_the_data_say() -> None:
    found = fit(first_tokens("h100-sxm", calibration(TRUE | {"query_head_rereads": 0.8})))
    assert found.by_gpu["h100-sxm"]["query_head_rereads"] == 0.0
    assert found.of("h200", "hopper")["query_head_rereads"] == 0.0
    assert found.of("a40", "ampere")["query_head_rereads"] > 0.0


def test_an_arrival_waits_half_a_step_a_whole_one_and_its_own() -> None:
    ideal = Calibration.ideal().model_copy(update={"step_overhead_us": 10_000.0})
    decode = StepWork(decode_seqs=8, decode_context=8 * 700)
    args = ("x", LLM.named("llama-3.1-8b"), GPU.named("h100-sxm"), Layout())
    seen = Observation(*args, decode, decode._replace(prefill_tokens=1, prefill_seqs=1), 0.0,
                       1.0, 0.01, True, arrivals_per_s=1e-9)  # fmt: skip
    step_s = replace(seen, arrivals_per_s=0.0).predicted_s(ideal)
    assert seen.predicted_s(ideal) == pytest.approx(2.5 * step_s, rel=0.01)


def test_a_gpu_that_was_not_measured_is_given_what_the_others_have() -> None:
    found = fit(synthetic("h100-sxm", calibration(TRUE)))
    assert found.of("h100-sxm", "hopper") == found.by_gpu["h100-sxm"]
    family, stranger = found.of("h200", "hopper"), found.of("mi300x", "cdna3")
    name = "layer_overhead_us"
    low, high = sorted((found.generic[name], found.by_gpu["h100-sxm"][name]))
    assert low <= family[name] <= high
    assert stranger[name] == pytest.approx(found.generic[name])


def test_shares_never_pass_one_and_no_coefficient_is_negative() -> None:
    fast = synthetic("h100-sxm", Calibration.ideal())
    coefficients = fit(fast).by_gpu["h100-sxm"]
    assert all(value >= 0 for value in coefficients.values())
    assert all(coefficients[name] <= 1 for name, prior in PRIORS.items() if prior.is_share)


ROW = {
    "experiment_id": "one", "stage_index": 0, "model": "llama-3.1-8b", "gpu": "h100-sxm",
    "max_num_seqs": 128, "max_num_batched_tokens": 2048, "input_len_spec": 300, "output_len": 40,
    "request_rate_rps": 5, "duration_s": 40, "shared_prefix_len": 100, "num_prefix_groups": 2,
    "num_distinct_prompts": 10,
}  # fmt: skip


@pytest.fixture
def measured(tmp_path: Path) -> Path:
    """Two experiments, measured on a simulated server with coefficients of its own."""
    path = tmp_path / "measured.csv"
    names = ("llama-3.1-8b", "qwen3-14b")
    rows = [ROW | {"experiment_id": f"on-{name}", "model": name} for name in names]
    stage = ("tpot_ms_mean", "ttft_ms_mean", "e2e_ms_mean", "e2e_ms_p99")
    pd.DataFrame([row | dict.fromkeys(stage, 1.0) for row in rows]).to_csv(path, index=False)
    truth = calibration(TRUE | {"api_overhead_ms": 12.0})
    figures = validate(read_measured(path)[0], seeds=2, calibration=truth)
    by_name = {
        name: dict(zip(part["metric"], part["predicted"], strict=True))
        for name, part in figures.groupby("experiment_id")
    }
    pd.DataFrame([row | by_name[str(row["experiment_id"])] for row in rows]).to_csv(
        path, index=False
    )
    return path


def experiments(path: Path) -> list[Experiment]:
    return read_measured(path)[0]


def test_requests_come_as_often_and_share_as_much_as_the_file_says(measured: Path) -> None:
    trace = trace_of(experiments(measured)[0], seed=1)
    assert len(trace) == 5 * 40
    assert (trace.prompt_tokens[:10] == trace.prompt_tokens[10:20]).all()
    assert trace.segment_ids is not None
    assert len(set(trace.segment_ids.tolist())) == 2 + 10
    assert trace == trace_of(experiments(measured)[0], seed=1)
    assert trace != trace_of(experiments(measured)[0], seed=2)


def test_only_the_first_time_is_a_prompt_computed(measured: Path) -> None:
    requests = replay(experiments(measured)[0]).requests
    assert (requests["cached_tokens"][:10] <= 96).all()  # of the group's system prompt at most
    assert (requests["cached_tokens"][20:] > 250).all()


def test_calibrating_on_measured_servers_predicts_them(measured: Path) -> None:
    found = calibrate(experiments(measured), seeds=1, leave_out=False)
    errors = found.fitted.groupby("metric")["ape_pct"].mean()
    assert errors["tpot_ms_mean"] < 2
    assert errors["ttft_ms_mean"] < 4
    assert found.api_ms["h100-sxm"] == pytest.approx(12.0, abs=1.0)


def test_leaving_out_a_model_or_a_gpu_says_what_a_new_one_may_get(measured: Path) -> None:
    found: Calibrated = calibrate(experiments(measured), seeds=1)
    assert set(found.without_model["model"]) == {"llama-3.1-8b", "qwen3-14b"}
    assert not len(found.without_gpu)  # there is no other GPU to learn from


def test_a_users_own_runs_are_written_as_a_calibration_that_can_be_used(
    measured: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, replays = calibrate_command([measured], tmp_path / "out", Console(width=120), seeds=1)
    made = Calibration.parse(load_yaml(path))
    assert (made.gpu, made.num_experiments) == ("h100-sxm", 2)
    assert made.errors["tpot_ms_mean"].mean_ape_pct < 3
    assert set(pd.read_csv(replays)["fit"]) == {"all"}
    told = capsys.readouterr().out
    assert "tpot mean" in told
    assert f"step_time.calibration={path}" in told


def test_validation_writes_one_row_a_figure(
    measured: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "deep" / "errors.csv"
    validate_latency_command(measured, Console(width=160), out, seeds=1)
    rows = pd.read_csv(out)
    assert list(rows) == [
        "experiment_id", "stage_index", "metric", "predicted", "measured", "ape_pct",
    ]  # fmt: skip
    assert len(rows) == 2 * 4
    assert (rows["ape_pct"] >= 0).all()
    assert "by model" in capsys.readouterr().out


def test_requests_one_by_one_need_a_model_and_a_gpu(tmp_path: Path) -> None:
    path = tmp_path / "requests.csv"
    path.write_text("arrival_s,input_tokens,output_tokens\n0,5,5\n")
    with pytest.raises(InputError, match="says no model and no GPU"):
        own_experiment(path, None, None, {})
    with pytest.raises(InputError, match="'ttft_s' and 'e2e_s' are needed"):
        own_experiment(path, "llama-3.1-8b", "l4", {})


def test_requests_one_by_one_are_observed_by_who_was_decoding_beside_them(tmp_path: Path) -> None:
    path = tmp_path / "requests.csv"
    rows = ["arrival_s,input_tokens,output_tokens,ttft_s,e2e_s"]
    rows += [f"0,100,101,0.1,{0.1 + 100 * 0.02}" for _ in range(12)]
    path.write_text("\n".join(rows) + "\n")
    seen = observations(own_experiment(path, "llama-3.1-8b", "l40s", {}))
    assert [o.measured_s for o in seen] == pytest.approx([0.02] * len(seen))
    assert [o.decode.decode_seqs for o in seen] == pytest.approx([12.0] * len(seen))


def test_what_is_written_can_be_read_back(tmp_path: Path) -> None:
    for name in Calibration.names():
        shipped = Calibration.named(name)
        path = write_calibration(shipped, tmp_path)
        assert Calibration.parse(load_yaml(path)) == shipped


def test_own_priors_start_from_the_shelf() -> None:
    near = Calibration.choose("h100-sxm", "hopper").calibration
    assert own_priors(near)["layer_overhead_us"].typical == near.layer_overhead_us


def test_clients_of_a_closed_loop_ask_as_soon_as_they_are_answered(tmp_path: Path) -> None:
    path = tmp_path / "closed.csv"
    row = ROW | {
        "concurrency": 4, "request_rate_rps": float("nan"), "tpot_ms_mean": 7.0,
        "output_len": 300, "notes": "client: range ratio 0.8",
    }  # fmt: skip
    pd.DataFrame([row]).to_csv(path, index=False)
    [experiment] = experiments(path)
    trace = trace_of(experiment, seed=0)
    assert (trace.max_concurrency, len(trace)) == (4, 40)
    assert 240 <= trace.output_tokens.min() < trace.output_tokens.max() <= 300
    [seen] = observations(experiment)
    assert seen.decode.decode_seqs == 4
    assert not seen.is_complete
    assert replay(experiment).steps["running"].max() <= 4
