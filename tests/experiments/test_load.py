"""A load is the traffic as it comes, faster, or held at a level it reaches."""

import numpy as np
import pytest

from experiments.load import LEVELS, Load, draws, levels
from experiments.targets import Target
from experiments.unloaded import alone, cannot_be, service_rate
from hardware_profiles.errors import InputError
from simulator import Scenario, simulate
from workloads.trace import Trace


def scenario(**changes: object) -> Scenario:
    base = {"traffic": "bursty-consumer", "model": "llama-3.1-8b", "gpu": "h100-sxm"}
    return Scenario.parse({**base, "horizon_s": 300, **changes})


def test_as_it_comes_it_is_the_traffic() -> None:
    assert Load().of(scenario()) == scenario().trace()
    assert Load().faster(2).of(scenario()) == scenario().trace().rate_scaled(2)


def test_held_it_has_the_requests_of_the_traffic_at_another_rate() -> None:
    trace = Load("peak", rate_per_s=20.0).of(scenario())
    own = scenario().trace()
    assert len(trace) == len(own)
    assert sorted(trace.prompt_tokens) == sorted(own.prompt_tokens)
    assert len(trace) / trace.arrival_s[-1] == pytest.approx(20.0, rel=0.1)
    assert np.diff(trace.arrival_s).std() == pytest.approx(1 / 20.0, rel=0.1)  # Poisson


def test_the_same_seed_gives_the_same_load_and_another_seed_another() -> None:
    held = Load("mean", rate_per_s=5.0)
    assert held.of(scenario()) == held.of(scenario())
    assert held.of(scenario()) != held.of(scenario(seed=7))


def test_held_conversations_stay_conversations() -> None:
    talk = scenario(traffic="private-enterprise", horizon_s=1200)
    trace = Load("mean", rate_per_s=3.0).of(talk)
    assert trace.session is not None
    assert trace.segments is not None
    assert len(trace) == len(talk.trace())


def test_levels_rise_from_the_mean_to_the_peak() -> None:
    trace = scenario().trace()
    found = {one.level: one for one in levels(trace, alone(scenario(), trace).e2e_s)}
    assert tuple(found) == LEVELS
    rates = [found[level].load.rate_per_s or 0.0 for level in ("mean", "p95", "p99", "peak")]
    assert rates == sorted(rates)
    assert rates[0] == pytest.approx(len(trace) / 300, rel=0.05)
    at_once = found["peak"].requests / found["mean"].requests
    assert rates[-1] / rates[0] == pytest.approx(at_once)


def test_the_number_at_once_is_counted_exactly() -> None:
    trace = Trace.from_columns([0.0, 1.0, 2.0, 9.0], [1] * 4, [1] * 4)
    mean, peak = levels(trace, np.array([3.0, 3.0, 3.0, 1.0]), ("mean", "peak"))
    assert peak.requests == 3
    assert mean.requests == pytest.approx(10.0 / 10.0)


def test_traffic_of_one_instant_has_no_level() -> None:
    trace = Trace.from_columns([0.0, 0.0], [1, 1], [1, 1])
    with pytest.raises(InputError, match="found one instant"):
        levels(trace, np.ones(2))


def test_nothing_is_faster_than_alone() -> None:
    trace = scenario().trace()
    least = alone(scenario(), trace)
    requests = simulate(scenario(replicas=2)).requests
    for name in ("ttft_s", "e2e_s"):
        assert (requests[name] >= 0.97 * getattr(least, name)).all()
    spread = least.e2e_s.mean() / requests["e2e_s"].mean()
    assert 0.3 < spread <= 1


def test_what_cannot_be_is_known_without_a_run() -> None:
    trace = scenario().trace()
    told = cannot_be(scenario(), trace, Target(metric="tpot.p99", at_most=0.002))
    assert "ms with every request alone" in told
    assert cannot_be(scenario(), trace, Target(metric="tpot.p99", at_most=0.1)) == ""
    assert cannot_be(scenario(), trace, Target(metric="busy_share", at_most=0.0001)) == ""


def test_a_guess_at_the_rate_is_of_the_right_size() -> None:
    trace = scenario().trace()
    fast, slow = (service_rate(scenario(gpu=gpu), trace, 0.1) for gpu in ("h100-sxm", "l4"))
    assert 5 < fast < 100
    assert 0.2 < slow < 5


def test_a_trace_routed_by_rule_draws_nothing() -> None:
    replay = {"kind": "trace", "path": "any.csv"}
    poisson = {"arrivals": {"kind": "poisson", "rate_per_s": 1}}
    assert draws(scenario())
    assert not draws(scenario(traffic=replay))
    assert draws(scenario(traffic=replay, router={"kind": "random"}))
    assert draws(scenario(traffic={**replay, "retime": poisson}))
