"""`servecast sweep` answers, goes on where it was, and says in one line what is wrong."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner, Result

from experiments.batch_study import knees
from experiments.cli import app
from experiments.figures_study import study_figure
from experiments.study import Study
from experiments.sweep import StudyRun, run_study

Run = Callable[..., Result]

STUDY = {
    "question": "Does a larger batch help?",
    "varied": "max_num_seqs and the number of replicas.",
    "base": "chat-8b",
    "set": {"horizon_s": 10},
    "axes": {"engine.max_num_seqs": [4, 64], "replicas": [1, 2]},
    "replications": 3,
    "metrics": ["ttft.p99", "bill.usd_per_request"],
    "baseline": {"engine.max_num_seqs": 4},
    "picture": {"x": "engine.max_num_seqs", "by": "replicas", "y": ["ttft.p99"], "log_x": True},
}


@pytest.fixture
def servecast() -> Run:
    return lambda *arguments: CliRunner().invoke(app, [str(a) for a in arguments])


@pytest.fixture
def study(tmp_path: Path) -> Path:
    path = tmp_path / "batch.yaml"
    path.write_text(yaml.safe_dump(STUDY))
    return path


def test_a_sweep_prints_a_table_and_leaves_everything_on_disk(
    servecast: Run, study: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    result = servecast("sweep", study, "--out", out, "--jobs", 1)
    assert result.exit_code == 0, result.output
    for said in ("Does a larger batch help?", "TTFT p99", "±", "3 replications", "12 of them run"):
        assert said in result.output
    assert "less by" in result.output
    files = {path.name for path in out.iterdir()}
    assert files == {
        "cells",
        "study.yaml",
        *(f"table.{kind}" for kind in ("csv", "parquet")),
        *(f"study.{kind}" for kind in ("png", "svg", "pdf")),
        *("summary.csv", "differences.csv"),
    }
    assert len(pd.read_csv(out / "table.csv")) == 12
    again = servecast("sweep", study, "--out", out, "--jobs", 1)
    assert "12 cells, 0 of them run now" in again.output


def test_a_setting_comes_over_the_base(servecast: Run, study: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = servecast("sweep", study, "--out", out, "--jobs", 1, "--set", "gpu=l4")
    assert result.exit_code == 2
    result = servecast(
        "sweep", study, "--out", out, "--jobs", 1, "--set", "gpu=l40s", "--set",
        "offer=nebius-l40s-on-demand",
    )  # fmt: skip
    assert result.exit_code == 0, result.output


def test_cells_that_failed_are_told(servecast: Run, study: Path, tmp_path: Path) -> None:
    changed = {**STUDY, "axes": {"model": ["llama-3.1-8b", "llama-3.1-70b"]}}
    for key in ("baseline", "picture"):
        changed.pop(key)
    study.write_text(yaml.safe_dump(changed))
    result = servecast("sweep", study, "--out", tmp_path / "out", "--jobs", 1)
    assert result.exit_code == 0, result.output
    assert "3 of 6 cells failed; the first: llama-3.1-70b" in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.yaml"], "none.yaml: there is no such file"),
        (["{study}", "--jobs", "0"], "jobs: expected a number of processes"),
        (["{study}", "--cluster", "here"], "expected an address such as tcp://host:8786"),
        (["{study}", "--set", "gpu"], "expected PATH=VALUE"),
        (["{study}", "--set", "gpu=h100-smx"], "no GPU is called 'h100-smx'; did you mean 'h100"),
        (["{study}", "--out", "{study}/below"], "cannot be written"),
    ],
)
def test_what_is_wrong_is_one_line(
    servecast: Run, study: Path, arguments: list[str], message: str
) -> None:
    result = servecast("sweep", *(a.replace("{study}", str(study)) for a in arguments))
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert message in result.stderr


def test_stopped_by_hand_it_says_what_is_kept(
    servecast: Run, study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object, **__: object) -> StudyRun:
        raise KeyboardInterrupt

    monkeypatch.setattr("experiments.sweep.run_study", stopped)
    result = servecast("sweep", study, "--out", tmp_path / "out")
    assert result.exit_code == 130
    assert "finished cells are kept in" in result.stderr


def test_a_picture_has_units_intervals_and_the_number_of_replications(tmp_path: Path) -> None:
    found = run_study(Study.parse({"name": "batch", **STUDY}), tmp_path)
    figure = study_figure(found)
    (axes,) = [axes for axes in figure.axes if axes.get_visible()]
    assert axes.get_title(loc="left") == "TTFT p99"
    assert axes.get_ylabel() in ("ms", "s")  # whichever suits the numbers
    assert axes.get_xlabel() == "max_num_seqs, log scale"
    assert len(axes.containers) == 2
    (words,) = [text.get_text() for text in figure.texts if "replications" in text.get_text()]
    assert "Means of 3 replications a point" in words.replace("\n", " ")
    assert "95 % intervals" in words.replace("\n", " ")


def test_the_knee_is_marked_for_each_line_and_told(
    servecast: Run, study: Path, tmp_path: Path
) -> None:
    metric = "throughput.output_tokens_per_s"
    picture = {"x": "engine.max_num_seqs", "by": "replicas", "y": [metric], "knee": [metric]}
    changed = {
        **STUDY,
        "axes": {"engine.max_num_seqs": [1, 2, 4, 64], "replicas": [1, 2]},
        "metrics": [metric],
        "picture": {**picture, "log_x": True},
    }
    study.write_text(yaml.safe_dump(changed))
    result = servecast("sweep", study, "--out", tmp_path / "out", "--jobs", 1)
    assert "knee of throughput, output tokens ± half a 95 % interval" in result.output
    run = run_study(Study.from_file(study), tmp_path / "out")
    figure = study_figure(run)
    (axes,) = [axes for axes in figure.axes if axes.get_visible()]
    dotted = [line for line in axes.get_lines() if line.get_linestyle() == ":"]
    expected = knees(run, metric, "engine.max_num_seqs", log_x=True)["knee"].tolist()
    assert [line.get_xdata()[0] for line in dotted] == expected
    assert "Dotted: the knee of throughput" in figure.texts[-1].get_text().replace("\n", " ")


def test_a_knee_over_words_is_refused(servecast: Run, study: Path, tmp_path: Path) -> None:
    picture = {"x": "gpu", "y": ["ttft.p99"], "knee": ["ttft.p99"]}
    changed = {**STUDY, "axes": {"gpu": ["l4", "l40s"]}, "baseline": None, "picture": picture}
    study.write_text(yaml.safe_dump(changed))
    result = servecast("sweep", study, "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert "picture.knee: needs numbers along gpu" in result.stderr


def test_a_study_without_a_picture_is_drawn_over_its_first_axis(tmp_path: Path) -> None:
    plain = {key: value for key, value in STUDY.items() if key != "picture"}
    axes = [{"router": [{"kind": "least_loaded"}, {"kind": "round_robin"}]}]
    asked = Study.parse(
        {**plain, "name": "routers", "axes": axes, "replications": 1, "baseline": None}
    )
    figure = study_figure(run_study(asked, tmp_path))
    first = figure.axes[0]
    labels = [label.get_text() for label in first.get_xticklabels()]
    assert labels == ["least_loaded", "round_robin"]
    assert "no interval can be given" in figure.texts[-1].get_text()
