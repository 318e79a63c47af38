"""A study is carried out once, cell by cell, however often it is asked for."""

import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from experiments import cell
from experiments.cell import Task, code_version, run_task
from experiments.executors import executor
from experiments.study import Study, Until
from experiments.sweep import run_study
from hardware_profiles.errors import InputError
from simulator import Scenario, simulate
from simulator.record.metrics import ttft
from workloads.trace import Trace

METRICS = ("ttft.p99", "bill.usd_total")


def study(**changes: Any) -> Study:
    return Study.parse(
        {
            "name": "small",
            "base": "chat-8b",
            "set": {"horizon_s": 10},
            "axes": {"replicas": [1, 2]},
            "replications": 3,
            "metrics": METRICS,
            **changes,
        }
    )


def test_a_cell_is_what_its_scenario_gives(tmp_path: Path) -> None:
    table = run_study(study(), tmp_path).table
    row = table[(table["replicas"] == 2) & (table["replication"] == 1)].iloc[0]
    scenario = study().scenario({"replicas": 2, "seed": row["seed"].item()})
    assert row["ttft.p99"] == ttft(simulate(scenario)).p99


def test_all_points_meet_the_same_traffic(tmp_path: Path) -> None:
    table = run_study(study(metrics=["ttft.n", "summary.requests.prompt_tokens"]), tmp_path).table
    per_seed = table.groupby("seed")
    assert (per_seed["summary.requests.prompt_tokens"].nunique() == 1).all()
    assert table["summary.requests.prompt_tokens"].nunique() == 3


def test_asked_again_nothing_is_run(tmp_path: Path) -> None:
    first, second = run_study(study(), tmp_path), run_study(study(), tmp_path)
    assert (first.run_now, second.run_now) == (6, 0)
    pd.testing.assert_frame_equal(first.table, second.table)


def test_a_new_value_is_run_alone(tmp_path: Path) -> None:
    run_study(study(), tmp_path)
    assert run_study(study(axes={"replicas": [1, 2, 3]}), tmp_path).run_now == 3
    assert run_study(study(replications=4), tmp_path).run_now == 2


def test_another_metric_another_change_another_version_are_other_cells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_study(study(), tmp_path)
    assert run_study(study(metrics=["ttft.p99"]), tmp_path).run_now == 6
    assert run_study(study(set={"horizon_s": 11}), tmp_path).run_now == 6
    assert run_study(study(warm_up_s=5), tmp_path).run_now == 6
    monkeypatch.setattr("experiments.sweep.code_version", lambda: "0.0.0")
    monkeypatch.setattr("experiments.cell.code_version", lambda: "0.0.0")
    assert run_study(study(), tmp_path).run_now == 6


def test_a_name_is_no_other_cell(tmp_path: Path) -> None:
    run_study(study(), tmp_path)
    assert run_study(study(set={"horizon_s": 10, "name": "other"}), tmp_path).run_now == 0


def test_a_trace_that_changed_is_another_cell(tmp_path: Path) -> None:
    trace = tmp_path / "t.csv"
    head = "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.6805900,374,"
    replay = study(set={"traffic": {"kind": "trace", "path": str(trace)}}, replications=1, axes={})
    for answer, expected in [("44\n", 1), ("44\n", 0), ("45\n", 1)]:
        trace.write_text(head + answer)
        assert run_study(replay, tmp_path / "out").run_now == expected


def test_processes_give_the_same_table(tmp_path: Path) -> None:
    shares: list[float] = []
    one = run_study(study(), tmp_path / "one")
    two = run_study(study(), tmp_path / "two", n_jobs=2, progress=shares.append)
    pd.testing.assert_frame_equal(one.table, two.table)
    assert shares == [pytest.approx(i / 6) for i in range(1, 7)]
    one.save(tmp_path / "one")
    two.save(tmp_path / "two")
    for name in ("table.parquet", "table.csv", "summary.csv", "study.yaml"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_a_failed_cell_is_recorded_and_the_rest_goes_on(tmp_path: Path) -> None:
    # A 70B model does not fit on one GPU, which is found when it is run.
    found = run_study(study(axes={"model": ["llama-3.1-8b", "llama-3.1-70b"]}), tmp_path)
    assert found.table["status"].tolist() == ["ok"] * 3 + ["failed"] * 3
    assert found.failed["error"].str.contains("does not fit on h100-sxm").all()
    assert found.failed[list(METRICS)].isna().all(axis=None)
    summary = found.summary().set_index(["model", "metric"])
    assert math.isnan(summary.loc[("llama-3.1-70b", "ttft.p99"), "mean"])
    assert summary.loc[("llama-3.1-70b", "ttft.p99"), "failed"] == 3
    assert summary.loc[("llama-3.1-8b", "ttft.p99"), "mean"] > 0
    assert (
        run_study(study(axes={"model": ["llama-3.1-70b", "llama-3.1-8b"]}), tmp_path).run_now == 0
    )


def test_a_point_that_is_no_scenario_fails_and_the_rest_goes_on(tmp_path: Path) -> None:
    axes = {
        "engine.max_num_batched_tokens": [512, 9000],
        "engine.enable_chunked_prefill": [True, False],
    }
    found = run_study(
        study(set={"horizon_s": 20, "engine.max_model_len": 8192}, axes=axes), tmp_path
    )
    assert (found.table["status"] == "failed").sum() == 3
    assert found.failed["error"].str.contains("without chunked prefill").all()


def test_when_every_cell_fails_it_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"every cell failed; the first: .*does not fit"):
        run_study(study(set={"model": "llama-3.1-70b"}), tmp_path)


def test_a_cell_that_breaks_is_recorded_and_run_again_next_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(scenario: Scenario, trace: Trace) -> object:
        if scenario.replicas == 2:
            raise MemoryError("too\nbig")
        return simulate(scenario, trace)

    with monkeypatch.context() as patched:
        patched.setattr(cell, "simulate", breaks)
        found = run_study(study(), tmp_path)
    assert set(found.failed["error"]) == {"MemoryError: too big"}
    again = run_study(study(), tmp_path)
    assert again.run_now == 3
    assert not len(again.failed)


def test_a_half_written_cell_is_not_read(tmp_path: Path) -> None:
    run_study(study(), tmp_path)
    files = sorted(tmp_path.rglob("*.json"))
    files[0].write_bytes(files[0].read_bytes()[:40])
    assert run_study(study(), tmp_path).run_now == 1


def test_a_worker_of_another_version_runs_nothing() -> None:
    task = Task(study().scenario(), METRICS, 0.0, "0.0.0+other")
    outcome = run_task(task)
    assert code_version() in outcome.error
    assert not outcome.final


def test_points_are_replicated_until_the_interval_is_narrow(tmp_path: Path) -> None:
    until = {"metric": "ttft.p99", "relative": 0.15, "least": 3, "most": 12}
    found = run_study(study(replications=until), tmp_path)
    summary = found.summary()
    mine = summary[summary["metric"] == "ttft.p99"]
    assert isinstance(found.study.replications, Until)
    assert (mine["n"] > 3).any()
    for row in mine.to_dict("records"):
        width = (row["high"] - row["low"]) / 2 / row["mean"]
        assert width <= 0.15 or row["n"] == 12
    assert run_study(study(replications=until), tmp_path).run_now == 0


def test_the_progress_counts_what_was_run_in_earlier_rounds(tmp_path: Path) -> None:
    until = {"metric": "ttft.p99", "relative": 0.05, "least": 3, "most": 8}
    shares: list[float] = []
    found = run_study(study(replications=until), tmp_path, progress=shares.append)
    assert found.run_now > 6
    # A later round begins where the bar nearly was, not at its left end.
    assert min(shares[6:]) > 6 / found.run_now
    assert shares[-1] == 1


def test_differences_are_taken_run_by_run_and_shown_only_if_sure(tmp_path: Path) -> None:
    asked = study(
        axes=[
            {
                "gpu": ["h100-sxm", "a100-80gb"],
                "offer": ["nebius-h100-sxm-on-demand", "verda-a100-80gb-spot"],
            },
            {"router": [{"kind": "least_loaded"}, {"kind": "round_robin"}]},
        ],
        metrics=["tpot.mean", "summary.requests.arrived"],
        baseline={"gpu": "h100-sxm"},
    )
    found = run_study(asked, tmp_path)
    table = found.differences()
    assert len(table) == 4
    slower = table[table["metric"] == "tpot.mean"]
    assert slower["verdict"].str.startswith("more by").all()
    same = table[table["metric"] == "summary.requests.arrived"]
    assert (same["verdict"] == "no difference shown").all()
    cells = found.table.pivot_table(index=["router", "seed"], columns="gpu", values="tpot.mean")
    by_hand = (cells["a100-80gb"] - cells["h100-sxm"]).groupby("router").mean()
    assert slower["difference"].tolist() == pytest.approx(by_hand[slower["router"]].tolist())


def test_one_run_a_point_has_no_interval(tmp_path: Path) -> None:
    summary = run_study(study(replications=1), tmp_path).summary()
    assert (summary["low"] == -math.inf).all()
    assert (summary["high"] == math.inf).all()


@pytest.mark.parametrize("n_jobs", [0, -2, 10**6])
def test_a_number_of_jobs_that_makes_no_sense_is_refused(n_jobs: int) -> None:
    with pytest.raises(InputError, match="jobs: expected"):
        executor(n_jobs)
