"""The benchmark runs what it says and writes what it measured."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from experiments import bench
from experiments.bench_workloads import LAW, WORKLOADS
from simulator.physics.step_time import StepWork
from simulator.step_time_model import Linear


@pytest.mark.parametrize(
    ("name", "requests", "rate", "prompt", "output"),
    [
        ("W1", 10_000, 32, 512, 256),
        ("W1b", 10_000, 32, 512, 256),
        ("W2", 40_000, 128, 512, 256),
        ("W9 4096", 10_000, 32, 512, 4096),
    ],
)
def test_a_workload_has_the_rate_and_the_lengths_of_its_name(
    name: str, requests: int, rate: float, prompt: float, output: float
) -> None:
    trace = WORKLOADS[name].make_trace()
    assert len(trace) == requests
    assert len(trace) / trace.arrival_s[-1] == pytest.approx(rate, rel=0.03)
    assert np.mean(trace.prompt_tokens) == pytest.approx(prompt, rel=0.03)
    assert np.mean(trace.output_tokens) == pytest.approx(output, rel=0.03)


def test_sessions_share_their_history() -> None:
    trace = WORKLOADS["W4"].make_trace()
    assert len(trace) == 10_000
    assert trace.segment_ids is not None
    assert trace.prompt_tokens.max() == 400 + 4 * 112 + 3 * 256


def test_the_law_is_near_the_measured_operator_tables() -> None:
    # Llama-3.1-8B on H100, context 1024: 6.2, 8.3, 12.8, 19.6 ms at batch 1, 32, 128, 256.
    law = Linear.parse(LAW)
    batches = np.array([1, 32, 128, 256])
    work = StepWork(decode_seqs=batches, decode_context=1024 * batches)
    measured_s = [6.2e-3, 8.3e-3, 12.8e-3, 19.6e-3]
    assert law.seconds(work) == pytest.approx(measured_s, rel=0.08)


def test_figures_are_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "new" / "bench.json"
    bench.main(["W1", "--repeats", "1", "--out", str(out)])
    (row,) = json.loads(out.read_text())
    assert row["workload"] == "W1"
    assert row["requests"] == 10_000
    assert row["requests_per_s"] == pytest.approx(row["requests"] / row["wall_s"])
    assert {"steps", "peak_mb", "simpy_event_multiple"} <= set(row)
    assert "requests/s" in capsys.readouterr().out


def test_an_unknown_workload_is_told_which_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        bench.main(["W99"])
    assert stopped.value.code == 2
    assert "W1b" in capsys.readouterr().err


def test_a_workload_whose_trace_is_missing_is_said_not_to_be_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    missing: Any = WORKLOADS["W7"]._replace(needs=tmp_path / "gone.jsonl")
    monkeypatch.setitem(WORKLOADS, "W7", missing)
    bench.main(["W7", "--out", str(tmp_path / "bench.json")])
    assert "W7 NOT MEASURED" in capsys.readouterr().out
    assert json.loads((tmp_path / "bench.json").read_text()) == []
