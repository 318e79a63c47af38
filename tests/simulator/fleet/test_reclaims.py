"""A spot reclaim is over when what it took is back, and not when something else comes."""

import numpy as np

from simulator.fleet.incidents import Incident, faults, incidents
from tests.support.fleets import Draw, Play

START_UP = {"provision_s": 3.0, "storage_gb_s": 16.0, "warm_up_s": 1.0}
RECLAIM = {"kind": "spot_reclaim", "at_s": [8.0], "notice_s": 2.0, "replicas": [0]}


def one(found: list[Incident]) -> Incident:
    assert len(found) == 1, found
    return found[0]


def test_a_reclaimed_staging_copy_leaves_no_gap(play: Play, draw: Draw) -> None:
    staging = {"kind": "staging", "from_s": 2.0}
    fleet = {"replicas": 2, "operations": [staging], "faults": [{**RECLAIM, "replicas": [2]}]}
    result = play(draw(900), start_up=START_UP, **fleet)
    found = one(faults(result))
    assert found.replicas == (2,)
    assert found.end_s == result.replicas["stopped_s"][2] < result.horizon_s


def test_a_gap_is_filled_by_its_own_replacement_and_by_no_other(play: Play, draw: Draw) -> None:
    staging = {"kind": "staging", "from_s": 8.1}
    scarce = {**RECLAIM, "no_capacity_s": 6.0}
    result = play(
        draw(1200), replicas=2, start_up=START_UP, operations=[staging], faults=[scarce], seed=4
    )
    lives, events = result.replicas.set_index("replica"), result.events
    (place,) = events[events["event"] == "replaces"].to_dict("records")
    assert place["value"] == 0
    assert lives["ready_s"][2] < lives["ready_s"][place["replica"]]  # the staging copy came first
    found = one(faults(result))
    assert found.end_s == lives["ready_s"][place["replica"]] < result.horizon_s


def test_who_has_nothing_to_start_up_fills_the_gap_at_once(play: Play, draw: Draw) -> None:
    found = one(faults(play(draw(900), replicas=2, faults=[RECLAIM])))
    assert (found.start_s, found.end_s) == (8.0, 8.0)


def test_a_replacement_that_is_taken_itself_leaves_no_gap_in_the_incident(
    play: Play, draw: Draw
) -> None:
    both = [RECLAIM, {**RECLAIM, "at_s": [10.0], "replicas": [2]}]
    result = play(draw(900), replicas=2, start_up=START_UP, faults=both)
    assert np.isnan(result.replicas["ready_s"][2])
    found = one(incidents(result))
    assert found.replicas == (0, 2)
    assert (found.start_s, found.end_s) == (8.0, result.replicas["ready_s"][3])
