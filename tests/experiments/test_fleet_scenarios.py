"""The fleet's example scenarios show what their first lines say, also when cut short."""

from typing import Any

import pytest

from experiments.experiment import SCENARIOS as SHELF
from experiments.in_words import in_words
from simulator import Result, Scenario, simulate

CUT: dict[str, dict[str, Any]] = {
    "fleet-autoscaled-day": {"horizon_s": 4000},
    "fleet-disaggregated": {"horizon_s": 30},
    "fleet-overflow": {"horizon_s": 400},
    "fleet-spot": {"horizon_s": 600, "faults": [
        {"kind": "spot_reclaim", "pool": "spot", "at_s": [120], "notice_s": 30,
         "no_capacity_s": 60}]},
    "fleet-tenants": {"horizon_s": 400},
}  # fmt: skip


def test_each_fleet_scenario_is_looked_at_here() -> None:
    assert {path.stem for path in SHELF.glob("fleet-*.yaml")} == set(CUT)


@pytest.fixture(scope="module", params=CUT)
def cut(request: pytest.FixtureRequest) -> tuple[str, Result]:
    name: str = request.param
    scenario = Scenario.from_file(SHELF / f"{name}.yaml", CUT[name])
    return name, simulate(scenario)


def test_it_shows_what_it_is_there_to_show(cut: tuple[str, Result]) -> None:
    name, result = cut
    states = set(result.intervals["state"].unique())
    if name == "fleet-autoscaled-day":
        assert len(result.replicas) > 1
        assert "warming" in states
        assert "1 to 6 x l40s (target_concurrency)" in in_words(result.scenario)
    elif name == "fleet-disaggregated":
        assert (result.events["event"] == "kv sent").sum() == len(result.requests)
        assert "prefill in prompts, decode in answers" in in_words(result.scenario)
    elif name == "fleet-overflow":
        left = result.requests.iloc[result.calls["request"]]["tenant"]
        assert len(left)
        assert "enterprise" not in set(left)
        assert "enterprise" in set(result.requests["tenant"])
    elif name == "fleet-spot":
        assert (result.events["event"] == "reclaim notice").any()
        pool = result.replicas.set_index("replica")["pool"]
        assert set(pool.reindex(result.requests["replica"])) == {"spot", "floor"}
    else:
        good = result.requests.assign(done=result.requests["outcome"] == "completed")
        share = good.groupby("tenant", observed=True)["done"].mean()
        assert share["calls"] == 1.0
        assert share["crawler"] < 0.9


def test_words_name_every_pool_and_every_price() -> None:
    words = in_words(Scenario.from_file(SHELF / "fleet-spot.yaml"))
    assert "3 x h100-sxm (spot) + 1 x h100-sxm (floor), by_cost" in words
    assert "nebius-h100-sxm-spot at 1.25" in words
    assert "nebius-h100-sxm-on-demand at 2.95" in words
