"""`servecast run --stream`: the same story as `servecast run`, kept as sums."""

import json
from pathlib import Path

import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner

from experiments.cli import app

PLAN = {
    "name": "small",
    "traffic": {
        "kind": "synthetic",
        "arrivals": {"kind": "poisson", "rate_per_s": 5},
        "prompt_tokens": 100,
        "output_tokens": {"kind": "uniform", "min": 5, "max": 50},
        "num_requests": 400,
    },
    "model": "llama-3.1-8b",
    "gpu": "h100-sxm",
    "slo": {"ttft_s": 0.5},
}
RUN = CliRunner()


def run(folder: Path, name: str, *more: str) -> str:
    scenario = folder / "plan.yaml"
    if not scenario.exists():
        scenario.write_text(yaml.safe_dump(PLAN))
    found = RUN.invoke(app, ["run", str(scenario), "--out", str(folder / name), *more])
    assert found.exit_code == 0, found.output
    return found.output


def test_what_is_told_is_what_the_whole_run_tells(tmp_path: Path) -> None:
    whole, stream = run(tmp_path, "whole"), run(tmp_path, "stream", "--stream")
    lines = [(one, two) for one, two in zip(whole.splitlines(), stream.splitlines(), strict=True)]
    assert lines[0][0] == lines[0][1]
    same = [one for one, two in lines if one == two]
    assert len(same) > len(lines) - 10  # percentiles may differ in their last digit
    summary = json.loads((tmp_path / "stream" / "summary.json").read_text())
    assert summary["requests"]["completed"] == 400
    assert summary["percentiles_within"] == 0.001
    bills = [
        json.loads((tmp_path / name / "bill.json").read_text()) for name in ("whole", "stream")
    ]
    assert bills[1]["usd_total"] == pytest.approx(bills[0]["usd_total"])


def test_what_each_request_saw_is_kept(tmp_path: Path) -> None:
    run(tmp_path, "whole")
    run(tmp_path, "stream", "--stream")
    whole, stream = (
        pd.read_parquet(tmp_path / name / "requests.parquet") for name in ("whole", "stream")
    )
    stream = stream.sort_values("request_id", ignore_index=True)
    words = {"outcome": str, "tenant": str}
    pd.testing.assert_frame_equal(stream.astype(words), whole.astype(words))


def test_every_picture_is_drawn_and_everything_is_resolved(tmp_path: Path) -> None:
    run(tmp_path, "stream", "--stream")
    files = {path.name for path in (tmp_path / "stream").iterdir()}
    assert files >= {"latency.png", "over_time.png", "bill.png", "timeline.parquet", "glossary.csv"}
    assert "steps.parquet" not in files
    saved = yaml.safe_load((tmp_path / "stream" / "scenario.yaml").read_text())
    assert saved["gpu"]["bandwidth_gb_s"] > 0


@pytest.mark.parametrize(
    ("setting", "line"),
    [
        (
            "traffic.arrivals={kind: concurrency, max_concurrency: 4}",
            "a closed loop cannot be read",
        ),
        ("engine.num_gpu_blocks_override=5", "KV blocks, the cache has 4"),
        (
            "overflow={when: [{kind: always}], endpoints: [groq-llama-3.1-8b]}",
            "endpoints keep a row for every call; run it whole",
        ),
    ],
)
def test_what_needs_the_whole_trace_is_refused_and_nothing_is_left(
    tmp_path: Path, setting: str, line: str
) -> None:
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump(PLAN))
    command = ["run", str(tmp_path / "plan.yaml"), "--stream", "--out", str(tmp_path / "out")]
    found = RUN.invoke(app, [*command, "--set", setting])
    assert found.exit_code == 2
    assert line in found.stderr
    assert len(found.stderr.strip().splitlines()) == 1
    assert {path.name for path in tmp_path.iterdir()} == {"plan.yaml"}


@pytest.mark.parametrize("more", [(), ("--stream",)], ids=["whole", "stream"])
def test_the_summary_says_what_was_assumed_and_what_was_skipped(
    tmp_path: Path, more: tuple[str, ...]
) -> None:
    rows = [f"{second},300,10" for second in range(50)]
    rows[7] = "7,none,10"
    (tmp_path / "log.csv").write_text("arrival_s,prompt_tokens,output_tokens\n" + "\n".join(rows))
    traffic = {
        "kind": "trace",
        "path": str(tmp_path / "log.csv"),
        "skip_bad_rows": True,
        "assume_prefixes": {"number": 2, "tokens": 64, "share": 0.5},
    }
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump({**PLAN, "traffic": traffic}))
    told = run(tmp_path, "out", *more)
    assert "assumed: who shares which prompt text: 50% of requests begin with one of 2" in told
    assert "skipped: 1 bad rows" in told
    noted = json.loads((tmp_path / "out" / "summary.json").read_text())["traffic"]
    assert noted["skipped_rows"] == 1
    assert noted["source"] == "log.csv"
    assert "50% of requests begin with one of 2 shared texts" in noted["assumed"][0]
