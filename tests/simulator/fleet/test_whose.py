"""Names of tenants and classes that the traffic does not know."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hardware_profiles.errors import InputError
from simulator import Scenario, simulate
from simulator.fleet.whose import names_in_vain
from tests.simulator.fleet.conftest import BASE
from tests.simulator.fleet.test_overflow import out
from workloads.trace import Trace

QUEUE = {"kind": "queue", "max_waiting": 1}
MIX = {
    "kind": "mix",
    "clients": [
        {"name": "acme", "traffic": "steady-chat"},
        {"name": "team", "traffic": "steady-chat", "count": 2},
    ],
}


def trace(*tenants: str | None, **columns: Any) -> Trace:
    n = len(tenants)
    return Trace.from_columns(
        np.arange(n) * 0.01, np.full(n, 20), np.full(n, 5), tenant=list(tenants), **columns
    )


def played(served: Trace | None = None, traffic: Any = "steady-chat", **fleet: Any) -> Any:
    return simulate(Scenario.parse({**BASE, "traffic": traffic, "horizon_s": 5, **fleet}), served)


@pytest.mark.parametrize("key", ["stay", "tenants"])
def test_a_misspelt_tenant_is_refused_before_anything_leaves(key: str) -> None:
    says = rf"overflow: {key}: no tenant is called 'acne'; did you mean 'acme'\? There are: acme, b"
    with pytest.raises(InputError, match=says) as told:
        played(trace("acme", "b"), overflow=out(QUEUE, **{key: ["acne"]}))
    assert "\n" not in str(told.value)


def test_a_tenant_of_traffic_without_tenants_is_refused() -> None:
    with pytest.raises(InputError, match="the requests of this traffic have no tenants"):
        played(overflow=out(QUEUE, stay=["acme"]))


def test_a_kind_of_which_there_are_several_is_not_a_tenant() -> None:
    with pytest.raises(InputError, match="no tenant is called 'team'; did you mean 'team-"):
        played(traffic=MIX, overflow=out(QUEUE, stay=["team"]))
    played(traffic=MIX, overflow=out(QUEUE, stay=["team-1", "team-2", "acme"]))


def test_a_tenant_who_asks_nothing_this_time_is_known_all_the_same(tmp_path: Path) -> None:
    played(trace("acme"), traffic=MIX, overflow=out(QUEUE, stay=["team-2"]))
    log = tmp_path / "log.csv"
    log.write_text(
        "arrival_s,prompt_tokens,output_tokens,tenant\n0,10,2,early\n1,10,2,early\n100,10,2,late\n"
    )
    replay = {"kind": "trace", "path": str(log)}
    played(traffic=replay, overflow=out(QUEUE, stay=["late"]))  # comes after the horizon
    with pytest.raises(InputError, match="no tenant is called 'lare'; did you mean 'late'"):
        played(traffic=replay, overflow=out(QUEUE, stay=["lare"]))
    only = {**replay, "tenants": ["early"]}
    with pytest.raises(InputError, match="no tenant is called 'late'"):
        played(traffic=only, overflow=out(QUEUE, stay=["late"]))


def test_who_asks_without_a_name_can_be_kept_too() -> None:
    away = played(
        trace(*[None, "acme"] * 20), replicas=0, overflow=out({"kind": "always"}, tenants=["acme"])
    )
    assert set(away.requests.loc[away.calls["request"], "tenant"]) == {"acme"}
    at_home = played(trace(*[None, "acme"] * 20), overflow=out({"kind": "always"}, stay=[""]))
    assert set(at_home.requests.loc[at_home.calls["request"], "tenant"]) == {"acme"}


@pytest.mark.parametrize(
    ("fleet", "says"),
    [
        (
            {"queue": {"kind": "fair_share", "weights": {"acme": 2, "acne": 3}}},
            "queue: weights: no tenant is called 'acne'; did you mean 'acme'",
        ),
        (
            {"admission": {"kind": "tenant_limit", "max_in_flight": 9, "tenants": {"beta": 3}}},
            "admission: tenants: no tenant is called 'beta'; there are: acme, b",
        ),
        ({"lora": {"tenants": ["acme", "acmee"]}}, "lora: tenants: no tenant is called 'acmee'"),
        (
            {"overflow": out(QUEUE, priorities=[0, 7])},
            "overflow: priorities: no request has priority 7; there are: 0, 2",
        ),
        (
            {
                "pools": [{"name": "x"}, {"name": "y"}],
                "pool_choice": {"kind": "by_tenant", "pools": {"acme": "x", "acne": "y"}},
            },
            "pool_choice: pools: no tenant is called 'acne'",
        ),
        (
            {
                "pools": [{"name": "x", "queue": {"kind": "fair_share", "weights": {"ac": 1}}}],
            },
            "pool x: queue: weights: no tenant is called 'ac'",
        ),
    ],
)
def test_a_name_in_vain_elsewhere_is_told_and_does_no_harm(
    fleet: dict[str, Any], says: str
) -> None:
    served = trace("acme", "b", priority=[0, 2])
    scenario = Scenario.parse({**BASE, **fleet})
    (sentence,) = names_in_vain(scenario, served)
    assert sentence.startswith(says)
    assert (simulate(scenario, served).requests["outcome"] == "completed").all()


def test_where_all_names_are_known_nothing_is_told() -> None:
    scenario = Scenario.parse(
        {
            **BASE,
            "queue": {"kind": "fair_share", "weights": {"acme": 2}},
            "admission": {"kind": "tenant_limit", "max_in_flight": 3, "tenants": {"b": 1}},
            "overflow": out(QUEUE, stay=["b"], priorities=[0]),
        }
    )
    assert names_in_vain(scenario, trace("acme", "b")) == []
