"""`servecast monitor`: what it reads, what it says, what it writes, and what it refuses."""

import json
import re
import shutil
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from experiments.cli import app
from experiments.monitor_rules import read_rules, usual_rules
from experiments.monitor_run import NOT_STREAMED, Monitored, load_run, monitor
from experiments.monitor_telling import tell_monitored
from hardware_profiles.errors import InputError
from simulator import Scenario, simulate
from simulator.fleet.alerts import AlertRules, Burn, Quantile
from workloads.trace import Trace

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "experiments/alerts/chat.yaml"
SCENARIO = {
    "name": "little [fleet]",
    "traffic": "steady-chat",
    "model": "llama-3.1-8b",
    "gpu": "h100-sxm",
    "step_time": {"kind": "linear", "c0": 0.02, "c_tok": 2e-5},
    "engine": {"max_num_seqs": 16},
    "replicas": 2,
    "router": {"kind": "least_loaded"},
    "slo": {"ttft_s": 0.5},
}
FAULTS = [
    {"kind": "engine_crash", "at_s": [60.0], "restart_s": 20.0},
    {"kind": "slow_gpu", "at_s": [200.0], "factor": 1.01, "lasts_s": 5.0},
]
RULES = """\
interval_s: 5
grace_s: 30
early_s: 10
incidents: {bin_s: 10, join_s: 20}
rules:
  - {name: down, kind: level, of: down, window_s: 5, above: 0}
  - {name: slow, kind: quantile, window_s: 30, above_s: 0.5}
  - {name: always, kind: level, of: running, above: 0}
"""
Command = Callable[..., Result]


def saved(folder: Path, **more: object) -> Path:
    rng = np.random.default_rng(3)
    n = 4600
    trace = Trace.from_columns(
        np.sort(rng.uniform(0, 280, n)), rng.integers(50, 400, n), rng.integers(20, 80, n)
    )
    return simulate(Scenario.parse({**SCENARIO, **more}), trace).save(folder)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved run of five minutes with a crash that users feel, and a fault that nobody does."""
    return saved(tmp_path_factory.mktemp("runs") / "little", faults=FAULTS)


@pytest.fixture
def servecast(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.chdir(tmp_path)
    Path("rules.yaml").write_text(RULES)
    return lambda *arguments: CliRunner().invoke(app, ["monitor", *map(str, arguments)])


@pytest.fixture
def drawless(servecast: Command, monkeypatch: pytest.MonkeyPatch) -> Command:
    """The command without its picture."""
    monkeypatch.setattr("experiments.figures_style.save", lambda figure, folder, stem: [])
    return servecast


def refused(result: Result) -> str:
    """The one line of a refusal that left nothing behind."""
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert not Path("out").exists()
    assert not list(Path().rglob("*.partial"))
    return result.stderr


def test_it_tells_what_was_detected_by_whom_and_when(run: Path, servecast: Command) -> None:
    told = servecast(run, "rules.yaml")
    assert told.exit_code == 0, told.output
    lines = [" ".join(line.replace("│", " ").split()) for line in told.stdout.splitlines()]
    crash = next(line for line in lines if "engine crash" in line)
    assert re.fullmatch(
        r"1 engine crash, SLO missed 0:(00:59|01:00) \S+ s \d+ down 5(\.\d+)? s", crash
    ), crash
    assert "2 slow GPU 0:03:20 5 s 0 nobody missed" in lines
    assert any(line.startswith("always 0:00:05") and line.endswith("none: false") for line in lines)
    assert "little [fleet]: " in told.stdout
    assert "from: h:mm:ss of the run" in told.stdout
    words = " ".join(told.stdout.split())
    assert "2 incidents: 1 detected" in words
    assert "1 missed (with 0 of the run's" in words
    assert not list(Path().glob("*/"))


def test_it_fits_a_narrow_terminal(
    run: Path, servecast: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("experiments.monitor_cli.NARROWEST", 80)
    monkeypatch.setenv("COLUMNS", "80")
    lines = servecast(run).stdout.splitlines()
    tables = [line for line in lines if line[:1] in tuple("│┃┏┡└")]
    assert len(tables) > 20
    assert {line.rstrip()[-1] for line in tables} <= set("│┃┓┩┘")  # no border is cut off
    assert "…" not in "".join(tables)


def test_what_it_writes_says_the_same(run: Path, servecast: Command) -> None:
    assert servecast(run, "rules.yaml", "--out", "out").exit_code == 0
    found = json.loads(Path("out/monitoring.json").read_text())
    incidents, alerts = pd.read_csv("out/incidents.csv"), pd.read_csv("out/alerts.csv")
    assert found["incidents"]["total"] == len(incidents) == 2
    assert found["alerts"]["false"] == (~alerts["true"]).sum() == 1
    assert found["incidents"]["detected"] == 1
    assert incidents["what"].tolist() == ["engine_crash, slo", "slow_gpu"]
    assert incidents["bad"][1] == 0 < incidents["bad"][0]
    assert found["incidents"]["bad_requests_of_run"] == incidents["bad"].sum()
    by_rule = pd.read_csv("out/rules.csv").set_index("rule")
    assert by_rule["fired"].sum() == len(alerts)
    assert by_rule["first_of"].to_dict() == {"down": 1, "slow": 0, "always": 0}
    first_s = alerts.groupby("rule")["fired_s"].min() - incidents["start_s"][0]
    assert by_rule["delay_s"]["down"] == incidents["delay_s"][0] == first_s["down"]
    assert by_rule["delay_s"]["slow"] == first_s["slow"]
    assert np.isnan(by_rule["delay_s"]["always"])
    series = pd.read_csv("out/series.csv")
    assert list(series) == ["time_s", "down", "slow", "always"]
    assert AlertRules.parse(found["rules"]) == AlertRules.parse(_yaml("out/rules.yaml"))
    for kind in ("png", "svg", "pdf"):
        assert Path(f"out/monitoring.{kind}").stat().st_size > 10_000


def _yaml(path: str) -> object:
    from hardware_profiles.profile import load_yaml

    return load_yaml(Path(path))


def test_the_rules_that_it_writes_can_be_used_again(run: Path, drawless: Command) -> None:
    first = drawless(run, "--out", "out")
    assert first.exit_code == 0, first.output
    again = drawless(run, "out/rules.yaml", "--out", "again")
    assert again.stdout.replace("again", "out") == first.stdout
    one, other = (Path(folder, "monitoring.json").read_bytes() for folder in ("out", "again"))
    assert one == other


def test_the_picture_is_the_same_for_the_same_run(run: Path) -> None:
    from experiments.figures_monitor import monitor_figure

    result, _ = load_run(run)
    found = monitor(result, AlertRules.parse(_yaml_of(RULES)))
    axes = monitor_figure(found).get_axes()
    titles = [each.get_title(loc="left") for each in axes]
    assert titles == ["Replicas down", "TTFT [s]", "Requests running", "Incidents and alerts"]
    names = [text.get_text() for text in axes[-1].get_yticklabels()]
    assert names == ["incidents", "down", "slow", "always"]


def test_a_long_series_is_drawn_by_its_peaks() -> None:
    from experiments.figures_monitor import MOST_POINTS, thinned

    many = 7 * MOST_POINTS + 3
    series = pd.DataFrame({"time_s": np.arange(many) * 15.0, "rule": np.zeros(many)})
    series.loc[12_345, "rule"] = 9.0
    drawn = thinned(series)
    assert len(drawn) <= MOST_POINTS
    assert drawn["rule"].max() == 9.0
    assert drawn["time_s"].is_monotonic_increasing
    assert drawn["time_s"].iloc[-1] == series["time_s"].iloc[-1]


def _yaml_of(text: str) -> object:
    import yaml

    return yaml.safe_load(text)


@pytest.mark.parametrize("width", [80, 120])
def test_lines_fit_the_terminal(run: Path, width: int) -> None:
    result, _ = load_run(run)
    console = Console(width=width, record=True, file=StringIO())
    tell_monitored(monitor(result, read_rules(EXAMPLE, result.scenario, 300)), None, console)
    text = console.export_text()
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text


def test_without_a_file_the_rules_are_those_of_the_slo(run: Path, servecast: Command) -> None:
    result, _ = load_run(run)
    rules = usual_rules(result.scenario, result.horizon_s)
    quantiles = [rule for rule in rules.rules if isinstance(rule, Quantile)]
    assert [(rule.latency, rule.above_s) for rule in quantiles] == [("ttft_s", 0.5)]
    assert [r.long_s for r in rules.rules if isinstance(r, Burn)] == [3600]
    week = usual_rules(result.scenario, 7 * 86400.0)
    assert [r.above for r in week.rules if isinstance(r, Burn)] == [14.4, 6.0, 1.0]
    told = servecast(run).stdout
    assert all(rule.name in told for rule in rules.rules)


def test_any_run_has_usual_rules(tmp_path: Path, servecast: Command) -> None:
    """One of a few seconds, without an SLO and without faults."""
    scenario = Scenario.parse({**SCENARIO, "slo": {}, "name": "short"})
    trace = Trace.from_columns([0.0, 0.5, 1.0], [10, 10, 10], [5, 5, 5])
    simulate(scenario, trace).save(tmp_path / "short")
    told = servecast("short")
    assert told.exit_code == 0, told.output
    assert "0 incidents: 0 detected, 0 missed. 0 alerts" in told.stdout


def test_a_missed_incident_is_told_with_its_bad_requests(run: Path) -> None:
    result, _ = load_run(run)
    deaf = {"rules": [{"name": "deaf", "kind": "level", "of": "waiting", "above": 1e9}]}
    found = monitor(result, AlertRules.parse({**deaf, "incidents": {"bin_s": 10, "join_s": 0}}))
    totals = found.totals["incidents"]
    assert totals["missed"] == totals["total"] == 2
    assert totals["bad_requests_missed"] == totals["bad_requests"] > 0


def test_a_streamed_run_says_the_same_of_requests(
    tmp_path: Path, servecast: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = """\
name: long
traffic: {like: steady-chat, arrivals: {kind: poisson, rate_per_s: 20}}
model: llama-3.1-8b
gpu: h100-sxm
step_time: {kind: linear, c0: 0.02, c_tok: 2.0e-5}
slo: {ttft_s: 0.5}
offer: nebius-h100-sxm-on-demand
horizon_s: 120
"""
    Path("long.yaml").write_text(text)
    scenario = Scenario.from_file(Path("long.yaml"))
    simulate(scenario).save("whole")
    monkeypatch.setattr("experiments.long_run.save", lambda figure, folder, stem: [])
    told = CliRunner().invoke(app, ["run", "long.yaml", "--stream", "--out", "streamed"])
    assert told.exit_code == 0, told.output
    both: list[Monitored] = []
    for folder in ("whole", "streamed"):
        result, table = load_run(Path(folder))
        assert (table is None) == (folder == "whole")
        both.append(monitor(result, read_rules(EXAMPLE, scenario, 120.0), table))
    one, other = (each.rehearsal.series.set_index("time_s") for each in both)
    shares = ["cache full", "all GPUs busy"]
    exact = [name for name in one if name not in shares]
    np.testing.assert_allclose(other[exact], one[exact], rtol=1e-9)
    np.testing.assert_allclose(other[shares], one[shares], atol=1e-6)
    assert servecast("streamed", EXAMPLE).exit_code == 0


def test_a_streamed_run_with_faults_is_refused(run: Path, servecast: Command) -> None:
    shutil.copytree(run, "streamed")
    for name in NOT_STREAMED:
        Path(f"streamed/{name}.parquet").unlink()
    assert "--stream did not keep when faults struck" in refused(servecast("streamed"))


def test_the_example_is_read_and_finds_the_crash(run: Path, servecast: Command) -> None:
    told = servecast(run, EXAMPLE)
    assert told.exit_code == 0, told.output
    assert "engine crash" in told.stdout


BURN = "{name: a, kind: burn_rate}"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "rules.yaml: expected keys"),
        ("- a", "rules.yaml: expected keys"),
        ("rules: [", "rules.yaml:1"),
        ("rules: [{name: a, kind: burn_rate, above", "rules.yaml:1"),
        (RULES[: len(RULES) - 20], "rules.yaml:"),
        ("rules: []", "rules: expected at least one"),
        ("rules: 3", "rules: "),
        ("rules: [3]", "rules.0: "),
        ("interval_s: 15", "rules: this key is needed"),
        ("rules: [{name: a, kind: quantile}]", "rules.0.above_s: this key is needed"),
        ("rules: [{name: a, kind: quantil}]", "did you mean 'quantile'"),
        ("rules: [{name: a, above_s: 1}]", "say which one with 'kind'"),
        ("rules: [{name: a, kind: quantile, above: 1}]", "did you mean 'above_s'"),
        ("rules: [{name: a, kind: quantile, above_s: -1}]", "rules.0.above_s: "),
        ("rules: [{name: a, kind: quantile, above_s: .nan}]", "rules.0.above_s: "),
        ("rules: [{name: a, kind: quantile, above_s: 1e400}]", "rules.0.above_s: "),
        ("rules: [{name: a, kind: quantile, above_s: 1e300}]", "rules.0.above_s: "),
        ("rules: [{name: a, kind: burn_rate, hold_s: 1e10}]", "rules.0.hold_s: "),
        (f"grace_s: 1e99\nrules: [{BURN}]", "rules.yaml:1: grace_s: "),
        ("rules: [{name: a, kind: quantile, above_s: fast}]", "rules.0.above_s: "),
        ("rules: [{name: a, kind: level, of: kv_use, above: 95}]", "say 0.95 for 95 %"),
        (f"rules: [{BURN}, {BURN}]", "2 are called 'a'"),
        (f"rules: [{BURN}]\nrules: [{BURN}]", "rules.yaml:2"),
        (f"intervals_s: 3\nrules: [{BURN}]", "did you mean 'interval_s'"),
        (f"interval_s: 1e-6\nrules: [{BURN}]", "rules.yaml: interval_s: 1e-06 s makes"),
        (f"incidents: {{bin_s: 1e-9}}\nrules: [{BURN}]", "rules.yaml: incidents.bin_s"),
    ],
)
def test_wrong_rules_are_one_line_and_nothing_written(
    run: Path, servecast: Command, text: str, words: str
) -> None:
    Path("rules.yaml").write_text(text)
    said = refused(servecast(run, "rules.yaml", "--out", "out"))
    assert "rules.yaml" in said
    assert words in said


def test_a_rules_file_that_is_not_there_is_refused(run: Path, servecast: Command) -> None:
    assert "no.yaml" in refused(servecast(run, "no.yaml", "--out", "out"))
    assert str(run) in refused(servecast(run, run, "--out", "out"))


def _cut(path: str, size: int = 100) -> None:
    Path(path).write_bytes(Path(path).read_bytes()[:size])


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda: shutil.rmtree("run"), "there is no such folder"),
        (lambda: Path("run/summary.json").unlink(), "no summary.json"),
        (lambda: Path("run/scenario.yaml").unlink(), "no scenario.yaml"),
        (lambda: Path("run/requests.parquet").unlink(), "no requests.parquet"),
        (lambda: Path("run/steps.parquet").unlink(), "steps.parquet"),
        (lambda: Path("run/events.parquet").unlink(), "run/events.parquet: there is no such file"),
        (lambda: Path("run/calls.parquet").unlink(), "run/calls.parquet: there is no such file"),
        (lambda: _cut("run/requests.parquet"), "requests.parquet: not a table"),
        (lambda: _cut("run/events.parquet"), "events.parquet: not a table"),
        (lambda: _cut("run/summary.json"), "run: not a run saved by this version"),
        (lambda: _cut("run/scenario.yaml", 30), "scenario.yaml"),
    ],
)
def test_what_is_no_finished_run_is_refused(
    run: Path, servecast: Command, spoil: Callable[[], None], words: str
) -> None:
    shutil.copytree(run, "run")
    spoil()
    assert words in refused(servecast("run", "rules.yaml", "--out", "out"))


def test_it_writes_over_nothing_that_is_not_its_own(run: Path, drawless: Command) -> None:
    shutil.copytree(run, "run")
    assert "holds other files" in refused(drawless("run", "--out", "run"))
    assert "is a file" in refused(drawless(run, "--out", "rules.yaml"))
    assert Path("rules.yaml").read_text() == RULES
    assert drawless(run, "--out", "mine").exit_code == 0
    assert drawless(run, "rules.yaml", "--out", "mine").exit_code == 0


def test_a_run_shorter_than_the_interval_is_refused_by_the_library(run: Path) -> None:
    result, _ = load_run(run)
    rules = AlertRules.parse({"interval_s": 1e4, "rules": [{"name": "a", "kind": "burn_rate",
                              "short_s": 1e4, "long_s": 1e4}]})  # fmt: skip
    with pytest.raises(InputError, match="interval_s"):
        monitor(result, rules)
