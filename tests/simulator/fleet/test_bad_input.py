"""What is wrong with a fleet is told in one line that says what would be right."""

from typing import Any

import pytest

from hardware_profiles.errors import InputError
from simulator import Scenario

BASE: dict[str, Any] = {"traffic": "steady-chat", "model": "llama-3.1-8b", "gpu": "h100-sxm"}
OUT: dict[str, Any] = {"when": [{"kind": "outage"}], "endpoints": ["novita-llama-3.1-8b"]}
TWO = [{"name": "a"}, {"name": "b"}]


@pytest.mark.parametrize(
    ("fleet", "says"),
    [
        ({"router": {"kind": "leest_loaded"}}, "did you mean 'least_loaded'"),
        ({"router": {"kind": "prefix_aware", "imbalance": 0}}, "imbalance: .*found 0"),
        ({"router": {"kind": "random", "stale_s": -1}}, "stale_s: .*found -1"),
        (
            {"router": {"kind": "least_loaded", "stale_s": 1e-12}},
            "router.stale_s: expected 0 or at least 0.001 s, found 1e-12",
        ),
        (
            {"router": {"kind": "prefix_aware", "stale_s": 9e-4}},
            "router.stale_s: expected 0 or at least 0.001 s, found 0.0009",
        ),
        ({"router": {"kind": "weighted", "stale_s": float("nan")}}, "stale_s: .*finite number"),
        ({"router": {"kind": "weighted", "stale_s": float("inf")}}, "stale_s: .*finite number"),
        (
            {"autoscaler": {"kind": "fixed", "max_replicas": 2, "interval_s": 1e-9}},
            "autoscaler.interval_s: expected 0 or at least 0.001 s, found 1e-09",
        ),
        (
            {
                "autoscaler": {
                    "kind": "predictive",
                    "max_replicas": 2,
                    "requests_per_s": 1,
                    "interval_s": 0,
                }
            },
            "autoscaler.interval_s: .*0.001, found 0",
        ),
        ({"faults": [{"kind": "gpu_failure", "mtbf_h": 1e-12}]}, "mtbf_h: .*0.0001, found 1e-12"),
        (
            {
                "pools": [{"name": "a"}, {"name": "b", "engine": {"block_size": 32}}],
                "pool_choice": {"kind": "by_length", "up_to": [100]},
            },
            "pools: b: engine.block_size is 32 and the scenario's 16",
        ),
        ({"admission": {"kind": "bounded_queue"}}, "max_waiting: this key is needed"),
        ({"admission": {"kind": "token_bucket", "rate_per_s": 0, "burst": 1}}, "rate_per_s: .*0"),
        ({"queue": {"kind": "lifo"}}, "'lifo' is not a kind known here"),
        ({"queue": {"kind": "fair_share", "weights": {"a": 0}}}, "weights.a: .*found 0"),
        ({"start_up": {"storage_gb_s": 0}}, "storage_gb_s: .*found 0"),
        (
            {"autoscaler": {"kind": "fixed", "min_replicas": 3, "max_replicas": 2}},
            r"min_replicas \(3\) is above max_replicas \(2\)",
        ),
        (
            {"autoscaler": {"kind": "scheduled", "max_replicas": 2, "levels": []}},
            "levels: expected at least one",
        ),
        ({"faults": [{"kind": "gpu_failure"}]}, "gpu_failure: give mtbf_h or at_s"),
        (
            {"faults": [{"kind": "zone_outage", "at_s": [1], "zone": 3, "lasts_s": 1}]},
            "there is no zone 3 of 3",
        ),
        (
            {"operations": [{"kind": "staging", "from_s": 5, "until_s": 5}]},
            r"until_s \(5\) is not after from_s \(5\)",
        ),
        ({"overflow": {"when": [{"kind": "outage"}], "endpoints": []}}, "at least one endpoint"),
        (
            {"overflow": {"when": [{"kind": "outage"}], "endpoints": ["togeter"]}},
            "no Endpoint is called 'togeter'",
        ),
        (
            {"overflow": {"when": [], "endpoints": ["novita-llama-3.1-8b"]}},
            "at least one of queue, ttft, outage, rejection, always",
        ),
        (
            {"overflow": {**OUT, "when": [{"kind": "queue", "max_waiting": -1}]}},
            "max_waiting: .*found -1",
        ),
        ({"overflow": {**OUT, "when": [{"kind": "ttft"}]}}, "ttft_s: this key is needed"),
        ({"overflow": {**OUT, "when": [{"kind": "queu"}]}}, "'queu' is not a kind known here"),
        ({"overflow": {**OUT, "start_h": 24}}, "start_h: .*found 24"),
        ({"overflow": {**OUT, "start_h": -1}}, "start_h: .*found -1"),
        ({"overflow": {**OUT, "start_h": float("nan")}}, "start_h: .*found nan"),
        ({"overflow": {**OUT, "stays": ["a"]}}, "did you mean 'stay'"),
        ({"overflow": {**OUT, "stay": "a"}}, "stay: "),
        (
            {"overflow": {**OUT, "tenants": ["a", "b"], "stay": ["b"]}},
            "'b' may leave, and is in stay too",
        ),
        ({"overflow": {**OUT, "priorities": ["first"]}}, "priorities.0: .*found 'first'"),
        (
            {"overflow": {**OUT, "endpoints": ["novita-llama-3.1-8b"] * 2}},
            "two have one name; there are novita-llama-3.1-8b, novita-llama-3.1-8b",
        ),
        ({"pools": TWO}, "say which pool a request goes to"),
        ({"pools": [TWO[0], TWO[0]]}, "two of them have one name"),
        (
            {"pools": TWO, "pool_choice": {"kind": "by_tenant", "pools": {"x": "c"}}},
            "no pool is called 'c'",
        ),
        ({"pools": TWO, "pool_choice": {"kind": "by_length", "up_to": [5, 5]}}, "rising numbers"),
        (
            {"pools": TWO, "disaggregation": {"prefill": "a", "decode": "x", "link": "nvlink4"}},
            "decode: no pool is called 'x'",
        ),
        ({"pools": [{"name": "a", "gpu": "h1000"}]}, "no GPU is called 'h1000'"),
        ({"lora": {"slots": 0}}, "slots: .*found 0"),
        ({"replicas": 0}, "replicas: .*found 0"),
        ({"max_requeues": -1}, "max_requeues: .*found -1"),
    ],
)
def test_a_mistake_is_one_line(fleet: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says) as told:
        Scenario.parse({**BASE, **fleet})
    assert "\n" not in str(told.value)


def test_a_fleet_survives_saving_and_reading() -> None:
    scenario = Scenario.parse(
        {
            **BASE,
            "pools": [{"name": "a", "replicas": 2}, {"name": "b", "gpu": "l4"}],
            "pool_choice": {"kind": "by_cost", "max_load": 3},
            "overflow": {"when": [{"kind": "outage"}], "endpoints": ["novita-llama-3.1-8b"]},
            "faults": [{"kind": "engine_crash", "mtbf_h": 5}],
            "autoscaler": {"kind": "target_queue", "target": 3, "max_replicas": 4},
        }
    )
    assert Scenario.parse(scenario.model_dump(mode="json")) == scenario
