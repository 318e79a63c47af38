"""Pictures come out of any run, and the same run gives the same bytes."""

from pathlib import Path

import matplotlib as mpl
import pytest

from experiments.figures import comparison, draw_comparison, draw_run
from experiments.figures_bill import LINE_LOOKS, shown_lines
from experiments.figures_style import SERIES
from simulator.economics.bill import bill
from simulator.record.result import Result
from simulator.scenario import Scenario
from simulator.simulate import simulate
from tests.support.toy_run import toy_run

EXPECTED = ["latency", "over_time", "idle_trace", "bill"]


def drawn(result: Result, folder: Path) -> dict[str, bytes]:
    folder.mkdir()
    return {path.name: path.read_bytes() for path in draw_run(result, bill(result), folder)}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return drawn(toy_run(2).result, tmp_path_factory.mktemp("figures") / "a")


def test_a_run_is_drawn_as_png_svg_and_pdf(files: dict[str, bytes]) -> None:
    assert set(files) == {f"{stem}.{kind}" for stem in EXPECTED for kind in ("png", "svg", "pdf")}


def test_the_same_run_gives_the_same_bytes(files: dict[str, bytes], tmp_path: Path) -> None:
    assert drawn(toy_run(2).result, tmp_path / "b") == files


def test_no_date_and_no_version_is_written(files: dict[str, bytes]) -> None:
    for content in files.values():
        assert b"<dc:date>" not in content
        assert b"CreationDate" not in content
        assert b"Matplotlib v" not in content


def test_a_run_in_which_nothing_happened_can_be_drawn(tmp_path: Path) -> None:
    assert drawn(toy_run(0, requests=0).result, tmp_path / "a")


def test_many_changes_of_state_are_drawn_as_shares(tmp_path: Path) -> None:
    busy_and_idle = toy_run(3, requests=1500, replicas=1, horizon=300.0).result
    assert len(busy_and_idle.intervals) > 300
    assert drawn(busy_and_idle, tmp_path / "a")


def test_the_bars_of_the_bill_add_up_to_it() -> None:
    result = toy_run(4, requests=200).result
    found = bill(result)
    assert shown_lines(found)["usd"].sum() == pytest.approx(found.usd_total)
    assert set(shown_lines(found)["part"]) <= set(LINE_LOOKS)


def test_a_fleet_that_shrinks_and_sends_away_can_be_drawn(tmp_path: Path) -> None:
    scenario = {
        "traffic": {"like": "steady-chat", "arrivals": {"kind": "poisson", "rate_per_s": 30.0}},
        "model": "llama-3.1-8b", "gpu": "l40s", "horizon_s": 60, "replicas": 2,
        "autoscaler": {
            "kind": "scheduled", "interval_s": 10, "max_replicas": 2,
            "levels": [{"from_h": 0, "replicas": 2}, {"from_h": 0.01, "replicas": 1}],
        },
        "overflow": {
            "when": [{"kind": "queue", "max_waiting": 2}], "endpoints": ["novita-llama-3.1-8b"],
        },
    }  # fmt: skip
    result = simulate(Scenario.parse(scenario))
    found = bill(result)
    assert found.line("gpu_rent_draining") > 0
    assert found.line("endpoint_calls") > 0
    assert shown_lines(found)["usd"].sum() == pytest.approx(found.usd_total)
    assert set(shown_lines(found)["part"]) <= set(LINE_LOOKS)
    assert drawn(result, tmp_path / "a")


def test_runs_are_drawn_side_by_side(tmp_path: Path) -> None:
    runs = {
        name: (result, bill(result))
        for name, result in (("steady", toy_run(5).result), ("bursty", toy_run(6).result))
    }
    once = [path.read_bytes() for path in draw_comparison(runs, tmp_path)]
    again = [path.read_bytes() for path in draw_comparison(runs, tmp_path)]
    assert once == again


def test_there_must_be_something_to_compare() -> None:
    with pytest.raises(ValueError, match=f"1 to {len(SERIES)} runs, found 0"):
        comparison({})


def test_the_settings_of_the_user_are_left_alone(tmp_path: Path) -> None:
    before = dict(mpl.rcParams)
    drawn(toy_run(1).result, tmp_path / "a")
    assert dict(mpl.rcParams) == before
