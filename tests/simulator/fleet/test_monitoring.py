"""A rehearsal tells which incidents the alerts would have told of, and when."""

from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter

from hardware_profiles.errors import InputError
from simulator.fleet.alerts import Level, Quantile, Rule
from simulator.fleet.monitoring import Incident, incidents, rehearse
from tests.support.fleets import Draw, Play

CRASH = {"kind": "engine_crash", "at_s": [10.0], "restart_s": 5.0}
SLO = {"ttft_s": 0.5}


def rule(**keys: Any) -> Any:
    return TypeAdapter(Rule).validate_python({"name": "r", **keys})


def test_a_crash_is_an_incident_and_is_detected(play: Play, draw: Draw) -> None:
    result = play(draw(1200, 40), faults=[CRASH], slo=SLO)
    what = incidents(result, bin_s=1)
    assert what[0].start_s == pytest.approx(10.0, abs=1)
    level = rule(kind="level", of="down", window_s=1, above=0.5)
    found = rehearse(result, [level], interval_s=1, known=[Incident("crash", 10.0, 15.0)])
    assert found.missed == found.false_alerts == 0
    assert 0 < found.incidents["delay_s"][0] <= 2


def test_a_longer_hold_tells_later(play: Play, draw: Draw) -> None:
    result = play(draw(1200, 40), faults=[CRASH], slo=SLO)
    known = [Incident("crash", 10.0, 15.0)]
    delays = [
        rehearse(
            result,
            [rule(kind="level", of="down", window_s=1, above=0.5, hold_s=hold_s)],
            interval_s=1,
            known=known,
        ).incidents["delay_s"][0]
        for hold_s in (0, 3)
    ]
    assert delays[1] == delays[0] + 3


def test_what_nobody_looks_at_is_missed(play: Play, draw: Draw) -> None:
    result = play(draw(1200, 40), faults=[CRASH], slo=SLO)
    deaf = Level(name="deaf", of="waiting", above=1e9)
    found = rehearse(result, [deaf], interval_s=1, known=[Incident("crash", 10.0, 15.0)])
    assert found.missed == 1
    assert len(found.alerts) == 0


def test_an_alert_about_nothing_is_false(play: Play, draw: Draw) -> None:
    nervous = Quantile(name="nervous", q=0.5, window_s=5, above_s=1e-6)
    found = rehearse(play(draw(600, 30)), [nervous], interval_s=1, known=[])
    assert found.false_alerts == len(found.alerts) == 1


def test_a_quantile_is_that_of_the_window(play: Play, draw: Draw) -> None:
    result = play(draw(1200, 60), slo=SLO)
    requests = result.requests.sort_values("first_token_s")
    window_s, bound, look = 4.0, float(requests["ttft_s"].quantile(0.95)), 8.0
    inside = requests[requests["first_token_s"].between(look - window_s, look)]
    expected = np.quantile(inside["ttft_s"], 0.9) > bound
    told = rehearse(
        result,
        [Quantile(name="p90", q=0.9, window_s=window_s, above_s=bound)],
        interval_s=1.0,
        known=[],
    ).alerts
    assert expected == bool(((told["fired_s"] <= look) & (told["cleared_s"] > look)).any())


def test_the_budget_burns_when_errors_come_in_both_windows(play: Play, draw: Draw) -> None:
    good = play(draw(600, 20), slo={"ttft_s": 100})
    bad = play(draw(600, 20), slo={"ttft_s": 0.001})
    burn = rule(kind="burn_rate", long_s=10, short_s=2, above=10)
    assert len(rehearse(good, [burn], interval_s=1).alerts) == 0
    found = rehearse(bad, [burn], interval_s=1)
    assert len(found.alerts) == 1
    assert found.alerts["fired_s"][0] == 1.0


@pytest.mark.parametrize(
    "wrong",
    [{"kind": "level", "of": "mood", "above": 1}, {"kind": "quantile", "q": 1.5, "above_s": 1}],
)
def test_a_wrong_rule_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises((InputError, ValueError)):
        rule(**wrong)
