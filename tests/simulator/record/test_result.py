"""A run can be kept and read back; it is written whole or not at all; same run, same bytes."""

import json
import os
from pathlib import Path

import pandas as pd
import pytest

from hardware_profiles.errors import InputError
from simulator.record.result import Result
from simulator.record.tables import TABLES, names
from tests.support.toy_run import toy_run


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("requests", [0, 50])
def test_what_is_saved_is_what_is_loaded(tmp_path: Path, requests: int) -> None:
    result = toy_run(1, requests=requests).result
    assert Result.load(result.save(tmp_path / "run")).equals(result)


def test_the_same_run_gives_the_same_bytes(tmp_path: Path) -> None:
    once = toy_run(2).result.save(tmp_path / "once")
    again = toy_run(2).result.save(tmp_path / "again")
    assert content(once) == content(again)


def test_another_seed_gives_another_result() -> None:
    assert not toy_run(1).result.equals(toy_run(2).result)


def test_every_table_is_written_with_its_declared_columns(tmp_path: Path) -> None:
    folder = toy_run(3).result.save(tmp_path / "run")
    for table in TABLES:
        found = pd.read_parquet(folder / f"{table}.parquet")
        assert list(found.columns) == names(table)
        assert found.attrs["scenario"] == "toy"
        assert found.attrs["version"] == "0"


def test_the_summary_is_json_without_nan(tmp_path: Path) -> None:
    folder = toy_run(0, requests=0).result.save(tmp_path / "run")

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    told = json.loads((folder / "summary.json").read_text(), parse_constant=refuse)
    assert told["latency"]["ttft_s"]["p99"] is None
    assert told["requests"]["arrived"] == 0


def test_a_saved_run_is_replaced_whole(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    toy_run(1).result.save(folder, also=lambda partial: (partial / "more.txt").write_text("more"))
    assert (folder / "more.txt").exists()
    second = toy_run(2).result
    second.save(folder)
    assert Result.load(folder).equals(second)
    assert not (folder / "more.txt").exists()
    assert os.listdir(tmp_path) == ["run"]  # noqa: PTH208


def test_nothing_is_left_when_something_fails_on_the_way(tmp_path: Path) -> None:
    def fail(partial: Path) -> None:
        raise RuntimeError("half-way")

    with pytest.raises(RuntimeError, match="half-way"):
        toy_run(1).result.save(tmp_path / "run", also=fail)
    assert not list(tmp_path.iterdir())


def test_an_older_run_stays_when_a_newer_one_fails(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    older = toy_run(1).result
    older.save(folder)

    def fail(partial: Path) -> None:
        raise RuntimeError("half-way")

    with pytest.raises(RuntimeError, match="half-way"):
        toy_run(2).result.save(folder, also=fail)
    assert Result.load(folder).equals(older)


def test_a_folder_with_other_things_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(InputError, match="holds other files"):
        toy_run(1).result.save(tmp_path)
    assert os.listdir(tmp_path) == ["thesis.tex"]  # noqa: PTH208


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")
    with pytest.raises(InputError, match="is a file"):
        toy_run(1).result.save(tmp_path / "run")


def test_loading_what_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"scenario\.yaml: there is no such file"):
        Result.load(tmp_path)


def test_loading_a_run_with_a_table_missing_names_it(tmp_path: Path) -> None:
    folder = toy_run(1).result.save(tmp_path / "run")
    (folder / "steps.parquet").unlink()
    with pytest.raises(InputError, match=r"steps\.parquet: there is no such file"):
        Result.load(folder)


def test_loading_a_table_that_is_none_names_it(tmp_path: Path) -> None:
    folder = toy_run(1).result.save(tmp_path / "run")
    (folder / "steps.parquet").write_bytes(b"no table")
    with pytest.raises(InputError, match=r"steps\.parquet: not a table"):
        Result.load(folder)


def test_a_table_with_other_columns_is_refused() -> None:
    result = toy_run(1).result
    with pytest.raises(ValueError, match="table 'steps' has columns"):
        Result(
            scenario=result.scenario,
            version="0",
            horizon_s=1.0,
            **{t: result.table("chunks" if t == "steps" else t) for t in Result.TABLES},
        )
