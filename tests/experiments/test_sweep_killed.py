"""Killed at any moment and started again, a sweep ends with the same table, nothing run twice."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from experiments.cell import code_version
from experiments.study import Study
from experiments.sweep import run_study

STUDY = Study.parse(
    {
        "name": "killed",
        "base": "chat-8b",
        "set": {"horizon_s": 120},
        "axes": {"engine.max_num_seqs": [8, 16, 32]},
        "replications": 4,
        "metrics": ["ttft.p99", "bill.usd_total"],
    }
)
CELLS = 12

# Every run of a cell, by whatever process, leaves a line when it begins and one when it is done.
SWEEP = """
import sys
from pathlib import Path
from experiments import cell, sweep
from experiments.study import Study

run = cell._run
def logged(task, key):
    with open(sys.argv[3], "a", buffering=1) as log:
        log.write(f"begin {key}\\n")
        outcome = run(task, key)
        log.write(f"done {key}\\n")
    return outcome
cell._run = logged
# Somebody may be at work on the sources: then other processes would have another version.
cell.code_version = sweep.code_version = lambda: sys.argv[5]
print("ready", flush=True)
study = Study.model_validate_json(sys.argv[1])
sweep.run_study(study, Path(sys.argv[2]), n_jobs=int(sys.argv[4]))
"""


def sweep(folder: Path, log: Path, n_jobs: int = 1) -> subprocess.Popen[bytes]:
    told = [STUDY.model_dump_json(), str(folder), str(log), str(n_jobs), code_version()]
    command = [sys.executable, "-c", SWEEP, *told]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


def lines(log: Path, word: str) -> Counter[str]:
    found = log.read_text().splitlines() if log.exists() else []
    return Counter(line.split()[1] for line in found if line.startswith(word))


def kept(folder: Path) -> dict[str, tuple[int, int]]:
    """Each finished cell, and which file it is: one written anew is another file."""
    paths = (folder / "cells").rglob("*.json")
    return {path.stem: (path.stat().st_ino, path.stat().st_mtime_ns) for path in paths}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    return run_study(STUDY, tmp_path_factory.mktemp("whole")).table


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_killed_at_a_random_moment_it_goes_on_where_it_was(
    tmp_path: Path, whole: pd.DataFrame, seed: int
) -> None:
    log = tmp_path / "log"
    with sweep(tmp_path, log) as process:
        time.sleep(random.Random(seed).uniform(0.0, 0.8))
        process.send_signal(signal.SIGKILL)
    before = kept(tmp_path)
    assert len(before) <= CELLS
    again = run_study(STUDY, tmp_path)
    assert again.run_now == CELLS - len(before)
    pd.testing.assert_frame_equal(again.table, whole)
    after = kept(tmp_path)
    assert before.items() <= after.items()
    assert len(after) == CELLS
    # One more may have been run than was kept: the one under way when it was killed.
    assert set(before) <= set(lines(log, "done"))
    assert len(lines(log, "begin")) - len(before) <= 1


def test_with_its_processes_killed_too_nothing_that_was_kept_is_run_again(
    tmp_path: Path, whole: pd.DataFrame
) -> None:
    folder = tmp_path / "out"
    process = sweep(folder, tmp_path / "log", n_jobs=2)
    deadline = time.monotonic() + 60
    while len(kept(folder)) < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    before = kept(folder)
    assert 3 <= len(before) <= CELLS
    again = run_study(STUDY, folder)
    assert again.run_now == CELLS - len(before)
    assert before.items() <= kept(folder).items()
    pd.testing.assert_frame_equal(again.table, whole)


def test_two_at_once_share_the_cells_and_run_none_twice(
    tmp_path: Path, whole: pd.DataFrame
) -> None:
    log = tmp_path / "log"
    with sweep(tmp_path, log) as one, sweep(tmp_path, log) as other:
        assert one.wait(120) == other.wait(120) == 0
    done = lines(log, "done")
    assert len(done) == CELLS
    assert set(done.values()) == {1}
    pd.testing.assert_frame_equal(run_study(STUDY, tmp_path).table, whole)
