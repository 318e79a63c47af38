"""A rehearsal tells which incidents the alerts would have told of, and when."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from hardware_profiles.errors import InputError
from simulator.fleet.alerts import AlertRules, Burn, Level, Quantile, Rule
from simulator.fleet.monitoring import Incident, _firing, incidents, rehearse
from simulator.fleet.scrapes import Scrapes
from simulator.record.metrics import meets_slo
from simulator.record.timeline import timeline
from tests.support.fleets import Draw, Play
from workloads.trace import Trace

CRASH = {"kind": "engine_crash", "at_s": [10.0], "restart_s": 5.0}
SLO = {"ttft_s": 0.5}
GAUGES = ("waiting", "running", "busy_share", "kv_use", "down")


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
    requests = (result := play(draw(1200, 60), slo=SLO)).requests
    given = {"ttft_s": "ttft_s", "tpot_s": "e2e_s", "e2e_s": "e2e_s", "queue_s": "e2e_s"}
    for latency, seen in given.items():
        rule = Quantile(name="p90", latency=latency, q=0.9, window_s=4, above_s=1)  # type: ignore[arg-type]
        at, told = (scrapes := Scrapes(result, 1.5)).at_s, scrapes.value(rule)
        assert at[-1] <= result.horizon_s < at[-1] + 1.5
        for look, value in zip(at, told, strict=True):
            known_s = requests["arrival_s"] + requests[seen]
            inside = requests[latency][(known_s > look - 4) & (known_s <= look)].dropna()
            want = np.nan if len(inside) < 10 else np.quantile(inside, 0.9, method="inverted_cdf")
            np.testing.assert_equal(value, want)


def test_a_burn_rate_is_the_share_of_errors_over_the_budget(play: Play, draw: Draw) -> None:
    result = play(draw(1200, 60), slo=SLO)
    requests, bad = result.requests, ~meets_slo(result)
    seen_s = (requests["arrival_s"] + requests["e2e_s"]).to_numpy()
    burn = Burn(name="b", objective=0.9, long_s=9, short_s=2, above=3, least=5)
    scrapes = Scrapes(result, 1.0)
    for look, value in zip(scrapes.at_s, scrapes.value(burn), strict=True):
        inside = [(seen_s > look - w) & (seen_s <= look) for w in (9, 2)]
        want = min(bad[mask].mean() / 0.1 for mask in inside) if inside[1].sum() >= 5 else np.nan
        assert value == pytest.approx(want, nan_ok=True)


def test_no_look_sees_the_future(play: Play) -> None:
    """Two runs that are alike up to an instant look alike up to it, whatever comes then."""
    rng, until_s = np.random.default_rng(5), 9.0
    early = np.sort(rng.uniform(0, until_s, 400))
    series = []
    for late in (np.linspace(until_s + 0.01, 12, 10), np.linspace(until_s + 0.001, 9.5, 900)):
        n = len(early) + len(late)
        trace = Trace.from_columns(
            np.concatenate([early, late]), np.arange(n) % 300 + 20, np.arange(n) % 60 + 1
        )
        rules = [
            Quantile(name="ttft", window_s=3, above_s=1),
            Burn(name="burn", long_s=5, short_s=2),
            *(Level(name=of, of=of, window_s=2, above=0.5) for of in GAUGES),
        ]
        found = rehearse(play(trace, slo={"ttft_s": 0.1}), rules, interval_s=1.0, known=[])
        series.append(found.series)
    same = [table[table["time_s"] <= until_s].to_numpy() for table in series]
    np.testing.assert_allclose(*same, atol=2e-3)
    assert (series[0].iloc[9, 1:] != series[1].iloc[9, 1:]).any()


def test_gauges_are_what_was_so_at_the_scrape(play: Play, draw: Draw) -> None:
    result = play(draw(900, 60), replicas=2, faults=[CRASH])
    scrapes, requests = Scrapes(result, 0.5), result.requests
    for i, at in enumerate(scrapes.at_s):
        waits = (requests["arrival_s"] < at) & ~(requests["scheduled_s"] < at)
        runs = (requests["scheduled_s"] < at) & ~(requests["finish_s"] < at)
        assert scrapes.gauge("waiting")[i] == waits.sum()
        assert scrapes.gauge("running")[i] == runs.sum()
        assert scrapes.gauge("down")[i] == (10.0 < at <= 15.0)


def test_a_reclaimed_replica_is_down_until_another_has_its_place(play: Play, draw: Draw) -> None:
    reclaim = {"kind": "spot_reclaim", "at_s": [8.2], "notice_s": 1.0}
    result = play(draw(900), replicas=2, start_up={"provision_s": 4.0}, faults=[reclaim])
    down = Scrapes(result, 1.0).gauge("down")
    assert down.sum() == down[8:12].sum() == 4


def test_a_window_before_the_run_holds_what_there_is(play: Play, draw: Draw) -> None:
    """As Prometheus, for which a window of an hour in the first minute is a minute."""
    result = play(draw(600, 40), slo={"ttft_s": 0.001})
    whole = Scrapes(result, 1.0).value(Burn(name="b", long_s=1e6, short_s=1e5))
    np.testing.assert_allclose(whole, 100.0)
    level = Level(name="l", of="running", window_s=1e6, above=1)
    scrapes = Scrapes(result, 1.0)
    assert scrapes.value(level)[4] == pytest.approx(scrapes.gauge("running")[:5].mean())


@given(
    st.lists(st.booleans(), max_size=60),
    st.integers(0, 5),
    st.integers(0, 5),
    st.sampled_from([0.1, 0.7, 15.0]),
)
def test_alerts_are_pending_firing_and_clear_as_in_prometheus(
    held: list[bool], hold: int, keep: int, interval_s: float
) -> None:
    """Against `AlertingRule.Eval` of Prometheus 3, look by look."""
    active: int | None = None
    keeping: int | None = None
    firing, state = [], "inactive"
    for look, holds in enumerate(held):
        if holds:
            keeping = None
            if state == "inactive":
                active, state = look, "pending"
        elif state == "firing" and keep:
            keeping = look if keeping is None else keeping
            if look - keeping >= keep:
                state, keeping = "inactive", None
        else:
            state = "inactive"
        if state == "pending" and active is not None and look - active >= hold:
            state = "firing"
        firing.append(state == "firing")
    rule = Level(
        name="l", of="down", above=0, hold_s=hold * interval_s, keep_firing_s=keep * interval_s
    )
    spans = _firing(np.array(held, dtype=bool), rule, interval_s)
    assert [any(a <= look < b for a, b in spans) for look in range(len(held))] == firing
    assert all(a < b <= len(held) for a, b in spans)


def alerts_at(play: Play, draw: Draw, known: list[Incident], **keys: Any) -> Any:
    """Alerts of a replica that is down from 10 s to 15 s, held against such incidents."""
    result = play(draw(1200, 40), faults=[CRASH], slo=SLO)
    level = rule(kind="level", of="down", window_s=1, above=0.5)
    return rehearse(result, [level], interval_s=1, known=known, **keys)


def test_an_alert_shortly_before_an_incident_warned_of_it(play: Play, draw: Draw) -> None:
    found = alerts_at(play, draw, [Incident("slo", 14.0, 20.0)], early_s=5)
    assert found.alerts["fired_s"][0] == 11.0
    assert found.incidents["outcome"][0] == "detected"
    assert found.incidents["delay_s"][0] == -3.0
    assert found.false_alerts == found.missed == 0


def test_an_alert_long_before_an_incident_is_false_and_tells_nobody(play: Play, draw: Draw) -> None:
    found = alerts_at(play, draw, [Incident("slo", 14.0, 20.0)], early_s=2)
    assert found.incidents["outcome"].to_list() == ["missed"]
    assert np.isnan(found.incidents["delay_s"][0])
    assert (found.false_alerts, found.hidden, found.missed) == (1, 0, 1)


def test_an_incident_during_the_alert_of_another_is_neither_detected_nor_missed(
    play: Play, draw: Draw
) -> None:
    known = [Incident("crash", 10.0, 12.0), Incident("slo", 14.0, 20.0)]
    found = alerts_at(play, draw, known)
    assert found.incidents["outcome"].to_list() == ["detected", "firing already"]
    assert found.incidents["rule"].to_list() == ["r", "r"]
    assert np.isnan(found.incidents["delay_s"][1])
    assert (found.false_alerts, found.hidden, found.missed) == (0, 1, 0)


def test_an_alert_about_what_is_over_is_not_about_what_comes(play: Play, draw: Draw) -> None:
    known = [Incident("slo", 2.0, 9.0), Incident("slo", 18.0, 20.0)]
    found = alerts_at(play, draw, known, grace_s=3, early_s=30)
    assert found.incidents["outcome"].to_list() == ["detected", "missed"]
    assert found.incidents["delay_s"][0] == 9.0
    assert alerts_at(play, draw, known, grace_s=1, early_s=30).incidents["delay_s"][1] == -7.0
    late = alerts_at(play, draw, known, grace_s=1, early_s=1)
    assert (late.false_alerts, late.missed) == (1, 2)


def test_an_alert_that_fires_to_the_end_never_clears(play: Play, draw: Draw) -> None:
    always = Level(name="always", of="running", window_s=1, above=0)
    found = rehearse(play(draw(600, 40)), [always], interval_s=1)
    assert found.alerts["cleared_s"].to_list() == [np.inf]


def test_the_budget_burns_when_errors_come_in_both_windows(play: Play, draw: Draw) -> None:
    good = play(draw(600, 20), slo={"ttft_s": 100})
    bad = play(draw(600, 20), slo={"ttft_s": 0.001})
    burn = rule(kind="burn_rate", long_s=10, short_s=2, above=10)
    assert len(rehearse(good, [burn], interval_s=1).alerts) == 0
    found = rehearse(bad, [burn], interval_s=1)
    assert len(found.alerts) == 1
    assert found.alerts["fired_s"][0] == 1.0


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"kind": "level", "of": "mood", "above": 1}, "of"),
        ({"kind": "quantile", "q": 1.5, "above_s": 1}, "q"),
        ({"kind": "quantile"}, "above_s"),
        ({"kind": "quantile", "above_s": float("nan")}, "above_s"),
        ({"kind": "quantile", "above_s": 1, "window_s": -1}, "window_s"),
        ({"kind": "quantile", "above_s": 1, "least": 0}, "least"),
        ({"kind": "level", "of": "kv_use", "above": 95}, "0.95"),
        ({"kind": "burn_rate", "short_s": 4000}, "short_s"),
        ({"kind": "burn_rate", "objective": 0.9}, "at most 10"),
        ({"kind": "burn_rate", "hold_s": float("inf")}, "hold_s"),
        ({"kind": "mood"}, "mood"),
    ],
)
def test_a_wrong_rule_is_refused(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises((InputError, ValueError), match=words):
        rule(**wrong)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"rules": []}, "rules"),
        ({}, "rules"),
        ({"rules": [{"name": "a", "kind": "burn_rate"}] * 2}, "2 are called 'a'"),
        ({"rules": [{"name": "", "kind": "burn_rate"}]}, "name"),
        ({"rules": [{"name": "a", "kind": "burn_rate"}], "interval_s": 600}, "shorter"),
        ({"rules": [{"name": "a", "kind": "burn_rate"}], "interval_s": 0}, "interval_s"),
        ({"rules": [{"name": "a", "kind": "burn_rate"}], "mood": 0}, "mood"),
        ({"rules": [{"name": "a", "kind": "burn_rate"}], "incidents": {"bad_share": 2}}, "share"),
    ],
)
def test_wrong_rules_together_are_refused(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        AlertRules.parse(wrong)


@pytest.mark.parametrize("interval_s", [1e-9, 1e9])
def test_no_look_or_too_many_are_refused(play: Play, draw: Draw, interval_s: float) -> None:
    with pytest.raises(InputError, match="interval_s"):
        rehearse(play(draw(60)), [Burn(name="b")], interval_s=interval_s)


def test_a_run_without_requests_in_a_window_says_nothing(play: Play) -> None:
    trace = Trace.from_columns(np.array([0.0, 50.0]), [10, 10], [5, 5])
    rules = [Quantile(name="q", above_s=1e-9, window_s=10, least=1), Burn(name="b", short_s=10)]
    result = play(trace, slo={"ttft_s": 1e-6})
    found = rehearse(result, rules, interval_s=5, known=incidents(result))
    assert found.series["q"].isna().tolist()[2:9] == [True] * 7
    assert found.series["b"].isna().tolist()[2:9] == [True] * 7
    assert found.alerts["fired_s"].to_list() == [5.0, 5.0]


def test_a_draining_replica_holds_its_cache(play: Play, draw: Draw) -> None:
    """What it has is in use, and its blocks are there: one replica alone is as full as it was."""
    upgrade = {"kind": "rolling_upgrade", "at_s": 4.0, "mode": "in_place"}
    fleet = {"operations": [upgrade], "start_up": {"provision_s": 2.0}}
    result = play(draw(600, 60), engine={"num_gpu_blocks_override": 200}, **fleet)
    spans = result.intervals[result.intervals["state"] == "draining"]
    start_s, end_s = spans[["start_s", "end_s"]].iloc[0]
    table = timeline(result, bin_s=0.1)
    inside = table[(table["start_s"] >= start_s) & (table["end_s"] <= end_s)]
    assert len(inside) > 2
    assert inside["kv_use"].iloc[0] > 0.3
    assert table["kv_use"].max() <= 1
