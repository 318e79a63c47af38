"""No policy sees how long an answer will be: before one token is out, lengths change nothing."""

from typing import Any

import numpy as np
import pytest

from tests.simulator.fleet.test_conservation import CLIENTS, EXAMPLES, ROUTERS, run
from tests.simulator.fleet.test_overflow import ENDPOINT
from workloads.trace import Trace

POLICIES: list[dict[str, Any]] = [
    *({"router": {"kind": kind}} for kind in ROUTERS),
    *({"admission": policy} for policy in EXAMPLES["admission"] if policy),
    *({"queue": policy} for policy in EXAMPLES["queue"] if policy),
    *(
        {"overflow": {**policy, "endpoints": [ENDPOINT]}, "admission": EXAMPLES["admission"][2]}
        for policy in EXAMPLES["overflow"]
        if policy
    ),
    *(
        {"autoscaler": {"max_replicas": 4, "interval_s": 0, **policy}}
        for policy in EXAMPLES["autoscaler"]
        if policy
    ),
    {"pools": [{"name": "a"}, {"name": "b"}], "pool_choice": {"kind": "by_cost", "max_load": 3}},
]


def crowd(output_tokens: Any) -> Trace:
    """Sixty requests of two tenants and three classes within a millisecond."""
    rng = np.random.default_rng(0)
    rows = [
        {
            "arrival_s": 1e-5 * i,
            "prompt": [[f"s{i % 3}", 160], [f"u{i}", int(rng.integers(1, 300))]],
            "output_tokens": int(output_tokens[i]),
            "priority": i % 3,
            "tenant": "ab"[i % 2],
        }
        for i in range(60)
    ]
    return Trace.from_requests(rows).sent_by(CLIENTS[-1])


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: "-".join(
    f"{key}={value['kind']}" if isinstance(value, dict) and "kind" in value else key
    for key, value in policy.items()
))  # fmt: skip
def test_what_is_decided_before_the_first_token_ignores_the_length_of_answers(
    policy: dict[str, Any],
) -> None:
    rng = np.random.default_rng(1)
    fleet = {"replicas": 3, "engine": {"max_num_batched_tokens": 128}, **policy}
    first_token_s = 0.006  # no step is over before

    def decided(output_tokens: Any) -> list[Any]:
        result = run(fleet, crowd(output_tokens))
        requests, events, calls = result.requests, result.events, result.calls
        early = requests["finish_s"] < first_token_s
        begun = requests["scheduled_s"] < first_token_s
        return [
            requests.index[early & (requests["outcome"] == "rejected")].tolist(),
            requests.loc[begun & (requests["replica"] >= 0), "replica"].to_dict(),
            events.loc[events["time_s"] < first_token_s, ["time_s", "event"]].values.tolist(),
            calls.loc[calls["sent_s"] < first_token_s, ["sent_s", "request"]].values.tolist(),
        ]

    assert decided(np.full(60, 50)) == decided(rng.permutation(np.arange(20, 80)))
