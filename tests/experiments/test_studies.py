"""Every study on the shelf says what it asks and what it found, and runs."""

from pathlib import Path

import pytest

from experiments.experiment import Experiment
from experiments.figures_study import study_figure
from experiments.search import Search, run_search
from experiments.sizing import Sizing, size
from experiments.study import Study
from experiments.sweep import run_study

SHELF = Path(__file__).parents[2] / "experiments" / "studies"
KINDS: dict[str, type[Experiment]] = {"sweep": Study, "size": Sizing, "search": Search}


def command(path: Path) -> str:
    """What its first line says it is run with."""
    first = path.read_text(encoding="utf-8").splitlines()[0].split()
    assert first[:2] == ["#", "servecast"]
    assert first[3] == f"experiments/studies/{path.name}"
    return first[2]


ALL = sorted(SHELF.glob("*.yaml"))
SWEEPS = [path for path in ALL if command(path) == "sweep"]


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.stem)
def test_it_says_what_it_asks_varies_holds_and_found(path: Path) -> None:
    asked = KINDS[command(path)].from_file(path)
    assert asked.name == path.stem
    assert asked.question.endswith("?")
    assert asked.varied
    assert asked.held
    assert any(digit.isdigit() for digit in asked.found), "no number was found"
    assert "(2026-" in asked.found, "found, but when?"


@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)
def test_a_sweep_runs_and_is_drawn_on_a_small_scale(path: Path, tmp_path: Path) -> None:
    study = Study.from_file(path, {"horizon_s": 4})
    few = tuple(
        {axis_path: (values[0], values[-1]) for axis_path, values in axis.items()}
        for axis in study.axes
    )
    small = study.model_copy(update={"axes": few, "replications": 1, "warm_up_s": 0.0})
    run = run_study(small, tmp_path)
    assert not len(run.failed), run.failed["error"].tolist()
    figure = study_figure(run)
    assert study.picture is not None
    assert len([axes for axes in figure.axes if axes.get_visible()]) == len(study.picture.y)


def test_the_sizing_runs_on_a_small_scale(tmp_path: Path) -> None:
    asked = Sizing.from_file(SHELF / "size-chat.yaml", {"traffic.num_requests": 60})
    few = asked.model_copy(update={"levels": ("traffic",), "options": ({"gpu": ("l40s",)},)})
    assert size(few, tmp_path).cheapest("traffic") is not None


def test_the_search_runs_on_a_small_scale(tmp_path: Path) -> None:
    asked = Search.from_file(SHELF / "search-chat.yaml", {"traffic.num_requests": 60})
    found = run_search(asked.model_copy(update={"trials": 6, "confirm": 1}), tmp_path)
    assert len(found.trials) == 6
