"""`servecast run`: everything on disk or nothing, and every mistake in one line."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from experiments.cli import app

SCENARIO = """\
name: little
traffic:
  kind: synthetic
  name: trickle
  arrivals: {kind: poisson, rate_per_s: 2}
  prompt_tokens: 200
  output_tokens: {kind: lognormal, mean: 30, cv: 0.5}
model: llama-3.1-8b
gpu: l4
replicas: 2
router: {kind: least_loaded}
slo: {ttft_s: 1, tpot_s: 0.2}
offer: aws-l4-on-demand
seed: 3
horizon_s: 20
"""
Run = Callable[..., Result]


@pytest.fixture
def servecast(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    Path("little.yaml").write_text(SCENARIO)
    return lambda *arguments: CliRunner().invoke(app, ["run", *map(str, arguments)])


def refused(result: Result) -> str:
    """The one line of a refusal that left nothing behind."""
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert not list(Path().rglob("*.partial"))
    return result.stderr


def files_of(folder: str) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in sorted(Path(folder).iterdir())}


def test_a_run_leaves_tables_a_summary_a_bill_and_pictures(servecast: Run) -> None:
    result = servecast("little.yaml")
    assert result.exit_code == 0, result.output
    assert "what users saw" in result.stdout
    assert "runs/little" in result.stdout
    names = set(files_of("runs/little"))
    assert {"requests.parquet", "steps.parquet", "intervals.parquet", "timeline.parquet"} <= names
    assert {"summary.json", "bill.json", "scenario.yaml", "latency.png", "bill.png"} <= names
    summary = json.loads(Path("runs/little/summary.json").read_text())
    requests = pd.read_parquet("runs/little/requests.parquet")
    assert summary["requests"]["arrived"] == len(requests) > 10


def test_the_same_seed_gives_the_same_bytes(servecast: Run) -> None:
    servecast("little.yaml", "--out", "one")
    servecast("little.yaml", "--out", "two")
    assert files_of("one") == files_of("two")


def test_the_saved_scenario_can_be_run_again(servecast: Run) -> None:
    servecast("little.yaml", "--out", "one", "--set", "gpu.bandwidth_gb_s=400")
    again = servecast("one/scenario.yaml", "--out", "two")
    assert again.exit_code == 0, again.output
    assert files_of("one") == files_of("two")


def test_a_setting_changes_one_value(servecast: Run) -> None:
    assert servecast("little.yaml", "--set", "replicas=1", "--out", "one").exit_code == 0
    assert len(pd.read_parquet("one/replicas.parquet")) == 1


def test_an_older_run_is_replaced_and_other_files_are_not_touched(servecast: Run) -> None:
    assert servecast("little.yaml", "--out", "one").exit_code == 0
    assert servecast("little.yaml", "--out", "one", "--set", "replicas=1").exit_code == 0
    assert len(pd.read_parquet("one/replicas.parquet")) == 1
    Path("home").mkdir()
    Path("home/letter.txt").write_text("dear")
    assert "home" in refused(servecast("little.yaml", "--out", "home"))
    assert Path("home/letter.txt").read_text() == "dear"
    assert "is a file" in refused(servecast("little.yaml", "--out", "little.yaml"))


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("replica=2", "there is no key 'replica'; did you mean 'replicas'?"),
        ("gpu=h100-smx", "gpu: no GPU is called 'h100-smx'; did you mean 'h100-sxm'?"),
        ("model=llama-3.1-9b", "no LLM is called 'llama-3.1-9b'; did you mean 'llama-3.1-8b'?"),
        ("offer=nebius-h100-sxm-on-demand", "is a price for h100-sxm"),
        ("router.kind=least_load", "did you mean 'least_loaded'?"),
        ("replicas=0", "replicas: input should be greater than or equal to 1, found 0"),
        ("replicas=many", "replicas: input should be a valid integer"),
        ("horizon_s=.nan", "horizon_s: "),
        ("horizon_s=-1", "horizon_s: input should be greater than 0, found -1"),
        ("engine.max_num_seq=3", "did you mean 'max_num_seqs'?"),
        ("traffic=steddy-chat", "no traffic is called 'steddy-chat'; did you mean 'steady-chat'?"),
        ("model=llama-3.1-70b", "does not fit"),
        ("traffic.prompt_tokens=120000", "KV"),
        ("traffic={kind: trace, path: gone.csv}", "gone.csv: there is no such file"),
        ("seed.a.b=3", "seed"),
    ],
)
def test_a_mistake_is_one_line(servecast: Run, setting: str, expected: str) -> None:
    assert expected in refused(servecast("little.yaml", "--set", setting))
    assert not list(Path("runs").rglob("*"))


def test_a_typo_in_the_file_is_told_with_its_line(servecast: Run) -> None:
    Path("typo.yaml").write_text(SCENARIO.replace("rate_per_s", "rate_per_sec"))
    assert "typo.yaml:5: " in refused(servecast("typo.yaml"))


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("router: {kind: leest_loaded}", "router: 'leest_loaded' is not a kind known here"),
        ("autoscaler: {kind: fixed, max_replicas: 2, target: 3}", "no key 'autoscaler.target'"),
        ("faults: [{kind: gpu_failure, mtbf_h: -3}]", "faults.0.mtbf_h: "),
        ("operations: [{kind: rolling_upgrade, at_s: 1, pool: b}]", "operations.0.pool: no pool"),
        ("overflow: {when: [{kind: outage}], endpoints: [us]}", "endpoints.0: no Endpoint is"),
        # what only the run finds has no line, but a file and a key
        ("pools: [{name: a, model: llama-3.1-70b}]", "pool a: llama-3.1-70b in bf16 does not fit"),
        ("lora: {slots: 100000}", "lora: 100000 slots"),
    ],
)
def test_a_mistake_in_a_fleet_is_one_line_and_leaves_nothing(
    servecast: Run, more: str, expected: str
) -> None:
    lines = [line for line in SCENARIO.splitlines() if line.split(":")[0] != more.split(":")[0]]
    Path("fleet.yaml").write_text("\n".join([*lines, more]))
    told = refused(servecast("fleet.yaml"))
    assert "fleet.yaml:" in told
    assert expected in told
    assert not list(Path("runs").rglob("*"))


def test_a_fault_that_could_not_strike_is_told_and_kept(servecast: Run) -> None:
    Path("fleet.yaml").write_text(SCENARIO + "faults: [{kind: gpu_failure, at_s: [9.0e+9]}]\n")
    found = servecast("fleet.yaml", "--out", "late")
    assert found.exit_code == 0
    sentence = "faults.0: gpu_failure: 9e+09 s is after the end of the run"
    assert f"in vain: {sentence}" in found.stdout
    summary = json.loads(Path("late/summary.json").read_text())
    assert summary["never_happened"][0].startswith(sentence)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "bad.yaml: expected keys with values"),
        (b"name: [", "bad.yaml:1: "),
        (b"name: a\nname: b\n", "bad.yaml:2: the key 'name' is given twice"),
        (b"\x80", "bad.yaml: not a YAML text file"),
        (b"name: little\n", "this key is needed and is not there"),
    ],
)
def test_a_broken_scenario_is_one_line(servecast: Run, content: bytes, expected: str) -> None:
    Path("bad.yaml").write_bytes(content)
    assert expected in refused(servecast("bad.yaml"))


def test_a_missing_scenario_is_one_line(servecast: Run) -> None:
    assert "gone.yaml: there is no such file" in refused(servecast("gone.yaml"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_one_line(servecast: Run) -> None:
    Path("locked").mkdir(mode=0o500)
    assert "cannot be written" in refused(servecast("little.yaml", "--out", "locked/run"))


def test_a_folder_below_a_file_is_one_line(servecast: Run) -> None:
    assert "cannot be written" in refused(servecast("little.yaml", "--out", "little.yaml/run"))
