"""The picture of a fleet shows what its tables say."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from experiments.figures import draw_run
from experiments.figures_differences import differences_figure
from experiments.figures_fleet import fleet_over_time
from experiments.fleet_study import compare, differences
from simulator.economics.bill import bill
from simulator.record.metrics import goodput
from simulator.record.result import Result
from simulator.scenario import Scenario
from simulator.simulate import simulate
from tests.support.toy_run import toy_run

TROUBLE: dict[str, Any] = {
    "traffic": {"like": "steady-chat", "arrivals": {"kind": "poisson", "rate_per_s": 20.0}},
    "model": "llama-3.1-8b",
    "gpu": "l40s",
    "replicas": 2,
    "horizon_s": 60,
    "slo": {"ttft_s": 0.5, "tpot_s": 0.06},
    "faults": [{"kind": "gpu_failure", "at_s": [20], "replicas": [1], "repair_s": 5}],
    "start_up": {"warm_up_s": 7},
    "autoscaler": {"kind": "fixed", "max_replicas": 3, "interval_s": 10},
}


@pytest.fixture(scope="module")
def trouble() -> Result:
    return simulate(Scenario.parse(TROUBLE))


def panel(figure: Figure, title: str) -> Axes:
    return next(axes for axes in figure.axes if axes.get_title("left").startswith(title))


def area(axes: Axes) -> float:
    """Of all bands of a panel."""
    total = 0.0
    for patch in axes.patches:
        values, edges, baseline = patch.get_data()
        total += float(((values - baseline) * np.diff(edges)).sum())
    return total


def test_the_height_of_the_replicas_is_what_is_paid(trouble: Result) -> None:
    held_s = (trouble.replicas["stopped_s"] - trouble.replicas["requested_s"]).sum()
    drawn = fleet_over_time(trouble)
    assert area(panel(drawn, "Replicas")) == pytest.approx(held_s)
    labels = {text.get_text() for text in panel(drawn, "Replicas").get_legend().get_texts()}
    assert {"busy", "warming: paid, not ready yet", "down: paid, broken"} <= labels


def test_the_height_of_the_requests_is_the_time_that_they_were_there(trouble: Result) -> None:
    seen = trouble.requests[trouble.requests["outcome"] == "completed"]
    there_s = (seen["finish_s"] - seen["arrival_s"]).sum()
    assert area(panel(fleet_over_time(trouble), "Requests in")) == pytest.approx(there_s, rel=0.02)


def test_the_share_that_missed_is_that_of_the_summary(trouble: Result) -> None:
    drawn = panel(fleet_over_time(trouble, bin_s=10_000.0), "Requests that missed")
    (patch,) = drawn.patches
    share = 1 - goodput(trouble).share
    assert 0.01 < share < 0.99
    assert patch.get_data().values.tolist() == pytest.approx([share])
    assert "TTFT 0.5 s, TPOT 0.06 s" in drawn.get_title("left")


def test_a_failure_is_marked_and_too_many_are_not(trouble: Result) -> None:
    marks = [text.get_text() for text in panel(fleet_over_time(trouble), "Replicas").texts]
    assert marks == [" GPU broken"]
    three = {"kind": "engine_crash", "at_s": [20, 20.5, 21], "restart_s": 0.1}
    close = {**TROUBLE, "start_up": None, "faults": [three], "autoscaler": None}
    axes = panel(fleet_over_time(simulate(Scenario.parse(close))), "Replicas")
    assert len(axes.lines) == 3
    assert len({text.get_position()[1] for text in axes.texts}) == len(axes.texts) == 2
    crash = {"kind": "engine_crash", "at_s": list(range(20)), "restart_s": 0.1}
    many = simulate(
        Scenario.parse({**TROUBLE, "start_up": None, "faults": [crash], "horizon_s": 25})
    )
    assert not panel(fleet_over_time(many), "Replicas").texts


def test_times_are_written_as_plain_numbers(trouble: Result) -> None:
    figure = fleet_over_time(trouble)
    FigureCanvasAgg(figure).draw()
    axes = panel(figure, "Time to the first token")
    labels = [text.get_text() for text in axes.get_yticklabels(which="both")]
    assert any(labels)
    assert all(float(label) > 0 for label in labels if label)


def test_a_run_has_the_picture_if_replicas_come_and_go(trouble: Result, tmp_path: Path) -> None:
    draw_run(trouble, bill(trouble), tmp_path)
    assert (tmp_path / "fleet.png").exists()
    fixed = toy_run(2).result
    (tmp_path / "fixed").mkdir()
    draw_run(fixed, bill(fixed), tmp_path / "fixed")
    assert not (tmp_path / "fixed" / "fleet.png").exists()


def test_a_run_in_which_nothing_happened_can_be_drawn() -> None:
    assert fleet_over_time(toy_run(0, requests=0).result).axes


def test_differences_are_drawn_as_they_are_told() -> None:
    base = {**TROUBLE, "faults": [], "autoscaler": None, "horizon_s": None}
    trace = Scenario.parse({**base, "horizon_s": 20}).trace()
    variants = {"two": {}, "three": {"replicas": 3}}
    runs = compare(variants, lambda seed: trace, ["ttft_p50_s", "gpu_hours"], range(2), base)
    figure = differences_figure(runs, "two", {"gpu_hours": "GPU-hours"})
    (axes,) = figure.axes
    told = differences(runs, "two").set_index(["variant", "metric"]).loc[("three", "gpu_hours")]
    base_mean = told["mean"] - told["difference"]
    drawn = axes.lines[0].get_xdata()
    assert drawn == pytest.approx([100 * told["difference"] / base_mean])
    assert [text.get_text() for text in axes.get_yticklabels()] == ["three"]
