"""An answer is whole or not there, and one process at a time works on it."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from experiments.store import Store, hash_of, write_whole
from hardware_profiles.errors import InputError

KEY = hash_of({"a": 1})


def test_what_is_put_can_be_got(tmp_path: Path) -> None:
    store = Store(tmp_path / "new").open()
    assert store.get(KEY) is None
    store.put(KEY, {"x": 0.1 + 0.2})
    assert store.get(KEY) == {"key": KEY, "x": 0.1 + 0.2}


@pytest.mark.parametrize("damage", [b"", b'{"key": "', b"[]", b'{"key": "other"}', b"\xff\xfe"])
def test_what_is_damaged_counts_as_not_there(tmp_path: Path, damage: bytes) -> None:
    store = Store(tmp_path).open()
    store.put(KEY, {"x": 1})
    next(tmp_path.rglob("*.json")).write_bytes(damage)
    assert store.get(KEY) is None


def test_nothing_but_whole_files_is_left(tmp_path: Path) -> None:
    Store(tmp_path).open().put(KEY, {"x": 1})
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [f"{KEY}.json"]


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write_whole(path, b"old")
    with pytest.raises(InputError, match="cannot be written"):
        write_whole(tmp_path / "none" / "a", b"new")
    assert path.read_bytes() == b"old"


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be written"):
        Store(tmp_path / "file" / "cells").open()


HOLD = """
import os, signal, sys, time
from experiments.store import Store
store = Store(sys.argv[1]).open()
with store.claim(sys.argv[2]):
    print("held", flush=True)
    if sys.argv[3] == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(float(sys.argv[3]))
    store.put(sys.argv[2], {"x": 1})
"""


def holder(folder: Path, how: str) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder), KEY, how], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    return process


def test_who_comes_second_waits_and_finds_the_answer(tmp_path: Path) -> None:
    store = Store(tmp_path).open()
    with holder(tmp_path, "0.3") as first, store.claim(KEY):
        assert store.get(KEY) is not None
    assert first.returncode == 0


def test_another_key_is_free(tmp_path: Path) -> None:
    begin = time.monotonic()
    with holder(tmp_path, "3") as first:
        with Store(tmp_path).open().claim(hash_of({"b": 2})):
            assert time.monotonic() - begin < 2.5
        os.kill(first.pid, 9)


def test_a_claim_dies_with_its_process(tmp_path: Path) -> None:
    with holder(tmp_path, "die") as first:
        first.wait()
    with Store(tmp_path).open().claim(KEY):
        pass
