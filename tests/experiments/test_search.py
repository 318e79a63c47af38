"""A search keeps to its constraints, and its answers are beaten by no trial."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from experiments import cell
from experiments.cli import app
from experiments.figures_search import search_figure
from experiments.search import Search, run_search
from experiments.search_space import Choice, Range
from experiments.searched import front
from hardware_profiles.errors import InputError

SEARCH: dict[str, Any] = {
    "name": "small",
    "base": "chat-8b",
    "set": {"horizon_s": 10, "slo": {"ttft_s": 0.2}},
    "space": {
        "engine.max_num_seqs": {"low": 2, "high": 64, "log": True},
        "replicas": {"low": 1, "high": 4},
        "router": [{"kind": "least_loaded"}, {"kind": "round_robin"}],
    },
    "minimise": ["bill.usd_total", "ttft.p99"],
    "constraints": {"goodput.share": {"at_least": 0.9}},
    "trials": 20,
    "confirm": 2,
}


def search(**changes: Any) -> Search:
    return Search.parse({**SEARCH, **changes})


@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=25),
    st.integers(0, 2),
)
def test_no_row_beats_one_of_the_front_and_one_of_it_beats_every_other(
    rows: list[tuple[int, int]], maximised: int
) -> None:
    values = np.array(rows, dtype=float)
    on = front(values, maximised)
    sign = np.array([1.0, 1.0])
    sign[2 - maximised :] = -1

    def beats(a: np.ndarray, b: np.ndarray) -> bool:
        return bool((a * sign <= b * sign).all() and (a * sign < b * sign).any())

    for i in range(len(rows)):
        assert on[i] != any(beats(values[j], values[i]) for j in range(len(rows)))


def test_the_front_is_of_trials_that_keep_the_constraints(tmp_path: Path) -> None:
    found = run_search(search(), tmp_path)
    trials = found.trials
    assert len(trials) == 20
    assert trials["feasible"].equals(trials["goodput.share"] >= 0.9)
    assert trials.loc[trials["front"], "feasible"].all()
    kept = trials[trials["feasible"]]
    unbeaten = kept[front(kept[["bill.usd_total", "ttft.p99"]].to_numpy())]
    assert set(unbeaten["ttft.p99"]) == set(trials.loc[trials["front"], "ttft.p99"])
    assert set(found.best["trial"]) == set(trials.index[trials["front"]])
    assert (found.best["runs"] == 2).all()
    assert found.best["bill.usd_total"].is_monotonic_increasing


def test_answers_are_confirmed_with_seeds_the_search_has_not_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeds: list[int] = []
    simulate = cell.simulate

    def noted(scenario: Any, trace: Any) -> Any:
        seeds.append(scenario.seed)
        return simulate(scenario, trace)

    monkeypatch.setattr(cell, "simulate", noted)
    found = run_search(search(), tmp_path)
    of_search, fresh = {s for s in seeds if s < 1000}, {s for s in seeds if s >= 1000}
    assert len(of_search) == len(fresh) == 2
    first = found.best.iloc[0]
    at_search = found.trials.loc[first["trial"], "ttft.p99"]
    assert first["ttft.p99"] != at_search


def test_the_same_search_makes_the_same_trials_and_runs_nothing(tmp_path: Path) -> None:
    first, second = run_search(search(), tmp_path), run_search(search(), tmp_path)
    assert second.run_now == 0
    assert second.trials.equals(first.trials)
    assert second.best.equals(first.best)
    other = run_search(search(search_seed=1), tmp_path)
    assert not other.trials.equals(first.trials)


def test_what_fresh_seeds_beat_is_no_answer_any_more(tmp_path: Path) -> None:
    best = run_search(search(), tmp_path).best
    answers = best[best["stays"]]
    assert answers["keeps"].all()
    assert front(answers[["bill.usd_total", "ttft.p99"]].to_numpy()).all()
    for row in best[~best["stays"] & best["keeps"]].to_dict("records"):
        better = answers["bill.usd_total"] <= row["bill.usd_total"]
        assert (better & (answers["ttft.p99"] <= row["ttft.p99"])).any()


def test_one_objective_has_one_best(tmp_path: Path) -> None:
    found = run_search(search(minimise=["bill.usd_total"], trials=16), tmp_path)
    assert len(found.best) == 1
    kept = found.trials[found.trials["feasible"]]
    assert found.best["trial"].item() == kept["bill.usd_total"].idxmin()


def test_what_is_to_be_large_is_large(tmp_path: Path) -> None:
    asked = search(minimise=[], maximise=["goodput.share"], constraints={}, trials=12)
    found = run_search(asked, tmp_path)
    best = found.trials.loc[found.best["trial"].item(), "goodput.share"]
    assert best == found.trials["goodput.share"].max()


def test_trials_that_cannot_be_fail_and_the_rest_goes_on(tmp_path: Path) -> None:
    space = {"model": ["llama-3.1-8b", "llama-3.1-70b"], "replicas": {"low": 1, "high": 3}}
    found = run_search(search(space=space, trials=12, constraints={}), tmp_path)
    failed = found.trials[found.trials["error"] != ""]
    assert 0 < len(failed) < 12
    assert failed["error"].str.contains("does not fit").all()
    assert not failed["front"].any()


def test_if_nothing_keeps_the_constraints_there_is_no_answer(tmp_path: Path) -> None:
    found = run_search(search(constraints={"ttft.p99": 1e-6}, trials=4), tmp_path)
    assert not len(found.best)
    assert not found.trials["front"].any()
    assert "No trial keeps" in search_figure(found).texts[-1].get_text()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"minimise": []}, "say what to minimise or to maximise"),
        ({"minimise": ["ttft.p98"]}, "no metric is called 'ttft.p98'"),
        ({"maximise": ["ttft.p99"]}, "named twice"),
        ({"space": {}}, "found nothing"),
        ({"space": ...}, "space: this key is needed"),
        ({"space": {"replicas": 3}}, "replicas: expected a list of values, or low and high"),
        ({"space": {"replicas": []}}, "replicas: values"),
        ({"space": {"replicas": [1, 1]}}, "replicas: .*given twice"),
        ({"space": {"replicas": {"low": 1}}}, "replicas: high: this key is needed"),
        ({"space": {"replicas": {"low": 3, "high": 1}}}, r"low \(3\) must be below high \(1\)"),
        ({"space": {"replicas": {"low": 0, "high": 9, "log": True}}}, "needs low above 0"),
        ({"space": {"replicas": {"low": 1, "high": 9, "step": -1}}}, "step: expected"),
        ({"space": {"replicas": {"low": math.nan, "high": 9}}}, "replicas: low"),
        ({"space": {"replicas": {"low": 1, "high": math.inf}}}, "replicas: high"),
        ({"space": {"seed": [1, 2]}}, "seed: is chosen here"),
        ({"space": {"engine..x": [1]}}, "'engine..x' is no path"),
        ({"space": {"engine.max_seqs": [1, 2]}}, "space: engine.max_seqs: .*there is no key"),
        ({"space": {"replicas": {"low": -9, "high": -1}}}, "space: replicas: "),
        ({"constraints": {"goodput.share": 0.9}}, "say which with"),
        ({"trials": 0}, "trials"),
        ({"trials": 10**9}, "trials"),
        ({"replications": 0}, "replications"),
        ({"batch": -1}, "batch"),
        ({"sampler": "gp"}, "sampler"),
        ({"search_seed": -1}, "search_seed"),
        ({"set": {"model": "llama-3.1-70b"}}, "every trial failed; the first: llama-3.1-70b"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    path = tmp_path / "search.yaml"
    content = {k: v for k, v in {**SEARCH, "trials": 4, **changes}.items() if v is not ...}
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(InputError, match=message) as caught:
        run_search(Search.from_file(path), tmp_path / "out")
    assert "\n" not in str(caught.value)


def test_a_range_is_of_whole_numbers_if_its_ends_are() -> None:
    assert Range(low=1, high=3).whole
    assert not Range(low=0.8, high=0.95).whole
    assert Choice(values=(None, "fp8")).values == (None, "fp8")


def test_the_command_prints_the_front_and_leaves_a_picture(tmp_path: Path) -> None:
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump({**SEARCH, "trials": 8}, sort_keys=False))
    out = tmp_path / "out"
    result = CliRunner().invoke(app, ["search", str(path), "--out", str(out), "--jobs", "1"])
    assert result.exit_code == 0, result.output
    assert "Kept: completed within the SLO ≥ 90 %" in result.output
    assert "means of 2 runs with fresh seeds" in result.output
    files = {item.name for item in out.iterdir()}
    pictures = {f"search.{kind}" for kind in ("png", "svg", "pdf")}
    assert files == {"cells", "trials.csv", "front.csv", "search.yaml", *pictures}


def test_the_picture_of_a_front_has_units_and_says_how_often_it_was_run(tmp_path: Path) -> None:
    figure = search_figure(run_search(search(), tmp_path))
    (axes,) = figure.axes
    assert "TTFT p99 [ms]" in axes.get_ylabel()
    assert "USD" in axes.get_xlabel()
    words = figure.texts[-1].get_text().replace("\n", " ")
    assert "20 trials, each the mean of 2 runs" in words
    assert "95 % intervals" in words
