"""Bad input of `servecast monitor`: one line that names the file, and nothing written."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from experiments.cli import app
from simulator import Scenario, simulate

SCENARIO = {
    "name": "little",
    "traffic": {
        "kind": "synthetic",
        "arrivals": {"kind": "poisson", "rate_per_s": 10},
        "prompt_tokens": 200,
        "output_tokens": 30,
    },
    "model": "llama-3.1-8b",
    "gpu": "h100-sxm",
    "step_time": {"kind": "linear", "c0": 0.02, "c_tok": 2.0e-5},
    "slo": {"ttft_s": 1.0},
    "horizon_s": 60,
}
RULES = """\
interval_s: 5
grace_s: 20
incidents: {bin_s: 10}
rules:
  - {name: late, kind: quantile, above_s: 1, window_s: 30}
  - {name: gone, kind: level, of: down, above: 0, window_s: 5, hold_s: 10}
"""
Run = Callable[..., Result]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return simulate(Scenario.parse(SCENARIO)).save(tmp_path_factory.mktemp("runs") / "little")


@pytest.fixture
def monitor(tmp_path: Path, saved: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command in a folder that has the run."""
    monkeypatch.chdir(tmp_path)
    Path("rules.yaml").write_text(RULES)
    shutil.copytree(saved, "run")
    return lambda *arguments: CliRunner().invoke(app, ["monitor", *map(str, arguments)])


def refused(result: Result) -> str:
    """The one line of a refusal that left nothing behind."""
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert not Path("out").exists()
    assert not list(Path().rglob("*.partial"))
    return result.stderr


def test_the_rules_that_are_spoilt_below_are_good(monitor: Run) -> None:
    result = monitor("run", "rules.yaml")
    assert result.exit_code == 0, result.output


WRONG = {
    "malformed": ("rules: [", "rules.yaml:1: "),
    "truncated": (RULES[: RULES.index("window_s: 30")], "rules.yaml:5: "),
    "empty": ("", "rules.yaml: expected keys with values"),
    "a list": ("- 1", "rules.yaml: expected keys with values"),
    "binary": ("\x00\x01", "rules.yaml: not a YAML text file"),
    "no rules": ("interval_s: 5", "rules: this key is needed"),
    "empty list": ("rules: []", "rules.yaml:1: rules: "),
    "not a list": ("rules: 3", "rules.yaml:1: rules: "),
    "not a rule": ("rules: [3]", "rules.yaml:1: rules.0: "),
    "unknown key": (RULES.replace("grace_s", "grace"), "'grace'; did you mean 'grace_s'"),
    "unknown key of a rule": (RULES.replace("hold_s", "for"), ":6: there is no key 'rules.1.for'"),
    "unknown kind": (RULES.replace("quantile", "quartile"), "did you mean 'quantile'"),
    "unknown quantity": (RULES.replace("of: down", "of: up"), "rules.yaml:6: rules.1.of: "),
    "no bound": (RULES.replace("above_s: 1, ", ""), "rules.yaml:5: rules.0.above_s: "),
    "negative": (RULES.replace("hold_s: 10", "hold_s: -1"), "rules.yaml:6: rules.1.hold_s: "),
    "negative interval": (RULES.replace("interval_s: 5", "interval_s: -5"), ":1: interval_s: "),
    "NaN": (RULES.replace("window_s: 30", "window_s: .nan"), "rules.yaml:5: rules.0.window_s: "),
    "infinite": (RULES.replace("grace_s: 20", "grace_s: .inf"), "rules.yaml:2: grace_s: "),
    "huge window": (RULES.replace("window_s: 30", "window_s: 1e300"), ":5: rules.0.window_s: "),
    "huge hold": (RULES.replace("hold_s: 10", "hold_s: 1e10"), "rules.yaml:6: rules.1.hold_s: "),
    "huge interval": (RULES.replace("interval_s: 5", "interval_s: 1e99"), ":1: interval_s: "),
    "words": (RULES.replace("window_s: 30", "window_s: 5m"), "found '5m'"),
    "longer than the run": (
        RULES.replace("interval_s: 5", "interval_s: 300").replace("30}", "300}").replace(
            "window_s: 5", "window_s: 300"), "rules.yaml: interval_s: 300"
    ),
    "no end of looks": (RULES.replace("interval_s: 5", "interval_s: 1e-9"), "interval_s: 1e-09"),
    "no end of bins": (RULES.replace("bin_s: 10", "bin_s: 1e-9"), "incidents.bin_s: 1e-09"),
    "one name twice": (RULES.replace("name: gone", "name: late"), "called 'late'"),
    "no name": (RULES.replace("name: gone", "name: ''"), "rules.yaml:6: rules.1.name: "),
}  # fmt: skip


@pytest.mark.parametrize(("text", "said"), WRONG.values(), ids=WRONG)
def test_wrong_rules_are_refused_in_one_line(monitor: Run, text: str, said: str) -> None:
    Path("rules.yaml").write_text(text)
    line = refused(monitor("run", "rules.yaml", "--out", "out"))
    assert line.startswith("servecast: rules.yaml")
    assert said in line


def _cut(name: str) -> None:
    content = Path("run", name).read_bytes()
    Path("run", name).write_bytes(content[: len(content) // 2])


BROKEN: dict[str, tuple[Callable[[], object], str]] = {
    "nothing there": (lambda: shutil.rmtree("run"), "run: there is no such folder"),
    "a file": (
        lambda: (shutil.rmtree("run"), Path("run").write_text("")), "run: there is no such folder"
    ),
    "no scenario": (lambda: Path("run/scenario.yaml").unlink(), "run: not a finished run"),
    "no events": (lambda: Path("run/events.parquet").unlink(), "run/events.parquet: "),
    "no steps": (lambda: Path("run/steps.parquet").unlink(), "run/steps.parquet: "),
    "half of a table": (lambda: _cut("intervals.parquet"), "run/intervals.parquet: "),
    "half of the summary": (lambda: _cut("summary.json"), "run: not a run saved by this version"),
    "half of the scenario": (lambda: _cut("scenario.yaml"), "run/scenario.yaml"),
}  # fmt: skip


@pytest.mark.parametrize(("harm", "said"), BROKEN.values(), ids=BROKEN)
def test_what_is_no_whole_run_is_refused_in_one_line(
    monitor: Run, harm: Callable[[], object], said: str
) -> None:
    harm()
    assert said in refused(monitor("run", "rules.yaml", "--out", "out"))


def test_a_folder_with_other_things_is_left_alone(monitor: Run) -> None:
    before = {path: path.read_bytes() for path in Path("run").iterdir()}
    for out, said in (("run", "run: holds other files"), ("rules.yaml", "rules.yaml: is a file")):
        assert said in refused(monitor("run", "rules.yaml", "--out", out))
    assert {path: path.read_bytes() for path in Path("run").iterdir()} == before
