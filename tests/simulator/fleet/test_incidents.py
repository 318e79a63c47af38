"""Incidents last as long as what they took is gone, and are not what was done on purpose."""

from dataclasses import replace
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given, settings

from hardware_profiles.errors import InputError
from simulator.fleet.alerts import Level
from simulator.fleet.incidents import BROKEN, Incident, faults, hurt_s, incidents
from simulator.fleet.monitoring import rehearse
from simulator.record.metrics import meets_slo
from tests.support.fleets import Draw, Play
from tests.support.random_fleets import fleets, run, traces
from workloads.clients import Client
from workloads.trace import Trace

START_UP = {"provision_s": 3.0, "storage_gb_s": 16.0, "warm_up_s": 1.0}
LOAD_S = 16.06 / 16.0 + 1.0
"""Weights of Llama-3.1-8B, and warm-up."""
GAUGES: tuple[Literal["waiting", "running", "busy_share", "kv_use", "down"], ...] = (
    "waiting", "running", "busy_share", "kv_use", "down",
)  # fmt: skip
RECLAIM = {"kind": "spot_reclaim", "at_s": [8.0], "notice_s": 2.0, "replicas": [0]}


def one(found: list[Incident]) -> Incident:
    assert len(found) == 1, found
    return found[0]


def test_a_crash_lasts_until_the_weights_are_loaded_again(play: Play, draw: Draw) -> None:
    crash = {"kind": "engine_crash", "at_s": [8.0], "restart_s": 2.0}
    found = one(faults(play(draw(900), replicas=2, start_up=START_UP, faults=[crash])))
    assert found.what == "engine_crash"
    assert found.replicas == (0,)
    assert found.start_s == 8.0
    assert found.end_s == pytest.approx(8.0 + 2.0 + LOAD_S, abs=0.1)


def test_a_reclaim_lasts_from_the_notice_to_another_that_is_ready(play: Play, draw: Draw) -> None:
    found = one(faults(play(draw(900), replicas=2, start_up=START_UP, faults=[RECLAIM])))
    assert found.what == "spot_reclaim"
    assert found.start_s == 8.0
    assert found.end_s == pytest.approx(8.0 + 3.0 + LOAD_S, abs=0.1)


def test_a_reclaimed_replica_that_had_nothing_to_do_is_gone_too(play: Play, draw: Draw) -> None:
    """It stops at once, and no event says `reclaimed`."""
    found = one(faults(play(draw(40, rate=2), replicas=2, start_up=START_UP, faults=[RECLAIM])))
    assert found.end_s - found.start_s == pytest.approx(3.0 + LOAD_S, abs=0.1)


def test_what_is_not_replaced_is_gone_to_the_end(play: Play, draw: Draw) -> None:
    result = play(draw(900), replicas=2, faults=[{**RECLAIM, "replace": False}])
    assert one(faults(result)).end_s == result.horizon_s


def test_a_reclaim_of_who_was_leaving_leaves_no_gap(play: Play, draw: Draw) -> None:
    upgrade = {"kind": "rolling_upgrade", "at_s": 7.95, "mode": "in_place", "at_once": 1}
    fleet = {"replicas": 2, "operations": [upgrade], "faults": [{**RECLAIM, "replace": False}]}
    result = play(draw(900), **fleet)
    stopped_s = result.replicas["stopped_s"][0]
    assert one(faults(result)).end_s == stopped_s < result.horizon_s


def test_an_upgrade_that_runs_out_of_patience_is_no_incident(play: Play, draw: Draw) -> None:
    upgrade = {"kind": "rolling_upgrade", "at_s": 8.0, "mode": "surge", "drain_timeout_s": 0.01}
    result = play(draw(900), replicas=2, start_up=START_UP, operations=[upgrade])
    assert (result.events["event"] == "reclaimed").any()
    assert faults(result) == []


def test_a_slow_gpu_lasts_until_all_that_is_wrong_with_it_is_over(play: Play, draw: Draw) -> None:
    slow = [
        {"kind": "slow_gpu", "at_s": [5.0], "factor": 1.5, "lasts_s": 10.0},
        {"kind": "slow_gpu", "at_s": [7.0], "factor": 1.2, "lasts_s": 1.0},
    ]
    found = one(faults(play(draw(900), replicas=2, faults=slow)))
    assert (found.what, found.start_s, found.end_s) == ("slow_gpu", 5.0, 15.0)


def test_an_outage_is_one_incident_at_all_its_replicas(play: Play, draw: Draw) -> None:
    outage = {"kind": "zone_outage", "zones": 2, "zone": 1, "at_s": [5.0], "lasts_s": 4.0}
    found = one(incidents(play(draw(600, 30), replicas=4, faults=[outage])))
    assert found == Incident("zone_outage", 5.0, 9.0, (1, 3))


def test_what_breaks_anew_before_it_is_mended_is_one_incident(play: Play, draw: Draw) -> None:
    broken: list[dict[str, Any]] = [
        {"kind": "engine_crash", "at_s": [5.0], "restart_s": 6.0},
        {"kind": "zone_outage", "zones": 2, "zone": 0, "at_s": [6.0], "lasts_s": 8.0},
    ]
    found = one(incidents(play(draw(600, 30), replicas=2, faults=broken)))
    assert found == Incident("engine_crash, zone_outage", 5.0, 14.0, (0,))


def test_what_lies_close_together_is_joined_if_asked(play: Play, draw: Draw) -> None:
    crash = {"kind": "engine_crash", "at_s": [5.0, 9.0], "restart_s": 1.0}
    result = play(draw(600, 30), replicas=2, faults=[crash])
    assert len(incidents(result)) == 2
    assert one(incidents(result, join_s=3.0)).end_s == 10.0


def test_bad_times_are_those_in_which_more_than_a_share_missed(play: Play, draw: Draw) -> None:
    result = play(draw(1200, 60), slo={"ttft_s": 0.5})
    arrived, hurt = result.requests["arrival_s"].to_numpy(), hurt_s(result)
    bad = np.isfinite(hurt)
    assert 0.05 < bad.mean() < 0.95
    expected = np.zeros(len(bad), dtype=bool)
    for number in range(int(arrived.max() // 2) + 1):
        inside = arrived // 2 == number
        expected |= inside & bad & (bad[inside].mean() > 0.3)
    found = incidents(result, bin_s=2, bad_share=0.3)
    covered = np.zeros(len(bad), dtype=bool)
    for incident in found:
        ends = (incident.start_s, incident.end_s)
        assert set(ends) <= set(hurt[expected])
        covered |= (hurt >= ends[0]) & (hurt <= ends[1])
    assert (covered >= expected).all()
    assert incidents(result, bin_s=2, bad_share=0.999999) != found
    most = max(int((bad & (arrived // 2 == n)).sum()) for n in range(int(arrived.max() // 2) + 1))
    assert incidents(result, bin_s=2, bad_share=0.3, least=most)
    assert incidents(result, bin_s=2, bad_share=0.3, least=most + 1) == []
    with pytest.raises(InputError, match="bin_s"):
        incidents(result, bin_s=1e-9)


@pytest.mark.parametrize(
    "slo",
    [{}, {"ttft_s": 0.3}, {"e2e_s": 0.7}, {"tpot_s": 0.0085}, {"ttft_s": 0.3, "e2e_s": 1.0}],
)
def test_a_bad_request_is_one_that_is_not_good(
    play: Play, draw: Draw, slo: dict[str, float]
) -> None:
    crash = {"kind": "engine_crash", "at_s": [5.0], "restart_s": 3.0}
    gate = {"kind": "bounded_queue", "max_waiting": 60}
    trace = draw(900, 60).sent_by(Client(timeout_s=2.0))
    result = play(trace, slo=slo, faults=[crash], admission=gate)
    requests, hurt = result.requests, hurt_s(result)
    assert {"completed", "timed_out", "rejected"} <= set(requests["outcome"])
    np.testing.assert_array_equal(np.isfinite(hurt), ~meets_slo(result))
    bad = np.isfinite(hurt)
    assert (hurt[bad] >= requests["arrival_s"][bad]).all()
    ends = (requests["arrival_s"] + requests["e2e_s"]).fillna(requests["finish_s"])
    assert (hurt[bad] <= ends[bad] + 1e-9).all()


def test_who_is_under_way_at_the_end_is_bad_only_if_late_already(play: Play, draw: Draw) -> None:
    result = play(draw(60, 30), slo={"ttft_s": 0.5})
    requests = result.requests.copy()
    last = requests.index[-2:]
    requests.loc[last, "outcome"] = "unfinished"
    requests.loc[last, ["ttft_s", "e2e_s", "finish_s"]] = np.nan
    requests.loc[last, "arrival_s"] = [result.horizon_s - 0.4, result.horizon_s - 0.6]
    hurt = hurt_s(replace(result, requests=requests))
    assert hurt[-2] == np.inf
    assert hurt[-1] == pytest.approx(result.horizon_s - 0.1)


@settings(max_examples=60)
@given(fleets(), traces())
def test_in_any_fleet_incidents_are_what_struck_and_no_more(
    fleet: dict[str, Any], trace: Trace
) -> None:
    result = run(fleet, trace, slo={"ttft_s": 0.1})
    found, end_s = faults(result), result.horizon_s
    struck = set(result.events["event"]) & {*BROKEN, "slow_gpu"}
    assert {kind for one in found for kind in one.what.split(", ")} - {"spot_reclaim"} == struck
    assert all(0 <= one.start_s <= one.end_s <= end_s for one in found)
    whole = incidents(result, bin_s=0.3)
    assert all(one.end_s < other.start_s for one, other in pairwise(whole))
    for fault in found:
        assert sum(a.start_s <= fault.start_s and fault.end_s <= a.end_s for a in whole) == 1
    down = result.intervals[result.intervals["state"] == "down"]
    for row in down.itertuples():
        mine = [one for one in found if one.replicas == (row.replica,)]
        assert any(one.start_s <= row.start_s and row.end_s <= one.end_s for one in mine)
    np.testing.assert_array_equal(np.isfinite(hurt_s(result)), ~meets_slo(result))
    if end_s > 0.1:
        rules = [Level(name=of, of=of, window_s=0.1, above=0.3) for of in GAUGES]
        told = rehearse(result, rules, 0.1, known=whole)
        assert len(told.incidents) == len(whole)
        assert (told.series[list(GAUGES)] >= 0).all(axis=None)
        assert (told.series["down"] <= len(result.replicas)).all()
        assert (told.series[["kv_use", "busy_share"]] <= 1 + 1e-6).all(axis=None)
