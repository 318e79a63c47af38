"""What the README shows can be typed as it is printed."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from simulator import Scenario, simulate

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PROGRAM = ".venv/bin/servecast "

COMMANDS = [
    line.removeprefix("$ ").partition("  #")[0].strip()
    for block in re.findall(r"```console\n(.*?)```", README, re.DOTALL)
    for line in block.splitlines()
    if line.startswith(f"$ {PROGRAM}")
]
PYTHON = re.findall(r"```python\n(.*?)```", README, re.DOTALL)

ELSEWHERE = {
    "validate scheduler": "takes a minute; tests/simulator/engine replays the same runs",
    "catalogue add-model": "writes on the shelf; tests/experiments/test_catalogue_add.py has it",
}
LEFT_BEHIND = {
    "run": ("summary.json", "latency.png"),
    "size": ("sizes.csv", "sizes.png", "sizes.svg", "sizes.pdf"),
    "sweep": ("table.parquet", "summary.csv", "study.png", "study.svg", "study.pdf"),
}


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A folder where the README's paths lead where they should, with a log and a scenario."""
    (tmp_path / "experiments").symlink_to(ROOT / "experiments")
    rows = [f"{second},{300 + second},{50 + second % 7}" for second in range(60)]
    text = "\n".join(["arrival_s,prompt_tokens,output_tokens", *rows])
    (tmp_path / "my_log.csv").write_text(text + "\n")
    week = (ROOT / "experiments/scenarios/chat-8b.yaml").read_text(encoding="utf-8")
    (tmp_path / "week.yaml").write_text(week.replace("horizon_s: 3600", "horizon_s: 300"))
    return tmp_path


def python(desk: Path, code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python with this tree's packages; nothing of it may warn."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-W", "error", "-c", code, *arguments]
    return subprocess.run(command, cwd=desk, env=environment, capture_output=True, text=True)


def test_there_is_an_example_for_the_planner_the_researcher_and_the_notebook() -> None:
    verbs = {command.removeprefix(PROGRAM).split()[0] for command in COMMANDS}
    assert {"run", "size", "sweep"} <= verbs
    assert any("run_study(" in code for code in PYTHON)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_runs_as_printed(command: str, desk: Path) -> None:
    for start, why in ELSEWHERE.items():
        if command.startswith(PROGRAM + start):
            pytest.skip(why)
    arguments = shlex.split(command.removeprefix(PROGRAM))
    if arguments[0] == "monitor":
        simulate(Scenario.from_file(desk / "week.yaml")).save(desk / arguments[1])
    done = python(desk, "from experiments.cli import app; app()", *arguments)
    assert done.returncode == 0, done.stderr
    assert done.stdout
    left = {path.name for path in desk.rglob("runs/*/*")}
    assert set(LEFT_BEHIND.get(arguments[0], ())) <= left


@pytest.mark.parametrize("code", PYTHON, ids=lambda code: code.splitlines()[0])
def test_a_block_of_python_runs_as_printed(code: str, desk: Path) -> None:
    done = python(desk, code)
    assert done.returncode == 0, done.stderr
