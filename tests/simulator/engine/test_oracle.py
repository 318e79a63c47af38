"""What the real scheduler did, the simulated one does: every recorded scenario, both versions."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from experiments.cli import app
from experiments.scheduler_validation import OracleScenario, read_oracle, validate
from hardware_profiles.errors import InputError
from tests.support.random_oracle import STEP_TIME
from tests.support.reference import run_reference

ORACLE = Path(__file__).resolve().parents[4] / "shared" / "oracle"
FILES = sorted(ORACLE.glob("*.jsonl.gz"))


@pytest.mark.skipif(not FILES, reason=f"NOT CHECKED against the real scheduler: no {ORACLE}")
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_all_recorded_scenarios_agree(path: Path) -> None:
    verdicts = [validate(oracle) for oracle in read_oracle(path)]
    assert len(verdicts) >= 90
    assert [v for v in verdicts if not v.agrees] == []


def recorded(**changes: Any) -> dict[str, Any]:
    """A small scenario whose expectation comes from the reference."""
    scenario = {
        "name": "own",
        "version": "vllm-0.15.1",
        "engine": {
            "max_num_seqs": 4,
            "max_num_batched_tokens": 32,
            "max_model_len": 512,
            "num_gpu_blocks": 30,
        },
        "step_time": STEP_TIME,
        "requests": [
            {"arrival_s": 0.3, "prompt": [["s", 40], ["b", 7]], "output_tokens": 9},
            {"arrival_s": 0.0, "prompt": [["s", 40], ["a", 5]], "output_tokens": 30},
        ],
        **changes,
    }
    expected = run_reference(scenario)
    del expected["blocks_left"]
    return {**scenario, "expected": expected}


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["validate", "scheduler", *arguments])


def test_an_agreeing_file_exits_with_0(tmp_path: Path) -> None:
    path = write(tmp_path / "own.jsonl", json.dumps(recorded()))
    done = run(str(path))
    assert done.exit_code == 0
    assert "all 1 scenarios agree" in done.output


def test_gzip_is_read_by_its_content(tmp_path: Path) -> None:
    path = tmp_path / "own.jsonl"
    path.write_bytes(gzip.compress(json.dumps(recorded()).encode()))
    assert [o.name for o in read_oracle(path)] == ["own"]


@pytest.mark.parametrize("key", ["first_token_s", "finish_s", "cached_tokens", "preemptions"])
def test_one_wrong_number_exits_with_1(tmp_path: Path, key: str) -> None:
    scenario = recorded()
    scenario["expected"][key][1] += 1
    done = run(str(write(tmp_path / "own.jsonl", json.dumps(scenario))))
    assert done.exit_code == 1
    assert "own" in done.output


def test_a_wrong_step_in_the_log_exits_with_1(tmp_path: Path) -> None:
    scenario = recorded()
    scenario["expected"]["step_log"][3][1] += 1
    assert run(str(write(tmp_path / "own.jsonl", json.dumps(scenario)))).exit_code == 1


def test_a_microsecond_is_the_limit() -> None:
    scenario = recorded()
    scenario["expected"]["finish_s"][0] += 0.9e-6
    assert validate(OracleScenario.parse(scenario)).agrees
    scenario["expected"]["finish_s"][0] += 0.2e-6
    assert not validate(OracleScenario.parse(scenario)).agrees


def without(key: str) -> str:
    scenario = recorded()
    del scenario[key]
    return json.dumps(scenario)


def with_request(**changes: Any) -> str:
    scenario = recorded()
    scenario["requests"][1] |= changes
    return json.dumps(scenario)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{", "not JSON"),
        ("[1]", "expected a JSON object, found list"),
        (without("engine"), "engine"),
        (without("expected"), "expected"),
        (json.dumps({**recorded(), "version": "vllm-9.9.1"}), "vllm-9.9"),
        (json.dumps({**recorded(), "engine": {"max_num_sqs": 3}}), "max_num_sqs"),
        (json.dumps({**recorded(), "requests": []}), "requests: "),
        (with_request(arrival_s="soon"), "requests.1.arrival_s"),
        (with_request(arrival_s=True), "requests.1.arrival_s"),
        (with_request(arrival_s=float("inf")), "requests.1.arrival_s"),
        (with_request(output_tokens=1e30), "requests.1.output_tokens"),
        (with_request(output_tokens=10**30), "requests.1.output_tokens"),
        (json.dumps(recorded()).replace('"steps"', '"stepps"'), "expected.stepps"),
        (with_request(output_tokens=-1), "output_tokens"),
        (with_request(arrival_s=float("nan")), "arrival_s"),
        (with_request(prompt=[["s", "many"]]), "requests.1.prompt"),
        (with_request(prompt="hello"), "requests.1.prompt"),
        (with_request(prompt=[["s", 3, 4]]), "requests.1.prompt"),
        (with_request(output_tokens=10**6), "max_model_len"),
    ],
)
def test_what_is_no_scenario_is_told_in_one_line(tmp_path: Path, line: str, says: str) -> None:
    path = write(tmp_path / "own.jsonl", line)
    done = run(str(path))
    if says == "max_model_len":  # a request the engine would refuse cannot have been recorded
        assert done.exit_code == 1
        return
    assert done.exit_code == 2, done.output
    assert says in done.stderr
    assert str(path) in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_missing_empty_and_truncated_files(tmp_path: Path) -> None:
    assert run(str(tmp_path / "none.jsonl")).exit_code == 2
    assert run(str(write(tmp_path / "empty.jsonl", ""))).exit_code == 2
    cut = tmp_path / "cut.jsonl.gz"
    cut.write_bytes(gzip.compress(json.dumps(recorded()).encode())[:60])
    with pytest.raises(InputError, match=r"cut\.jsonl\.gz:1: cannot be read"):
        list(read_oracle(cut))
