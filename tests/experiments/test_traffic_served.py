"""On a fleet: requests at once as Little says, prefix hits under what a cache could find."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from experiments.traffic_cli import app
from experiments.traffic_served import at_once_in, served
from simulator.scenario import Scenario
from simulator.simulate import simulate

MOONCAKE = Path(__file__).parents[3] / "shared" / "traces" / "mooncake_conversation_trace.jsonl.gz"


def scenario(traffic, **changes):
    return Scenario.parse(
        {"traffic": traffic, "model": "llama-3.1-8b", "gpu": "h100-sxm", "seed": 1, **changes}
    )


def rates(scenario):
    return served(scenario).reuse.set_index("cache").hit_rate


@pytest.mark.parametrize("replicas", [1, 3])
def test_conversations_hit_below_the_bound_and_near_it(replicas):
    found = rates(scenario("private-enterprise", horizon_s=1200, replicas=replicas))
    assert 0.1 < found["simulated"] <= found["without bound"]


@pytest.mark.skipif(not MOONCAKE.exists(), reason="the real Mooncake trace is not beside this")
@pytest.mark.parametrize("blocks", [None, 2_000_000])
def test_mooncakes_hits_lie_under_the_bound_of_its_hashes(blocks):
    traffic = {"kind": "trace", "path": str(MOONCAKE)}
    engine = {"num_gpu_blocks_override": blocks} if blocks else {}
    found = rates(scenario(traffic, engine=engine))
    print(found)
    assert found["without bound"] == pytest.approx(0.374, abs=0.001)
    assert found["simulated"] <= found["without bound"]
    if blocks is None:
        # One H100 keeps some 400,000 tokens: what is asked again has mostly been forgotten.
        assert found["simulated"] == pytest.approx(found["one replica's"], rel=0.1)
    else:
        assert found["simulated"] > 0.95 * found["without bound"]


def test_requests_at_once_are_rate_times_time():
    run = scenario("steady-chat", horizon_s=600)
    result = simulate(run)
    found = at_once_in(result)
    requests = result.requests
    stayed = (requests.finish_s - requests.arrival_s).sum()
    span = requests.finish_s.max() - requests.arrival_s.min()
    assert found["mean"] == pytest.approx(stayed / span)
    assert found["peak"] >= found["p99.9"] >= found["p99"] >= found["mean"]


@pytest.mark.parametrize(
    "changes",
    [{"gpu": "a100-80gb-sxm"}, {"router": {"kind": "least_loaded"}, "replicas": 3}],
    ids=["gpu", "router"],
)
def test_the_traffic_stays_as_it_was_whatever_serves_it(changes):
    for traffic in ("two-tenants", "private-enterprise", "bursty-consumer"):
        plain = scenario(traffic, horizon_s=120)
        assert plain.trace() == scenario(traffic, horizon_s=120, **changes).trace()


def test_it_can_be_asked_on_the_command_line(tmp_path):
    (tmp_path / "s.yaml").write_text(
        "traffic: rag\nmodel: llama-3.1-8b\ngpu: h100-sxm\nhorizon_s: 60\n"
    )
    told = CliRunner().invoke(app, ["served", str(tmp_path / "s.yaml"), "--set", "replicas=2"])
    assert told.exit_code == 0, told.output
    assert "without bound" in told.output
    assert "simulated" in told.output
