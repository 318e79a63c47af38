"""The short way through the gateway is a short cut, not another fleet."""

from itertools import product
from typing import Any
from unittest import mock

import numpy as np
import pytest

from simulator import Result
from simulator.fleet.straight import Straight
from tests.support.fleets import Play
from workloads.trace import Trace

ROUTERS = (
    "round_robin", "least_loaded", "random", "power_of_two", "least_tokens", "session_affinity",
    "prefix_aware", "weighted",
)  # fmt: skip
AT_THE_DOOR: list[dict[str, Any]] = [
    {"admission": {"kind": "accept_all"}},
    {"admission": {"kind": "bounded_queue", "max_waiting": 2}, "queue": {"kind": "fair_share"}},
    {"admission": {"kind": "token_bucket", "rate_per_s": 30, "burst": 5}},
    {"admission": {"kind": "deadline", "ttft_s": 0.2}, "engine": {"max_num_seqs": 4}},
    {"admission": {"kind": "priority_shedding", "max_waiting": 1}, "queue": {"kind": "priority"}},
    {"queue": {"kind": "priority", "max_per_replica": 3}, "engine": {"max_model_len": 300}},
]
TROUBLE: list[dict[str, Any]] = [
    {},
    {
        "faults": [
            {"kind": "engine_crash", "at_s": [0.3, 0.31, 1.0], "restart_s": 0.2},
            {"kind": "zone_outage", "at_s": [0.6], "zones": 1, "lasts_s": 0.4},
            {"kind": "slow_gpu", "mtbf_h": 0.0005, "factor": 4, "lasts_s": 0.5},
        ],
        "operations": [{"kind": "rolling_upgrade", "at_s": 1.2}],
        "start_up": {"provision_s": 0.1},
        "max_requeues": 1,
    },
]


def visitors() -> Trace:
    rng = np.random.default_rng(3)
    return Trace.from_requests(
        [
            {
                "arrival_s": float(at),
                "prompt": [[f"s{rng.integers(3)}", 64], [f"v{i}", int(rng.integers(1, 300))]],
                "output_tokens": int(rng.integers(1, 60)),
                "priority": int(rng.integers(0, 3)),
                "tenant": "ab"[int(rng.integers(2))],
                "session": int(rng.integers(20)),
            }
            for i, at in enumerate(np.sort(rng.uniform(0, 2.0, 120)))
        ]
    )


def the_long_way(play: Play, trace: Trace, **fleet: Any) -> Result:
    with mock.patch.object(Straight, "serves", return_value=False):
        return play(trace, **fleet)


@pytest.mark.parametrize(("router", "door"), [*product(ROUTERS, range(len(AT_THE_DOOR)))])
def test_the_short_way_says_what_the_long_way_says(play: Play, router: str, door: int) -> None:
    trace = visitors()
    for trouble in TROUBLE:
        fleet = {"replicas": 3, "router": {"kind": router}, **AT_THE_DOOR[door], **trouble}
        short = play(trace, **fleet)
        assert short.equals(the_long_way(play, trace, **fleet))
        assert (short.requests["outcome"] == "completed").any()


def test_who_may_take_the_short_way(play: Play) -> None:
    trace = visitors()
    with mock.patch.object(Straight, "door", side_effect=AssertionError) as door:
        play(trace, replicas=2, admission={"kind": "tenant_limit", "max_in_flight": 5})
        play(trace, replicas=2, lora={"slots": 2, "adapter_mb": 2, "load_gb_s": 0.1})
        play(trace, autoscaler={"kind": "target_concurrency", "target": 4, "max_replicas": 3})
        with pytest.raises(AssertionError):
            play(trace, replicas=2, admission={"kind": "accept_all"})
    door.assert_called_once()
