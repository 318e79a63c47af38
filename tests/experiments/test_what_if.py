"""A decision moves with what moves it, and with nothing else."""

from pathlib import Path
from typing import Any

import pytest

from experiments.figures_what_if import what_if_figure
from experiments.sizing import Sizing
from experiments.what_if import Decided, what_if
from hardware_profiles.errors import InputError

SIZING: dict[str, Any] = {
    "name": "small",
    "base": "chat-8b",
    "set": {"traffic": {"like": "steady-chat", "num_requests": 100}, "horizon_s": 300},
    "targets": {"ttft.p90": 1.0, "tpot.p95": 0.1},
    "options": {"gpu": ["h100-sxm", "l40s"]},
    "levels": ["peak"],
    "repeat": {"least": 2, "most": 4},
}
CHANGES: dict[str, dict[str, Any]] = {
    "as it is": {},
    "again": {},
    "H100 for nothing": {"usd_per_gpu_hour": {"h100-sxm": 0.01}},
    "H100 for a fortune": {"usd_per_gpu_hour": {"h100-sxm": 1000}},
    "six times the requests": {"set": {"traffic.arrivals.rate_per_s": 33}},
    "no spare": {"question": {"spare": 0}},
}


@pytest.fixture(scope="module")
def decided(tmp_path_factory: pytest.TempPathFactory) -> Decided:
    return what_if(Sizing.parse(SIZING), CHANGES, tmp_path_factory.mktemp("what"))


def test_the_decision_follows_the_price(decided: Decided) -> None:
    table = decided.table.set_index("what_if")
    assert table.loc["H100 for nothing", "gpu"] == "h100-sxm"
    assert table.loc["H100 for a fortune", "gpu"] == "l40s"
    assert table["moves"].sum() >= 2


def test_what_changes_nothing_moves_nothing(decided: Decided) -> None:
    table = decided.table.set_index("what_if")
    assert not table.loc["again", "moves"]
    assert table.loc["again", "costs"] == 1


def test_prices_alone_are_not_simulated_again(decided: Decided) -> None:
    assert decided.sized["as it is"].run_now > 0
    assert decided.sized["H100 for nothing"].run_now == 0
    replicas = [
        decided.sized[name].table["replicas"].tolist() for name in ("as it is", "H100 for nothing")
    ]
    assert replicas[0] == replicas[1]


def test_more_requests_cost_more_and_no_spare_costs_less(decided: Decided) -> None:
    costs = decided.table.set_index("what_if")["costs"]
    assert costs["six times the requests"] > 1 > costs["no spare"]


def test_the_picture_has_a_row_a_change_and_units(decided: Decided) -> None:
    (axes,) = what_if_figure(decided).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == list(CHANGES)
    assert "US dollars an hour" in axes.get_xlabel()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"usd_per_gpu_hour": {"h100": 1.0}}, "'h100' is no option; did you mean 'h100-sxm'"),
        ({"usd_per_gpu_hour": {"h100-sxm": -1.0}}, "usd_per_gpu_hour.h100-sxm: .*found -1"),
        ({"usd_per_gpu_hour": {"h100-sxm": float("nan")}}, "usd_per_gpu_hour.h100-sxm"),
        ({"prices": {}}, "there is no key 'prices'"),
        ({"set": {"traffic.rate": 3}}, "set traffic.rate: there is no key"),
        ({"question": {"spares": 1}}, "there is no key 'spares'; did you mean 'spare'"),
    ],
)
def test_a_change_that_makes_no_sense_is_refused(
    change: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=message):
        what_if(Sizing.parse(SIZING), {"x": change}, tmp_path)


def test_a_level_that_was_not_asked_for_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="level: 'mean' is not asked for; there are: peak"):
        what_if(Sizing.parse(SIZING), {"x": {}}, tmp_path, level="mean")
