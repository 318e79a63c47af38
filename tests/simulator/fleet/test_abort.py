"""A request whose client has gone leaves the engine as vLLM lets it leave; a crash loses all."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.scheduler_validation import OracleScenario
from simulator.clock import ARRIVAL, Clock
from simulator.engine.replica import Replica
from simulator.engine.request import Request
from simulator.engine.speculative import make_scheduler
from simulator.engine.stopwatch import Stopwatch
from simulator.record.recorder import ReplicaLog, RequestLog
from simulator.record.runs import Runs
from simulator.rng import stream
from simulator.scenario import step_time_of
from tests.support.random_oracle import oracle_scenarios
from tests.support.reference import ReferenceRequest, ReferenceScheduler, build_requests
from workloads.prompts import shared_paths

Aborts = list[tuple[float, int]]


def parsed(scenario: dict[str, Any]) -> OracleScenario:
    nothing: dict[str, Any] = {
        "first_token_s": [], "finish_s": [], "cached_tokens": [], "preemptions": [], "steps": 0
    }  # fmt: skip
    return OracleScenario.parse({**scenario, "expected": nothing})


class Bench:
    """One replica with a clock, requests at their times, and aborts at theirs."""

    def __init__(self, scenario: dict[str, Any], aborts: Aborts, **engine: Any) -> None:
        oracle = parsed({**scenario, "engine": {**scenario["engine"], **engine}})
        plan, trace = oracle.scenario(), oracle.trace()
        config = plan.engine.scheduler_config(plan.num_gpu_blocks())
        paths = shared_paths(trace, config.block_size)
        self.clock = Clock()
        self.log = RequestLog(len(trace))
        self.steps = ReplicaLog(0, self.log)
        self.loads = [0]
        scheduler = make_scheduler(config, self.steps.journal, stream(0, "drafts 0"))
        self.scheduler = scheduler
        self.replica = Replica(
            self.clock, scheduler, Stopwatch(step_time_of(plan)), self.steps, self.loads
        )
        self.requests = [
            Request(
                i,
                float(trace.arrival_s[i]),
                int(trace.prompt_tokens[i]),
                int(trace.output_tokens[i]),
                int(trace.priority[i]),
                paths[i],
            )
            for i in range(len(trace))
        ]
        for request in self.requests:
            self.at(request.arrival_s, self.submit, request)
        for when, index in aborts:
            request = self.requests[index]
            self.at(max(when, request.arrival_s), self.abort, request)

    def at(self, when: float, do: Any, *arguments: Any) -> None:
        self.clock.at(when, ARRIVAL).callbacks.append(lambda _: do(*arguments))

    def submit(self, request: Request) -> None:
        self.loads[0] += 1
        self.replica.submit(request)

    def abort(self, request: Request) -> None:
        if self.log.finish_s[request.index] != self.log.finish_s[request.index]:
            self.replica.abort(request)


def reference(scenario: dict[str, Any], aborts: Aborts) -> dict[str, Any]:
    """The page-long scheduler with aborts: taken in with the arrivals, between two steps."""
    c = scenario["step_time"]
    scheduler = ReferenceScheduler(scenario["engine"], scenario["version"])
    requests = build_requests(scenario["requests"])
    todo = sorted((r.arrival_s, r.index, "add") for r in requests)
    todo += [(max(t, requests[i].arrival_s), i, "drop") for t, i in aborts]
    todo.sort(key=lambda entry: (entry[0], entry[2] == "drop", entry[1]))
    gone: set[int] = set()
    now, free_at, done, steps = 0.0, 0.0, 0, 0
    in_flight: list[tuple[float, list[tuple[ReferenceRequest, int, int]]]] = []
    while True:
        while done < len(todo) and todo[done][0] <= now:
            _, index, what = todo[done]
            request = requests[index]
            done += 1
            if what == "add":
                scheduler.add(request)
            elif request.finish_s < 0 and index not in gone:
                gone.add(index)
                request.finish_s = 1e9
                if request.running:
                    scheduler.running.remove(request)
                    scheduler.release(request)
                else:
                    scheduler.waiting.remove(request)
        rows = scheduler.schedule() if scheduler.waiting or scheduler.running else []
        if rows:
            steps += 1
            tokens, context = sum(n for _, n, _ in rows), sum(before for _, _, before in rows)
            free_at = max(now, free_at) + (
                c["c0"] + c["c_tok"] * tokens + c["c_ctx"] * context + c["c_seq"] * len(rows)
            )
            in_flight.append((free_at, rows))
            if scheduler.is_async and len(in_flight) < 2:
                continue
        elif not in_flight and scheduler.preempted:
            continue
        if in_flight:
            now, rows = in_flight.pop(0)
            scheduler.commit(rows, now)
        elif done < len(todo):
            now = todo[done][0]
        else:
            break
    return {
        "finish_s": [-1.0 if r.index in gone else r.finish_s for r in requests],
        "first_token_s": [-1.0 if r.index in gone else r.first_token_s for r in requests],
        "preemptions": [-1 if r.index in gone else r.preemptions for r in requests],
        "cached": [-1 if r.index in gone else r.cached_tokens for r in requests],
        "steps": steps,
        "blocks_left": len(scheduler.pool.free),
    }


@st.composite
def with_aborts(draw: st.DrawFn) -> tuple[dict[str, Any], Aborts]:
    scenario = draw(oracle_scenarios(most=14))
    rows = scenario["requests"]
    few = st.integers(0, len(rows) - 1)
    chosen = draw(st.lists(few, min_size=1, max_size=6, unique=True))
    after = st.floats(0, 0.6, allow_subnormal=False)
    return scenario, [(rows[i]["arrival_s"] + draw(after) + 1e-7, i) for i in chosen]


@given(case=with_aborts())
@settings(max_examples=80)
def test_aborts_leave_the_others_as_the_reference_leaves_them(
    case: tuple[dict[str, Any], Aborts],
) -> None:
    scenario, aborts = case
    expected = reference(scenario, aborts)
    bench = Bench(scenario, aborts)
    bench.clock.run()
    log = bench.log
    served = [i for i, finish in enumerate(expected["finish_s"]) if finish >= 0]
    for i in served:
        assert log.finish_s[i] == pytest.approx(expected["finish_s"][i], abs=1e-9)
        assert log.first_token_s[i] == pytest.approx(expected["first_token_s"][i], abs=1e-9)
        assert log.preemptions[i] == expected["preemptions"][i]
        assert log.cached_tokens[i] == expected["cached"][i]
    assert sum(outcome == 0 for outcome in log.outcome) == len(served)
    pool = bench.scheduler.pool
    assert pool.free == pool.num_blocks == expected["blocks_left"]
    assert len(pool.eviction_order()) == pool.num_blocks
    assert bench.loads == [0]
    assert not bench.scheduler.load
    assert bench.steps.step_table()["num_steps"].sum() == expected["steps"]


@given(case=with_aborts(), draft=st.integers(1, 4))
@settings(max_examples=40)
def test_with_drafts_too_every_block_comes_back(
    case: tuple[dict[str, Any], Aborts], draft: int
) -> None:
    scenario, aborts = case
    blocks = scenario["engine"]["num_gpu_blocks"] + 10
    bench = Bench(
        scenario,
        aborts,
        speculative_config={"num_speculative_tokens": draft},
        num_gpu_blocks=blocks,
    )
    bench.clock.run()
    pool = bench.scheduler.pool
    assert pool.free == pool.num_blocks
    assert bench.loads == [0]
    assert not bench.scheduler.load


@given(scenario=oracle_scenarios(most=10), share=st.floats(0.01, 1.0), speculative=st.booleans())
@settings(max_examples=60)
def test_a_crash_cuts_the_record_at_its_instant(
    scenario: dict[str, Any], share: float, speculative: bool
) -> None:
    engine = {"num_gpu_blocks": scenario["engine"]["num_gpu_blocks"] + 10}
    more = {"speculative_config": {"num_speculative_tokens": 2}} if speculative else {}
    whole = Bench(scenario, [], **engine, **more)
    whole.clock.run()
    crash_s = max(whole.log.finish_s) * share
    bench = Bench(scenario, [], **engine, **more)
    lost: list[Request] = []
    bench.at(crash_s, lambda: lost.extend(bench.replica.halt()))
    bench.clock.run(until=crash_s + 1e-9)
    late = sum(request.arrival_s > crash_s for request in bench.requests)
    done = sum(finish == finish for finish in bench.log.finish_s)
    assert len(lost) + done + late == len(bench.requests)
    steps = bench.steps.step_table()
    Runs.of(steps)
    assert (steps["end_s"] <= crash_s).all()
    assert (steps["end_s"] > steps["start_s"]).all()
    begun = int(steps["num_steps"].sum())
    assert (bench.steps.chunk_table()["step"] < begun).all()
    assert (bench.steps.stay_table()["last_step"] < begun).all()
    for request in bench.requests:
        i = request.index
        if bench.log.finish_s[i] == bench.log.finish_s[i]:
            assert bench.log.finish_s[i] == whole.log.finish_s[i]
            assert bench.log.first_token_s[i] == whole.log.first_token_s[i]
    for request in lost:
        assert 0 <= request.generated < request.output_tokens
        given_first = bench.log.first_token_s[request.index] <= crash_s
        assert given_first == (request.generated > 0)
