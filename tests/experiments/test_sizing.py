"""Sizing finds what brute force finds, in a fifth of the runs or fewer."""

import math
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from experiments import cell
from experiments.cli import app
from experiments.executors import one_by_one
from experiments.figures_sizing import sizing_figure
from experiments.judging import Answers, drive
from experiments.load import Load
from experiments.sizing import Sizing, _probe, size
from experiments.store import Store
from hardware_profiles.errors import InputError
from simulator import Scenario, simulate
from workloads.trace import Trace

MOST = 16

SIZING: dict[str, Any] = {
    "name": "small",
    "base": "chat-8b",
    "set": {"traffic": {"like": "bursty-consumer", "num_requests": 120}, "horizon_s": 300},
    "targets": {"ttft.p90": 1.0, "tpot.p95": 0.1},
    "options": {"gpu": ["l4", "l40s"], "engine.quantization": ["fp8"]},
    "levels": ["traffic", "mean", "peak"],
    "most_replicas": MOST,
    "repeat": {"least": 2, "most": 4},
}


def sizing(**changes: Any) -> Sizing:
    return Sizing.parse({**SIZING, **changes})


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Counts every simulation that is made."""
    made: list[int] = []

    def counted(scenario: Scenario, trace: Trace) -> object:
        made.append(scenario.replicas)
        return simulate(scenario, trace)

    monkeypatch.setattr(cell, "simulate", counted)
    return made


def test_it_finds_what_brute_force_finds_with_a_fifth_of_the_runs(
    tmp_path: Path, runs: list[int]
) -> None:
    asked = sizing(levels=["traffic", "peak"])
    found = size(asked, tmp_path / "size")
    taken = len(runs)
    assert taken == found.simulations == found.run_now
    runs.clear()
    for one in found.found:
        scenario = one.option.scenario
        assert scenario is not None
        for answer in one.fewest:
            store = Store(tmp_path / "brute").open()
            answers = Answers(store, one_by_one)
            questions = [
                _probe(asked, scenario, store.folder, n, answer.load) for n in range(1, MOST + 1)
            ]
            kept = [verdict.meets for verdict in drive(questions, answers)]
            assert answer.replicas == kept.index(True) + 1
    assert len(runs) >= 5 * taken


def test_steps_build_on_each_other_and_are_priced(tmp_path: Path) -> None:
    found = size(sizing(headroom=0.5, spare=2), tmp_path)
    table = found.table
    assert set(table["step"]) == {"fewest", "headroom", "spare"}
    for _, rows in table.groupby(["option", "level"]):
        fewest, headroom, spare = rows.sort_values("replicas", kind="stable")["replicas"]
        assert fewest <= headroom == spare - 2
    price = table["gpus"] * table["offer"].map(
        {"gcp-l4-on-demand": 0.7, "nebius-l40s-on-demand": 1.55}
    )
    assert table["usd_per_hour"].tolist() == pytest.approx(price.tolist())
    assert table["usd_per_month"].tolist() == pytest.approx((730 * price).tolist())
    best = found.cheapest("peak")
    assert best is not None
    at_peak = table[(table["level"] == "peak") & (table["step"] == "spare")]
    assert best["usd_per_hour"] == at_peak["usd_per_hour"].min()


def test_more_load_never_needs_fewer(tmp_path: Path) -> None:
    table = size(sizing(levels=["mean", "p95", "p99", "peak"]), tmp_path).table
    least = table[table["step"] == "fewest"]
    for _, rows in least.groupby("option"):
        assert rows.sort_values("rate_per_s")["replicas"].is_monotonic_increasing


def test_memory_is_asked_before_anything_is_run(tmp_path: Path, runs: list[int]) -> None:
    options = {"model": ["llama-3.1-70b"], "gpu": ["l4", "l40s"]}
    found = size(sizing(options=options), tmp_path)
    assert runs == []
    assert found.simulations == 0
    assert not len(found.table)
    assert found.options["why_not"].str.contains("does not fit on l4").any()


def test_what_latency_forbids_is_told_without_a_run(tmp_path: Path, runs: list[int]) -> None:
    found = size(sizing(targets={"tpot.p50": 0.001}), tmp_path)
    assert runs == []
    assert found.options["why_not"].str.contains("with every request alone").all()


def test_a_request_larger_than_the_cache_rules_an_option_out(tmp_path: Path) -> None:
    small = {**SIZING["set"], "engine.num_gpu_blocks_override": 20, "engine.max_model_len": 4096}
    found = size(sizing(set=small), tmp_path)
    assert found.options["why_not"].str.contains("KV blocks").all()


def test_asked_again_nothing_is_run(tmp_path: Path) -> None:
    first, second = size(sizing(), tmp_path), size(sizing(), tmp_path)
    assert second.run_now == 0
    assert second.simulations == first.simulations
    assert second.table.equals(first.table)


def test_too_few_replicas_allowed_is_no_answer(tmp_path: Path) -> None:
    table = size(sizing(most_replicas=1, levels=["peak"]), tmp_path).table
    assert table.loc[table["gpu"] == "l4", ["replicas", "usd_per_hour"]].isna().all(axis=None)


def test_a_replayed_trace_is_run_once(tmp_path: Path, runs: list[int]) -> None:
    trace = Load().of(sizing().scenario())
    rows = [
        f"{t:.3f},{p},{o}"
        for t, p, o in zip(trace.arrival_s, trace.prompt_tokens, trace.output_tokens, strict=True)
    ]
    path = tmp_path / "t.csv"
    path.write_text("\n".join(["arrival_s,prompt_tokens,output_tokens", *rows]) + "\n")
    replay = {"kind": "trace", "path": str(path)}
    found = size(sizing(set={"traffic": replay}, levels=["traffic"]), tmp_path / "out")
    assert found.table["runs"].max() == 1
    assert found.table["sure"].all()


def test_the_frontier_lies_between_what_is_borne_and_what_is_not(tmp_path: Path) -> None:
    options = size(
        sizing(frontier=True, levels=["mean"], options={"gpu": ["l40s"]}), tmp_path
    ).options
    row = options.iloc[0]
    assert 0 < row["frontier_low_per_s"] < row["frontier_high_per_s"] < math.inf
    assert row["frontier_high_per_s"] / row["frontier_low_per_s"] < 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"targets": {}}, "targets: .*at least 1 item"),
        ({"targets": ...}, "targets: this key is needed"),
        ({"options": {"replicas": [1, 2]}}, "replicas: is chosen here"),
        ({"options": {"gpu": ["l4", "l4"]}}, "gpu = l4 is given twice"),
        ({"options": {"gpu": ["l5"]}}, "no GPU is called 'l5'"),
        ({"options": {"gpus": ["l4"]}}, "there is no key 'gpus'"),
        ({"levels": []}, "levels"),
        ({"levels": ["p999"]}, "levels"),
        ({"levels": ["mean", "mean"]}, "named twice"),
        ({"headroom": -0.1}, "headroom"),
        ({"headroom": float("nan")}, "headroom"),
        ({"headroom": 1e9}, "headroom"),
        ({"spare": -1}, "spare"),
        ({"most_replicas": 0}, "most_replicas"),
        ({"most_replicas": 10**9}, "most_replicas"),
        ({"modes": ["weekly"]}, "modes"),
        ({"modes": []}, "modes"),
        ({"modes": ["owned"]}, "none for l4 on the shelf is owned"),
        ({"repeat": {"least": 1}}, "least"),
        ({"repeat": {"least": 9, "most": 3}}, r"least \(9\) is more than most"),
        ({"confidence": 1.0}, "confidence"),
        ({"target": {}}, "there is no key 'target'; did you mean 'targets'"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    path = tmp_path / "size.yaml"
    content = {key: value for key, value in {**SIZING, **changes}.items() if value is not ...}
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(InputError, match=message) as caught:
        size(Sizing.from_file(path), tmp_path / "out")
    assert "\n" not in str(caught.value)


def test_the_command_prints_a_table_a_level_and_the_cheapest(tmp_path: Path) -> None:
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump({**SIZING, "levels": ["traffic", "peak"]}, sort_keys=False))
    out = tmp_path / "out"
    result = CliRunner().invoke(app, ["size", str(path), "--out", str(out), "--jobs", "1"])
    assert result.exit_code == 0, result.output
    promised = "Promised: TTFT p90 ≤ 1000 ms"
    for said in (promised, "the traffic as it comes", "its peak, held", "N+1"):
        assert said in result.output
    assert result.output.count("USD/h") == 3 * result.output.count("fewest ┃")
    assert "Cheapest, headroom and reserve included" in result.output
    files = {item.name for item in out.iterdir()}
    pictures = {f"sizes.{kind}" for kind in ("png", "svg", "pdf")}
    assert files == {"cells", "sizes.csv", "options.csv", "sizing.yaml", *pictures}


def test_the_command_tells_a_mistake_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "small.yaml"
    path.write_text("{base: chat-8b, targets: {ttft.p98: 1}}")
    result = CliRunner().invoke(app, ["size", str(path)])
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert "small.yaml:1: targets: no metric is called 'ttft.p98'" in result.stderr


def test_the_picture_says_what_is_promised_and_how_often_it_was_tried(tmp_path: Path) -> None:
    figure = sizing_figure(size(sizing(levels=["mean", "peak"]), tmp_path))
    words = figure.texts[-1].get_text().replace("\n", " ")
    assert "Promised: TTFT p90 ≤ 1000 ms" in words
    assert "2 to 4 replications" in words
    shown = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_xlabel() for axes in shown] == ["US dollars an hour"] * 2
