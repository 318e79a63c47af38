"""What theory knows of fleets, held over several seeds: intervals on paired differences.

Two fleets are always compared on the same traffic, seed by seed, so that what the traffic did by
chance cancels; a claim holds if the whole 95 % interval of the mean difference lies on its side.
"""

from functools import cache
from itertools import pairwise
from math import factorial
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from experiments.statistics import mean_interval, paired_difference
from simulator import Result, Scenario, simulate
from simulator.record.fleet_size import gpu_hours
from simulator.record.metrics import prefix_hit_rate
from tests.support.fleets import Draw, Play
from workloads.trace import Trace

STEP_S = 0.001
SERVICE_S = 0.1
SERVERS = 8
LOAD = 0.8
SEEDS = range(8)
SHARES = np.linspace(0.8, 1.2, SERVERS) / SERVERS
"""Of the traffic, where every user has the address of one server and nobody routes."""

Floats = NDArray[np.float64]


def queue(seed: int, servers: int, load: float, requests: int = 4000, **fleet: Any) -> Result:
    """M/M/c: one request at a time, served for a geometric number of steps of a millisecond."""
    rng = np.random.default_rng(seed)
    arrival_s = np.cumsum(rng.exponential(SERVICE_S / (servers * load), requests))
    steps = rng.geometric(STEP_S / SERVICE_S, requests)
    tenant = rng.choice(SERVERS, requests, p=SHARES).astype(str).astype(object)
    base = {"traffic": "steady-chat", "model": "llama-3.1-8b", "gpu": "h100-sxm", "seed": seed}
    engine = {"max_num_seqs": 1, "async_scheduling": False, "num_gpu_blocks_override": 2000}
    law = {"kind": "linear", "c0": STEP_S}
    scenario = {**base, "engine": engine, "step_time": law, "replicas": servers, **fleet}
    trace = Trace.from_columns(arrival_s, np.ones(requests, int), steps, tenant=tenant)
    return simulate(Scenario.parse(scenario), trace)


def fleet_of(router: str) -> dict[str, Any]:
    """A router, or ``nothing``: a pool of one server for each address."""
    if router != "nothing":
        return {"router": {"kind": router}}
    numbers = [str(n) for n in range(SERVERS)]
    choice = {"kind": "by_tenant", "pools": {n: f"server {n}" for n in numbers}}
    pools = [{"name": f"server {n}", "replicas": 1} for n in numbers]
    return {"pools": pools, "pool_choice": choice}


@cache
def waits(router: str) -> tuple[Floats, Floats]:
    """Mean and 99th percentile of the wait behind each router, a seed each. [s]"""
    found = [queue(seed, SERVERS, LOAD, **fleet_of(router)) for seed in SEEDS]
    waited = [result.requests["queue_s"] for result in found]
    return np.array([w.mean() for w in waited]), np.array([w.quantile(0.99) for w in waited])


def surely_more(low: Floats, high: Floats) -> bool:
    return paired_difference(low, high).interval.low > 0


def test_the_shortest_queue_beats_chance_beats_nothing_at_p99() -> None:
    """JSQ < two choices < random < nothing.

    Nothing means that nobody routes: every user has the address of one server for good. Were all
    addresses as busy as each other that would be the same law as chance, for a split Poisson stream
    is Poisson; so what chance gains is that no address is busier than another. Here they carry 80
    to 120 % of the mean, and none is overloaded. Round robin is not nothing: it counts.
    """
    order = [waits(name)[1] for name in ("least_loaded", "power_of_two", "random", "nothing")]
    for low, high in pairwise(order):
        assert surely_more(low, high)


def test_one_server_alone_is_worse_than_any_split() -> None:
    """The other meaning of nothing: all traffic to the first of the servers, which drowns."""
    first = {"pools": [{"name": "first", "replicas": 1}, {"name": "rest", "replicas": 7}],
             "pool_choice": {"kind": "by_class", "pools": {}}}  # fmt: skip
    drowned = queue(0, SERVERS, LOAD, requests=1000, **first).requests["queue_s"].quantile(0.99)
    assert drowned > 10 * waits("nothing")[1].max()


def test_two_choices_are_nearly_the_shortest_queue() -> None:
    """Mitzenmacher 2001: of what the shortest queue gains on chance, two choices gain most."""
    (_, shortest), (_, two), (_, chance) = map(waits, ("least_loaded", "power_of_two", "random"))
    assert mean_interval((chance - two) / (chance - shortest)).low > 0.7
    # At p99 they wait no more than three services longer than behind the shortest queue.
    assert paired_difference(shortest, two).interval.high < 3 * SERVICE_S


def own_load(result: Result) -> tuple[float, float]:
    """Arrivals per second of a run, and its requests' mean service [s], as they turned out."""
    requests = result.requests
    rate = 1 / float(np.diff(requests["arrival_s"]).mean())
    return rate, float(requests["output_tokens"].mean()) * STEP_S


def assert_one(ratios: list[float]) -> None:
    """Waits over what theory says of the run's own load: one within the 99 % interval."""
    interval = mean_interval(ratios, 0.99)
    assert interval.half_width < 0.15, f"{interval} is too wide to show anything"
    assert interval.holds(1.0), interval


def test_chance_makes_of_each_server_an_m_m_1() -> None:
    """W = rho / (1 - rho) / mu at each, for a Poisson stream split by chance is Poisson."""
    ratios = []
    for seed in range(10):
        result = queue(seed, 4, 0.7, 8000, router={"kind": "random"})
        rate, service_s = own_load(result)
        rho = rate * service_s / 4
        ratios.append(result.requests["queue_s"].mean() / (rho / (1 - rho) * service_s))
    assert_one(ratios)


@pytest.mark.parametrize(("servers", "load"), [(2, 0.7), (6, 0.7)])
def test_one_line_for_all_servers_waits_as_erlang_says(servers: int, load: float) -> None:
    """W = C(c, a) / (c mu - lambda), with Erlang's C: the chance that all c are busy."""
    ratios = []
    for seed in range(10):
        one_line = {"kind": "fifo", "max_per_replica": 1}
        result = queue(50 + seed, servers, load, 10_000, queue=one_line)
        rate, service_s = own_load(result)
        a = rate * service_s
        full = a**servers / factorial(servers) / (1 - a / servers)
        busy = full / (sum(a**k / factorial(k) for k in range(servers)) + full)
        wait_s = busy / (servers / service_s - rate)
        ratios.append(result.requests["queue_s"].mean() / wait_s)
    assert_one(ratios)


def conversations(seed: int, sessions: int = 40, turns: int = 5) -> Trace:
    rng = np.random.default_rng(seed)
    starts = rng.uniform(0, 10, sessions)
    rows = [
        {
            "arrival_s": starts[session] + 3 * turn + rng.uniform(0, 1),
            "prompt": [[f"{session}-{k}", int(rng.integers(100, 250))] for k in range(turn + 1)],
            "output_tokens": int(rng.integers(5, 40)),
        }
        for turn in range(turns)
        for session in range(sessions)
    ]
    lengths: dict[str, int] = {}
    for row in rows:  # a turn is as long whenever it is repeated
        row["prompt"] = [[name, lengths.setdefault(name, n)] for name, n in row["prompt"]]
    return Trace.from_requests(rows)


@pytest.mark.parametrize("index", ["exact", "approximate"])
@pytest.mark.parametrize("than", ["round_robin", "random", "least_loaded"])
def test_routing_by_prefix_raises_the_hit_rate_of_conversations(
    play: Play, index: str, than: str
) -> None:
    def rates(router: dict[str, Any]) -> Floats:
        engine = {"num_gpu_blocks_override": 4000}
        return np.array(
            [
                prefix_hit_rate(
                    play(conversations(seed), replicas=4, router=router, engine=engine, seed=seed)
                )
                for seed in range(5)
            ]
        )

    by_prefix = rates({"kind": "prefix_aware", "index": index})
    gain = paired_difference(rates({"kind": than}), by_prefix).interval
    assert gain.low > 0.2
    # With one replica every earlier turn is there; four of them lose none of it.
    alone = rates({"kind": "prefix_aware", "imbalance": 10_000})
    assert paired_difference(by_prefix, alone).interval.high < 0.02


INSTANT = {
    "kind": "target_concurrency", "target": 1, "min_replicas": 0, "max_replicas": 200,
    "interval_s": 0, "tolerance": 0, "scale_down_window_s": 0,
}  # fmt: skip
ONE_BY_ONE: dict[str, Any] = {
    "engine": {"max_num_seqs": 1},
    "replicas": 0,
    "queue": {"kind": "fifo", "max_per_replica": 1},
}


@pytest.mark.parametrize("seed", range(4))
def test_an_autoscaler_that_starts_at_once_is_perfect_capacity(
    play: Play, draw: Draw, seed: int
) -> None:
    """Latency as with more servers than requests, GPU-hours of the requests' own service alone."""
    trace = draw(200, 30, seed)
    scaled = play(trace, **ONE_BY_ONE, autoscaler=INSTANT)
    plenty = play(trace, engine={"max_num_seqs": 1}, replicas=200, router={"kind": "least_loaded"})
    for column in ("ttft_s", "e2e_s", "finish_s"):
        assert scaled.requests[column].to_numpy() == pytest.approx(plenty.requests[column])
    served_s = (plenty.requests["finish_s"] - plenty.requests["arrival_s"]).sum()
    assert gpu_hours(scaled) * 3600 == pytest.approx(served_s)
    assert gpu_hours(plenty) > 5 * gpu_hours(scaled)


def test_an_autoscaler_that_starts_at_once_is_a_schedule_made_by_hand(play: Play) -> None:
    """Two at a time for ten seconds, five for the next ten, none, then three: known beforehand."""
    levels = [(0, 2), (10, 5), (20, 0), (30, 3), (40, 0)]
    rows = [
        (float(start + k), 100, 99)
        for (start, users), (end, _) in pairwise(levels)
        for k in range(end - start)
        for _ in range(users)
    ]
    trace = Trace.from_columns(*zip(*rows, strict=True))
    # 100 output tokens in steps of 10 ms: each request takes its whole second but one step.
    law = {"kind": "linear", "c0": 0.01}
    scaled = play(trace, **ONE_BY_ONE, autoscaler=INSTANT, step_time=law)
    by_hand = play(
        trace, engine={"max_num_seqs": 1}, replicas=2, router={"kind": "least_loaded"},
        queue={"kind": "fifo", "max_per_replica": 1}, step_time=law, horizon_s=40,
        autoscaler={
            "kind": "scheduled", "min_replicas": 0, "max_replicas": 5, "interval_s": 1,
            "levels": [{"from_h": at / 3600, "replicas": n} for at, n in levels],
        },
    )  # fmt: skip
    assert scaled.requests["e2e_s"].to_numpy() == pytest.approx(by_hand.requests["e2e_s"])
    hand_s = sum(n * (end - at) for (at, n), (end, _) in pairwise(levels))
    assert gpu_hours(by_hand) * 3600 == pytest.approx(hand_s)
    assert gpu_hours(scaled) * 3600 == pytest.approx(0.99 * hand_s)


def test_a_cold_start_costs_what_an_instant_one_does_not(play: Play, draw: Draw) -> None:
    """The same autoscaler with two seconds of warm-up: later first tokens, and more GPU-hours."""
    ttft: dict[float, list[float]] = {0.0: [], 2.0: []}
    hours: dict[float, list[float]] = {0.0: [], 2.0: []}
    for seed in range(4):
        for warm_up_s in ttft:
            start_up = {"warm_up_s": warm_up_s}
            result = play(draw(200, 30, seed), **ONE_BY_ONE, autoscaler=INSTANT, start_up=start_up)
            ttft[warm_up_s].append(result.requests["ttft_s"].mean())
            hours[warm_up_s].append(gpu_hours(result))
    assert surely_more(np.array(ttft[0.0]), np.array(ttft[2.0]))
    assert surely_more(np.array(hours[0.0]), np.array(hours[2.0]))


ELSEWHERE = {
    "name": "elsewhere", "source": "made up for tests", "checked": "2026-01-01",
    "confidence": "C", "provider": "nobody", "model": "m", "ttft_s": 0.2, "tokens_per_s": 100,
    "usd_per_million_input_tokens": 1, "usd_per_million_output_tokens": 2,
}  # fmt: skip


def test_an_endpoint_without_limits_bounds_the_wait_at_any_load(play: Play, draw: Draw) -> None:
    """Who finds four waiting for the only replica leaves, and has a first token in 0.2 s.

    Sixteen run there at once, so a fourth in line has its turn sooner than that nearly always.
    However many come, the wait stays what it is elsewhere; without the endpoint it grows.
    """
    overflow = {"when": [{"kind": "queue", "max_waiting": 4}], "endpoints": [ELSEWHERE]}
    worst_alone = 0.0
    for rate in (100, 200, 400):
        traces = [draw(800, rate, seed) for seed in range(4)]
        results = [play(trace, overflow=overflow) for trace in traces]
        assert all((result.requests["outcome"] == "completed").all() for result in results)
        helped = mean_interval([r.requests["ttft_s"].quantile(0.99) for r in results])
        assert helped.high < 0.2 * 1.01
        assert max(result.requests["ttft_s"].max() for result in results) < 2 * 0.2
        alone = mean_interval([play(t).requests["ttft_s"].quantile(0.99) for t in traces])
        assert alone.low > worst_alone + 1.0
        worst_alone = alone.estimate


def ready(result: Result) -> NDArray[np.int64]:
    """Replicas that take requests after each change."""
    changes = result.events[result.events["event"].isin(["ready", "draining", "stopped"])]
    at = np.where(changes["event"] == "ready", 1, np.where(changes["event"] == "draining", -1, 0))
    return np.cumsum(at)


def test_a_rolling_upgrade_with_surge_loses_nothing(play: Play, draw: Draw) -> None:
    """All is served, never by fewer than before; one replica fewer at a time is surely slower."""
    p99: dict[str, list[float]] = {"surge": [], "in_place": []}
    for seed in range(8):
        rng = np.random.default_rng(seed)
        start_up = {"provision_s": float(rng.uniform(0, 1)), "warm_up_s": 0.3}
        upgrade = {"kind": "rolling_upgrade", "at_s": float(rng.uniform(0.3, 1.5)),
                   "at_once": int(rng.integers(1, 3))}  # fmt: skip
        for mode, found in p99.items():
            operations = [{**upgrade, "mode": mode}]
            result = play(draw(700, 110, seed), replicas=3, start_up=start_up,
                          operations=operations, seed=seed)  # fmt: skip
            assert (result.requests["outcome"] == "completed").all()
            assert not (result.events["event"] == "lost").any()
            assert len(result.replicas) == 6
            assert (result.replicas["stopped_s"][:3] < result.horizon_s).all()
            assert (ready(result)[2:].min() >= 3) == (mode == "surge")
            found.append(result.requests["ttft_s"].quantile(0.99))
    assert surely_more(np.log(p99["surge"]), np.log(p99["in_place"]))
