"""What is wrong with a fleet is told in one line that says what would be right."""

from pathlib import Path
from typing import Any

import pytest

from hardware_profiles.errors import InputError
from simulator import Scenario, simulate

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
            "pools.1: b: engine.block_size is 32 and the scenario's 16",
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
        ({"pools": [TWO[0], TWO[0]]}, "two pools have one name; there are a, a"),
        (
            {"pools": TWO, "pool_choice": {"kind": "by_tenant", "pools": {"x": "c"}}},
            "no pool is called 'c'",
        ),
        ({"pools": TWO, "pool_choice": {"kind": "by_length", "up_to": [5, 5]}}, "rising numbers"),
        (
            {"pools": TWO, "disaggregation": {"prefill": "a", "decode": "x", "link": "nvlink4"}},
            "decode: no pool is called 'x' under pools; there are: a, b",
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


TOP = "traffic: steady-chat\nmodel: llama-3.1-8b\ngpu: h100-sxm\nhorizon_s: 5\n"
POOLS = TOP + "pools:\n  - name: a\n  - {name: b, gpu: h100-sxm}\n"
BY_COST = POOLS + "pool_choice: {kind: by_cost, max_load: 3}\n"
APART = POOLS + "disaggregation:\n  prefill: a\n  decode: b\n  link: nvlink4\n"
AWAY = TOP + "overflow:\n  when: [{kind: outage}]\n  endpoints: [novita-llama-3.1-8b]\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        # a kind as a bare word, misspelt, or none at all
        (
            TOP + "router: least_loaded\n",
            "5: router: expected keys with values, found 'least_loaded'; "
            "write {kind: least_loaded}",
        ),
        (
            TOP + "queue: fair_shares\n",
            "5: queue: expected keys with values, found 'fair_shares'; say which one with "
            "{kind: ...}; did you mean 'fair_share'? There are: fair_share, fifo, priority",
        ),
        (
            TOP + "faults: [gpu_failure]\n",
            "5: faults.0: expected keys with values, found 'gpu_failure'; "
            "write {kind: gpu_failure}",
        ),
        (
            TOP + "queue: {max_per_replica: 3}\n",
            "5: queue: say which one with 'kind'; there are: fair_share, fifo, priority",
        ),
        (TOP + "autoscaler: 3\n", "5: autoscaler: expected keys with values, found 3"),
        # a key of another kind
        (
            TOP + "router:\n  kind: random\n  spill: 3\n",
            "7: there is no key 'router.spill' with kind random, only with session_affinity; "
            "there are: kind, stale_s",
        ),
        (
            TOP + "faults:\n  - {kind: gpu_failure, at_s: [1]}\n"
            "  - {kind: gpu_failure, at_s: [1], restart_s: 3}\n",
            "7: there is no key 'faults.1.restart_s' with kind gpu_failure, "
            "only with engine_crash; did you mean 'repair_s'? There are: ",
        ),
        # one thing where a list is wanted
        (
            TOP + "faults: {kind: gpu_failure, at_s: [3]}\n",
            "5: faults: expected a list, found {'kind': 'gpu_failure', 'at_s': [3]}; "
            "put '- ' before each entry",
        ),
        (
            TOP + "faults: [{kind: gpu_failure, at_s: 3}]\n",
            "5: faults.0.at_s: expected a list, found 3; write [3]",
        ),
        (
            AWAY + "  stay: chat\n",
            "8: overflow.stay: expected a list, found 'chat'; write [chat]",
        ),
        (
            TOP + "queue: {kind: fair_share, weights: [a]}\n",
            "5: queue.weights: expected keys with values, found ['a']",
        ),
        # numbers that do not go together
        (
            TOP + "autoscaler:\n  kind: target_queue\n  target: 4\n  min_replicas: 5\n"
            "  max_replicas: 3\n",
            "5: autoscaler: min_replicas (5) is above max_replicas (3)",
        ),
        (
            TOP + "replicas: 9\nautoscaler: {kind: fixed, max_replicas: 3}\n",
            "5: replicas: 9 to begin with is above autoscaler.max_replicas (3)",
        ),
        (
            TOP + "autoscaler:\n  kind: scheduled\n  max_replicas: 3\n  levels:\n"
            "    - {from_h: 0, replicas: 0}\n    - {from_h: 8, replicas: 3}\n",
            "9: autoscaler.levels.0: 0 replicas is not between min_replicas (1) and "
            "max_replicas (3)",
        ),
        (
            TOP + "autoscaler: {kind: scheduled, max_replicas: 3, "
            "levels: [{from_h: 8, replicas: 3}, {from_h: 8, replicas: 1}]}\n",
            "5: autoscaler.levels: expected at least one, in order of from_h",
        ),
        (
            TOP + "autoscaler: {kind: fixed, max_replicas: 1000000000}\n",
            "5: autoscaler.max_replicas: input should be less than or equal to 100000, ",
        ),
        (
            TOP + "operations: [{kind: staging, replicas: 1000000000}]\n",
            "5: operations.0.replicas: input should be less than or equal to 100000, ",
        ),
        (
            TOP + "replicas: 4\nfaults: [{kind: gpu_failure, at_s: [1], replicas: [3, 4]}]\n",
            "6: faults.0.replicas: there is no replica 4: 4 are there, numbered from 0, and none",
        ),
        (
            BY_COST + "faults:\n  - {kind: gpu_failure, at_s: [1], pool: b, replicas: [0]}\n",
            "10: faults.0.replicas: replica 0 is in pool a, and this is for b",
        ),
        (
            TOP + "faults: [{kind: gpu_failure, at_s: [1], replicas: []}]\n",
            "5: faults.0.replicas: ",
        ),
        # pools that are not there, or have nothing to do
        (
            TOP + "pool_choice: {kind: by_cost, max_load: 3}\n",
            "5: pool_choice: there are no pools to choose from; list them under pools",
        ),
        (POOLS, "5: pools: say which pool a request goes to, with pool_choice"),
        (
            POOLS + "pool_choice:\n  kind: by_tenant\n  pools:\n    acme: c\n",
            "11: pool_choice.pools.acme: no pool is called 'c' under pools; there are: a, b",
        ),
        (
            POOLS + "pool_choice: {kind: by_length, up_to: [3, 4, 5]}\n",
            "8: pool_choice.up_to: expected one bound for each pool but the last, 1, found 3",
        ),
        (
            BY_COST + "faults:\n  - {kind: gpu_failure, at_s: [1]}\n"
            "  - kind: gpu_failure\n    at_s: [1]\n    pool: bb\n",
            "13: faults.1.pool: no pool is called 'bb' under pools; did you mean 'b'?",
        ),
        (
            TOP + "operations: [{kind: rolling_upgrade, at_s: 1, pool: main}]\n",
            "5: operations.0.pool: no pool is called 'main' under pools; there are no pools",
        ),
        (
            TOP + "pools:\n  - name: a\n  - name: b\n  - name: a\n",
            "8: pools.2.name: two pools have one name; there are a, b, a",
        ),
        (TOP + "pools: {a: {replicas: 2}}\n", "5: pools: expected a list, found {'a': "),
        # what is wrong inside a pool has the line of the pool
        (
            TOP + "pools:\n  - name: a\n    replica: 3\n",
            "7: there is no key 'pools.0.replica'; did you mean 'replicas'",
        ),
        (
            TOP + "pools:\n  - name: a\n    gpu: h1000\n",
            "7: pools.0.gpu: no GPU is called 'h1000'; did you mean 'h200'",
        ),
        (
            TOP + "pools:\n  - name: a\n    engine:\n      max_num_seq: 3\n",
            "8: pools.0.engine.max_num_seq: there is no key 'max_num_seq'; "
            "did you mean 'max_num_seqs'",
        ),
        (
            TOP + "pools:\n  - name: b\n    gpu: l4\n    offer: aws-h100-sxm-on-demand\n",
            "6: pools.0: offer: aws-h100-sxm-on-demand is a price for h100-sxm, ",
        ),
        (TOP + "pools:\n  - {name: a, replicas: 0}\n", "6: pools.0.replicas: .*found 0"),
        # disaggregation
        (
            TOP + "disaggregation: {prefill: a, decode: b, link: nvlink4}\n",
            "5: disaggregation.prefill: no pool is called 'a' under pools; there are no pools",
        ),
        (
            APART.replace("decode: b", "decode: d"),
            "10: disaggregation.decode: no pool is called 'd' under pools; there are: a, b",
        ),
        (
            APART.replace("decode: b", "decode: a"),
            "8: disaggregation: prefill and decode are both 'a'; name two pools",
        ),
        (
            APART.replace("pools:\n", "pools:\n  - name: c\n"),
            "6: pools.0.name: 'c' is neither prefill nor decode of disaggregation",
        ),
        (
            APART.replace("gpu: h100-sxm}", "model: qwen3-8b}"),
            "8: disaggregation: pool a has llama-3.1-8b and pool b qwen3-8b; the KV cache of one",
        ),
        (
            APART.replace("gpu: h100-sxm}", "engine: {kv_cache_dtype: fp8}}"),
            "8: disaggregation: engine.kv_cache_dtype is auto in pool a and fp8 in pool b",
        ),
        (
            APART + "pool_choice: {kind: by_cost, max_load: 3}\n",
            "12: pool_choice: disaggregation says already where each request goes",
        ),
        (APART + "lora: {slots: 2}\n", "12: lora: cannot be simulated together with"),
        (APART.replace("nvlink4", "nvlink9"), "11: disaggregation.link: no Link is called"),
        # somebody else's API
        (
            AWAY.replace("novita", "novitta"),
            "7: overflow.endpoints.0: no Endpoint is called 'novitta-llama-3.1-8b'; did you mean",
        ),
        (
            AWAY.replace("[{kind: outage}]", "[outage]"),
            "6: overflow.when.0: expected keys with values, found 'outage'; write {kind: outage}",
        ),
        (
            AWAY + "  tenants: [a]\n  stay: [a]\n",
            "8: overflow.tenants: 'a' may leave, and is in stay too",
        ),
    ],
)
def test_a_mistake_in_a_file_is_told_with_its_line_and_key(
    tmp_path: Path, text: str, says: str
) -> None:
    (tmp_path / "fleet.yaml").write_text(text)
    with pytest.raises(InputError) as told:
        Scenario.from_file(tmp_path / "fleet.yaml")
    line = str(told.value).removeprefix(f"{tmp_path}/fleet.yaml:")
    assert "\n" not in line
    beginning, _, rest = says.partition(".*")
    assert line.startswith(beginning)
    assert rest in line


def test_one_pool_needs_no_choice_and_may_have_one() -> None:
    for choice in ({"kind": "by_cost", "max_load": 3}, {"kind": "by_length", "up_to": []}):
        one = {**BASE, "horizon_s": 5, "pools": [{"name": "a"}], "pool_choice": choice}
        for traffic in ("steady-chat", "two-tenants"):
            result = simulate(Scenario.parse({**one, "traffic": traffic}))
            assert set(result.requests["outcome"]) == {"completed"}


def test_adapters_that_leave_no_memory_are_refused() -> None:
    scenario = Scenario.parse({**BASE, "horizon_s": 5, "lora": {"slots": 100_000}})
    with pytest.raises(InputError, match=r"^lora: 100000 slots of 100 MB take \d+ KV blocks, and "):
        simulate(scenario)


def test_a_pool_whose_model_does_not_fit_is_named() -> None:
    large = [{"name": "a"}, {"name": "b", "model": "llama-3.1-70b"}]
    choice = {"kind": "by_tenant", "pools": {}}
    scenario = Scenario.parse({**BASE, "horizon_s": 5, "pools": large, "pool_choice": choice})
    with pytest.raises(InputError, match=r"^pool b: llama-3.1-70b in bf16 does not fit"):
        simulate(scenario)
