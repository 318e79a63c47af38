"""What a scenario plans and its run never comes to is told; what merely did not strike is not."""

from typing import Any

import pytest

from experiments.never_happened import never_happened
from simulator.scenario import Scenario
from simulator.simulate import simulate

BASE: dict[str, Any] = {
    "traffic": "steady-chat", "model": "llama-3.1-8b", "gpu": "h100-sxm", "horizon_s": 5,
    "replicas": 2,
}  # fmt: skip
OUTAGE = {"kind": "zone_outage", "at_s": [1], "lasts_s": 1}
SCALED: dict[str, Any] = {"autoscaler": {"kind": "fixed", "max_replicas": 2, "interval_s": 99}}
"""More replicas could come, and do not: so that cannot be known beforehand."""
POOLS: dict[str, Any] = {
    "pools": [{"name": "a", "replicas": 1}, {"name": "b", "replicas": 1}],
    "pool_choice": {"kind": "by_cost", "max_load": 3},
}


@pytest.mark.parametrize(
    ("fleet", "says"),
    [
        ({"faults": [{"kind": "gpu_failure", "at_s": [900, 800]}]},
         "faults.0: gpu_failure: 800 s is after the end of the run ("),
        ({**SCALED, "faults": [{"kind": "engine_crash", "at_s": [1], "replicas": [1, 2, 7]}]},
         "faults.0: engine_crash: no replica has number 2, 7; there were 2, counted from 0"),
        ({"faults": [{**OUTAGE, "zones": 3, "zone": 2}]},
         "faults.0: zone_outage: no replica stands in zone 2 of 3"),
        ({**POOLS, "autoscaler": {"kind": "fixed", "max_replicas": 1},
          "faults": [{"kind": "engine_crash", "at_s": [1], "pool": "a", "replicas": [1]}]},
         "faults.0: engine_crash: it concerns no replica that there was"),
        ({"operations": [{"kind": "rolling_upgrade", "at_s": 900}]},
         "operations.0: rolling_upgrade: 900 s is after the end of the run ("),
        ({"operations": [{"kind": "staging", "from_s": 900}]},
         "operations.0: staging: 900 s is after the end of the run ("),
    ],
)  # fmt: skip
def test_what_could_not_happen_is_told(fleet: dict[str, Any], says: str) -> None:
    (sentence,) = never_happened(simulate(Scenario.parse({**BASE, **fleet})))
    assert sentence.startswith(says)


def test_what_happened_or_was_left_to_chance_is_not() -> None:
    faults = [
        {"kind": "engine_crash", "at_s": [1, 900]},
        {"kind": "gpu_failure", "mtbf_h": 1e6},
        {**OUTAGE, "zones": 2, "zone": 1},
    ]
    operations = [{"kind": "rolling_upgrade", "at_s": 3}, {"kind": "staging"}]
    fleet = {**BASE, "faults": faults, "operations": operations}
    assert never_happened(simulate(Scenario.parse(fleet))) == []
    assert never_happened(simulate(Scenario.parse(BASE))) == []
