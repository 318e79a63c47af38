"""The benchmark measures what it says."""

from experiments.bench import LOADS, SCENARIO, measure
from simulator import Scenario


def test_a_measured_run_is_the_run_itself() -> None:
    speed = measure(Scenario.from_file(SCENARIO, {"horizon_s": 30}), repeats=1)
    assert speed.requests > 100
    assert speed.steps > speed.requests
    assert speed.simulated_s >= 30
    assert speed.seconds > 0


def test_every_load_is_a_scenario() -> None:
    for changes in LOADS.values():
        Scenario.from_file(SCENARIO, changes)
