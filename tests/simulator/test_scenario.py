"""A scenario is one value: what names stand for is in it; what is wrong is told at the door."""

from pathlib import Path
from typing import Any

import pytest

from hardware_profiles.errors import InputError
from simulator import Scenario, simulate
from simulator.physics.work import StepWork
from simulator.scenario import step_time_of

BASE: dict[str, Any] = {"traffic": "steady-chat", "model": "llama-3.1-8b", "gpu": "h100-sxm"}
TEXT = "traffic: steady-chat\nmodel: llama-3.1-8b\ngpu: h100-sxm\nhorizon_s: 20\n"


def from_text(folder: Path, text: str, **overrides: Any) -> Scenario:
    (folder / "s.yaml").write_text(text, encoding="utf-8")
    return Scenario.from_file(folder / "s.yaml", overrides)


def test_what_is_saved_is_what_was_run() -> None:
    for engine in ("vllm-0.15", {"profile": "vllm-0.32", "tensor_parallel_size": 2}):
        scenario = Scenario.parse({**BASE, "engine": engine})
        assert Scenario.model_validate(scenario.model_dump()) == scenario
        assert Scenario.model_validate(scenario.model_dump(mode="json")) == scenario


def test_a_scenario_is_named_after_its_file(tmp_path: Path) -> None:
    assert from_text(tmp_path, TEXT).name == "s"


def test_an_override_below_a_name_changes_a_copy_of_the_entry(tmp_path: Path) -> None:
    scenario = from_text(
        tmp_path, TEXT, **{"gpu.bandwidth_gb_s": 4000, "engine.max_num_seqs": 7, "replicas": 3}
    )
    assert scenario.gpu.bandwidth_gb_s == 4000
    assert scenario.gpu.memory_gib == Scenario.parse(BASE).gpu.memory_gib
    assert "changed here: bandwidth_gb_s" in scenario.gpu.source
    assert (scenario.engine.max_num_seqs, scenario.replicas) == (7, 3)


def test_an_override_deep_in_named_traffic_changes_only_that(tmp_path: Path) -> None:
    plain = from_text(tmp_path, TEXT)
    faster = from_text(tmp_path, TEXT, **{"traffic.arrivals.rate_per_s": 50.0})
    assert len(faster.trace()) > 2 * len(plain.trace())
    assert faster.traffic.output_tokens == plain.traffic.output_tokens
    constant = {"kind": "constant", "rate_per_s": 1.0}
    assert len(from_text(tmp_path, TEXT, **{"traffic.arrivals": constant}).trace()) <= 21


def test_an_override_below_an_engine_profile_keeps_the_profile(tmp_path: Path) -> None:
    scenario = from_text(tmp_path, TEXT + "engine: vllm-0.32\n", **{"engine.max_num_seqs": 9})
    assert (scenario.engine.profile, scenario.engine.max_num_seqs) == ("vllm-0.32", 9)


POOLS = (
    TEXT
    + """\
pools:
  - name: a
  - {name: b, gpu: l4}
pool_choice: {kind: by_length, up_to: [1000]}
faults: [{kind: gpu_failure, at_s: [3, 5]}]
overflow: {when: [{kind: outage}], endpoints: [novita-llama-3.1-8b]}
"""
)


def test_an_override_reaches_into_a_list_by_number(tmp_path: Path) -> None:
    scenario = from_text(
        tmp_path,
        POOLS,
        **{
            "pools.1.replicas": 3,
            "pools.1.gpu": "l40s",
            "pool_choice.up_to.0": 500,
            "faults.0.at_s.1": 7,
            "overflow.endpoints.0.requests_per_minute": 60,
        },
    )
    assert [(plan.gpu, plan.replicas) for plan in scenario.pools] == [(None, None), ("l40s", 3)]
    assert getattr(scenario.pool_choice, "up_to", None) == (500,)
    assert scenario.faults[0].at_s == (3, 7)
    assert scenario.overflow is not None
    (endpoint,) = scenario.overflow.endpoints
    assert endpoint.requests_per_minute == 60
    assert "changed here: requests_per_minute" in endpoint.source


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("pools.2.replicas", r"^--set pools\.2\.replicas: pools is a list with entries 0 to 1, "),
        ("pools.-1.replicas", r": pools is a list with entries 0 to 1, found '-1'$"),
        ("pools.b.replicas", r": pools is a list with entries 0 to 1, found 'b'$"),
        ("pools.99999999999999999999", r": pools is a list with entries 0 to 1, found '9+'$"),
        ("faults.0.at_s.2", r": faults\.0\.at_s is a list with entries 0 to 1, found '2'$"),
        ("pools.0.name.x", r"^--set pools\.0\.name\.x: pools\.0\.name: "),
        (
            "pools.1.replica",
            r"^--set pools\.1\.replica: there is no key 'pools.1.replica'; did you",
        ),
        ("operations.0.at_s", r"^--set operations\.0\.at_s: operations: expected a list, found "),
        ("horizon_s.0", r"^--set horizon_s\.0: horizon_s is 20, which has no keys$"),
    ],
)
def test_an_override_that_leads_nowhere_in_a_list_is_refused(
    tmp_path: Path, path: str, says: str
) -> None:
    with pytest.raises(InputError, match=says) as told:
        from_text(tmp_path, POOLS, **{path: 3})
    assert "\n" not in str(told.value)


def test_a_trace_lies_beside_its_scenario(tmp_path: Path) -> None:
    rows = "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.6805900,374,44\n"
    (tmp_path / "a.csv").write_text(rows)
    text = TEXT.replace("steady-chat", "{kind: trace, path: a.csv}")
    assert len(from_text(tmp_path, text).trace()) == 1


def test_the_cheapest_offer_is_taken_when_none_is_named() -> None:
    given = Scenario.parse({**BASE, "offer": "aws-h100-sxm-on-demand"}).offer
    chosen = Scenario.parse(BASE).offer
    assert chosen.gpu == "h100-sxm"
    assert chosen.mode == "on_demand"
    assert chosen.usd_per_gpu_hour <= given.usd_per_gpu_hour


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (TEXT + "modle: x\n", r"s\.yaml:5: there is no key 'modle'; did you mean 'model'"),
        (TEXT.replace("model:", "modle:"), r"s\.yaml:2: there is no key 'modle'"),
        (TEXT.replace("h100-sxm", "h100-smx"), r"s\.yaml:3: gpu: no GPU .* did you mean"),
        (TEXT.replace("llama-3.1-8b", "llama"), r"s\.yaml:2: model: no LLM is called 'llama'"),
        (TEXT + "replicas: 0\n", r"s\.yaml:5: replicas: .*found 0"),
        (TEXT + "replicas: 1.5\n", r"s\.yaml:5: replicas: "),
        (TEXT + "replicas: 99999999\n", r"s\.yaml:5: replicas: "),
        (TEXT + "seed: -1\n", r"s\.yaml:5: seed: "),
        (TEXT + "seed: .nan\n", r"s\.yaml:5: seed: "),
        (TEXT.replace("20", "-20"), r"s\.yaml:4: horizon_s: "),
        (TEXT.replace("20", ".inf"), r"s\.yaml:4: horizon_s: "),
        (TEXT + "slo: {ttft_ms: 3}\n", r"s\.yaml:5: there is no key 'slo\.ttft_ms'"),
        (TEXT + "slo: {ttft_s: 0}\n", r"s\.yaml:5: slo\.ttft_s: "),
        (TEXT + "router: {kind: fastest}\n", r"s\.yaml:5: router: 'fastest' is not a kind"),
        (TEXT + "offer: aws-l4-on-demand\n", r"offer: aws-l4-on-demand is a price for l4"),
        (TEXT + "gpu: l4\n", r"s\.yaml:5: .*gpu"),
        ("traffic: [", r"s\.yaml:"),
        ("", r"s\.yaml"),
        ("- a\n- b\n", r"s\.yaml"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(InputError, match=says) as told:
        from_text(tmp_path, text)
    assert "\n" not in str(told.value)


def test_a_model_that_does_not_fit_says_what_would(tmp_path: Path) -> None:
    scenario = from_text(tmp_path, TEXT.replace("8b", "70b"))
    with pytest.raises(InputError, match=r"does not fit on h100-sxm .* GiB more .* would fit"):
        simulate(scenario)


def test_a_path_through_a_number_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"--set seed\.x: seed is 3, which has no keys"):
        from_text(tmp_path, TEXT + "seed: 3\n", **{"seed.x": 1})


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"replicas": -1}, r"^--set replicas: .*found -1$"),
        ({"gpu": "h100-smx"}, r"^--set gpu: no GPU is called 'h100-smx'; did you mean"),
        ({"gpu.bandwidth_gb_s": -4}, r"^--set gpu\.bandwidth_gb_s: .*found -4"),
        ({"engine.max_num_seq": 4}, r"^--set engine\.max_num_seq: there is no key"),
        ({"router.kind": "fastest"}, r"^--set router\.kind: router: 'fastest' is not a kind"),
        (
            {"seed": 2, "engine.max_num_seqs": 600, "engine.max_num_batched_tokens": 500},
            r"^--set engine\.max_num_seqs, engine\.max_num_batched_tokens: engine: ",
        ),
        ({"offer": "aws-l4-on-demand"}, r"s\.yaml with --set offer: offer: aws-l4-on-demand is a"),
    ],
)
def test_what_is_wrong_with_a_setting_names_the_setting_and_no_line_of_the_file(
    tmp_path: Path, changes: dict[str, object], says: str
) -> None:
    with pytest.raises(InputError, match=says) as told:
        from_text(tmp_path, TEXT + "seed: 3\n", **changes)
    assert "s.yaml:" not in str(told.value)


def test_what_is_wrong_in_the_file_names_its_line_whatever_else_is_set(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"s\.yaml:5: seed: "):
        from_text(tmp_path, TEXT + "seed: -3\n", replicas=2)


LARGE = {"model": "llama-3.1-405b", "engine": {"tensor_parallel_size": 16}, "horizon_s": 5}


def test_an_engine_on_two_nodes_is_slower_over_a_slower_network() -> None:
    work = StepWork(decode_seqs=32, decode_context=32000)
    slow = {"like": "hgx-h100", "network": "ethernet-100g"}
    usual, slower = (
        step_time_of(Scenario.parse({**BASE, **LARGE, **more})).seconds(work)
        for more in ({}, {"node": slow})
    )
    assert slower > usual


def test_a_node_of_other_gpus_is_refused() -> None:
    with pytest.raises(InputError, match="hgx-a100 holds a100-80gb, but the scenario's gpu is"):
        Scenario.parse({**BASE, "node": "hgx-a100"})
