"""No policy sees how long an answer will be: before one token is out, lengths change nothing."""

from typing import Any

import numpy as np
import pytest

from tests.simulator.fleet.test_overflow import ENDPOINT
from tests.support.random_fleets import (
    ADMISSIONS,
    AUTOSCALERS,
    CLIENTS,
    OVERFLOWS,
    QUEUES,
    ROUTERS,
    SHAPES,
    run,
)
from workloads.trace import Trace

POLICIES: list[dict[str, Any]] = [
    *({"router": policy} for policy in ROUTERS),
    *({"admission": policy} for policy in ADMISSIONS),
    *({"queue": policy} for policy in QUEUES),
    *(
        {"overflow": {**policy, "endpoints": [ENDPOINT]}, "admission": ADMISSIONS[2]}
        for policy in OVERFLOWS
    ),
    *({"autoscaler": {"max_replicas": 4, "interval_s": 0, **policy}} for policy in AUTOSCALERS),
    *(shape for shape in SHAPES if "disaggregation" not in shape),
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
