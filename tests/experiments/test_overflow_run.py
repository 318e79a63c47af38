"""`servecast run` with a way out: what left, what it cost, and what it saved."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from experiments.cli import app
from experiments.overflow_saving import fewest_alone
from experiments.telling import COST
from simulator.economics.cost_lines import COST_LINES

SCENARIO = """\
name: little
traffic:
  kind: mix
  clients:
    - name: chat
      traffic:
        kind: synthetic
        arrivals: {kind: spike, base_rate_per_s: 5, spike_rate_per_s: 80, start_s: 3, duration_s: 3}
        prompt_tokens: 200
        output_tokens: {kind: lognormal, mean: 30, cv: 0.5}
    - name: private
      priority: 1
      traffic:
        kind: synthetic
        arrivals: {kind: poisson, rate_per_s: 4}
        prompt_tokens: 200
        output_tokens: 30
model: llama-3.1-8b
gpu: h100-sxm
step_time: {kind: linear, c0: 0.02, c_tok: 2.0e-5}
engine: {max_num_seqs: 16}
router: {kind: least_loaded}
overflow:
  when: [{kind: queue, max_waiting: 3}]
  endpoints:
    - {like: openrouter-llama-3.1-8b, requests_per_minute: 120, mtbf_h: null}
  stay: [private]
slo: {ttft_s: 1.5}
offer: nebius-h100-sxm-on-demand
seed: 3
horizon_s: 15
"""
Run = Callable[..., Result]


@pytest.fixture
def drawing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command with its pictures, which take most of the time."""
    monkeypatch.chdir(tmp_path)
    Path("little.yaml").write_text(SCENARIO)
    return lambda *arguments: CliRunner().invoke(app, ["run", *map(str, arguments)])


@pytest.fixture
def servecast(drawing: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command without its pictures."""
    monkeypatch.setattr("experiments.figures.draw_run", lambda result, bill, folder: [])
    return drawing


def refused(result: Result) -> str:
    """The one line of a refusal that left nothing behind."""
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert not list(Path().rglob("*.partial"))
    assert not list(Path("runs").rglob("*"))
    return result.stderr


def summary_of(folder: str) -> dict[str, Any]:
    return json.loads(Path(folder, "summary.json").read_text())  # type: ignore[no-any-return]


def row(output: str, title: str) -> list[str]:
    """Cells of the first row of a printed table that begins with a title."""
    (found,) = re.findall(rf"^│ +{re.escape(title)} +│(.*)│$", output, re.MULTILINE)[:1]
    return [cell.strip() for cell in found.split("│")]


def test_what_overflowed_is_told_kept_and_drawn(drawing: Run) -> None:
    result = drawing("little.yaml", "--out", "one")
    assert result.exit_code == 0, result.output
    told, calls = summary_of("one")["overflow"], pd.read_parquet("one/calls.parquet")
    assert told["requests"] > 20
    assert told["limited"] > 0
    assert row(result.stdout, "answered by endpoints") == [f"{told['requests']:,}"]
    assert row(result.stdout, "calls refused with 429") == [f"{told['limited']:,}"]
    of_queue = row(result.stdout, "because the queue was long")
    assert of_queue[0] == f"{told['requests']:,}"
    assert row(result.stdout, "tenant private")[0] == "0"
    table = pd.read_parquet("one/overflow.parquet")
    assert table["calls"].sum() == len(calls) == told["calls"]
    assert table["usd"].sum() == pytest.approx(told["usd"])
    assert Path("one/overflow.png").stat().st_size > 10_000
    glossary = pd.read_csv("one/glossary.csv")
    assert set(glossary.loc[glossary["table"] == "overflow", "column"]) == set(table.columns)


def test_what_it_saved_is_a_comparison_of_whole_runs(servecast: Run) -> None:
    result = servecast("little.yaml", "--out", "one")
    summary = summary_of("one")
    saving = summary["saving"]
    alone = servecast("little.yaml", "--out", "alone", "--set", "overflow=null")
    assert alone.exit_code == 0, alone.output
    bills = [json.loads(Path(f, "bill.json").read_text())["usd_total"] for f in ("one", "alone")]
    good = [summary_of(folder)["goodput"]["good_requests"] for folder in ("one", "alone")]
    assert saving["same_fleet"]["bill"]["usd_total"] == pytest.approx(bills[1])
    assert saving["against_same_fleet"]["usd"] == pytest.approx(bills[1] - bills[0])
    assert saving["against_same_fleet"]["good_more"] == good[0] - good[1] > 0
    for sentence in saving["sentences"]:
        assert sentence in result.stdout.replace("\n", " ")
    assert f"{good[0] - good[1]} more requests are good" in saving["sentences"][0]

    replicas = saving["fewest"]["replicas"]
    for number, enough in ((replicas, True), (replicas - 1, False)):
        changes = ("--set", "overflow=null", "--set", f"replicas={number}")
        servecast("little.yaml", "--out", "other", *changes)
        kept = summary_of("other")["goodput"]["good_requests"]
        assert (kept >= good[0]) == enough
    assert f"takes {replicas} replicas" in result.stdout


def test_without_saving_it_is_run_but_once(servecast: Run) -> None:
    result = servecast("little.yaml", "--out", "one", "--no-saving")
    assert result.exit_code == 0, result.output
    assert "what overflowed" in result.stdout
    assert "what the way out saved" not in result.stdout
    assert "saving" not in summary_of("one")


def test_without_an_slo_nobody_looks_for_replicas(servecast: Run) -> None:
    result = servecast("little.yaml", "--out", "one", "--set", "slo={}")
    saving = summary_of("one")["saving"]
    assert saving["fewest"] is None
    assert saving["against_same_fleet"]["good_more"] == 0
    assert "no SLO, so every completed request is good" in result.stdout


def test_a_way_out_that_nobody_took_is_told_in_a_line(servecast: Run) -> None:
    result = servecast("little.yaml", "--out", "one", "--set", "overflow.when=[{kind: outage}]")
    assert "No request was sent to an endpoint." in result.stdout
    assert row(result.stdout, "of it calls of endpoints") == ["$0.00"]
    assert "saving" not in summary_of("one")
    assert summary_of("one")["overflow"]["requests"] == 0


def test_traffic_that_waits_for_answers_can_overflow(servecast: Run) -> None:
    chat = {
        "kind": "synthetic",
        "arrivals": {"kind": "concurrency", "max_concurrency": 30},
        "prompt_tokens": 100,
        "output_tokens": 30,
        "num_requests": 150,
    }
    changes = ("--set", f"traffic={json.dumps(chat)}", "--set", "overflow.stay=[]")
    result = servecast("little.yaml", "--out", "one", *changes, "--set", "horizon_s=null")
    assert result.exit_code == 0, result.output
    summary = summary_of("one")
    assert summary["overflow"]["requests"] > 0
    assert summary["saving"]["same_fleet"]["horizon_s"] > summary["horizon_s"]
    assert "Rent is paid until the last answer" in result.stdout


def test_the_printed_bill_adds_up(servecast: Run) -> None:
    assert {line.path for line in COST} >= {f"bill.{name}" for name in COST_LINES}
    result = servecast("little.yaml", "--out", "one")
    cost = result.stdout.partition("what it cost")[2].partition("what overflowed")[0]
    amounts = [float(amount) for amount in re.findall(r"of it .*\$([\d.]+)", cost)]
    (total,) = re.findall(r"the bill +│ +\$([\d.]+)", cost)
    assert len(amounts) >= 3
    assert sum(amounts) == pytest.approx(float(total), rel=0.01)
    assert float(row(cost, "of it calls of endpoints")[0].strip("$")) > 0


def test_with_nothing_at_home_there_is_no_fleet_to_compare_with(drawing: Run) -> None:
    changes = ("--set", "replicas=0", "--set", "overflow.when=[{kind: always}]")
    result = drawing("little.yaml", "--out", "one", *changes, "--set", "overflow.stay=[]")
    assert result.exit_code == 0, result.output
    saving = summary_of("one")["saving"]
    assert saving["same_fleet"] is None
    assert "Without the way out there would be no fleet at all." in result.stdout
    assert saving["fewest"]["replicas"] >= 1
    assert Path("one/overflow.png").exists()
    assert not Path("one/idle_trace.png").exists()


def test_a_fleet_that_grows_is_compared_with_itself_alone(servecast: Run) -> None:
    scaler = "autoscaler={kind: target_queue, target: 2, max_replicas: 3}"
    result = servecast("little.yaml", "--out", "one", "--set", scaler)
    assert result.exit_code == 0, result.output
    saving = summary_of("one")["saving"]
    assert saving["same_fleet"] is not None
    assert saving["fewest"] is None
    assert row(result.stdout, "draining")


def test_a_plain_run_says_nothing_of_it(servecast: Run) -> None:
    result = servecast("little.yaml", "--out", "one", "--set", "overflow=null")
    for word in ("overflow", "endpoint", "429", "timed out", "cancelled", "failed", "draining"):
        assert word not in result.stdout
    assert {"overflow", "saving"}.isdisjoint(summary_of("one"))
    assert not Path("one/overflow.png").exists()


def test_ends_that_could_come_are_told_even_if_none_did(servecast: Run) -> None:
    crash = "faults=[{kind: engine_crash, at_s: [1], restart_s: 1}]"
    result = servecast("little.yaml", "--out", "one", "--no-saving", "--set", crash)
    assert row(result.stdout, "failed") == ["0"]
    assert float(row(result.stdout, "of it down")[0].strip("$")) > 0
    Path("hasty.yaml").write_text(
        SCENARIO.replace(
            "        output_tokens: {kind",
            "        client: {timeout_s: 0.5, cancel_share: 0.2, cancel_after_s: 1}\n"
            "        output_tokens: {kind",
        )
    )
    result = servecast("hasty.yaml", "--out", "two", "--no-saving")
    requests = summary_of("two")["requests"]
    assert row(result.stdout, "timed out") == [f"{requests['timed_out']:,}"] != ["0"]
    assert row(result.stdout, "cancelled") == [f"{requests['cancelled']:,}"] != ["0"]


def test_a_misspelt_tenant_leaves_nobody_out_and_nothing_behind(servecast: Run) -> None:
    says = "overflow: stay: no tenant is called 'privat'; did you mean 'private'?"
    assert says in refused(servecast("little.yaml", "--set", "overflow.stay=[privat]"))


def test_a_weight_of_nobody_is_told(servecast: Run) -> None:
    queue = "queue={kind: fair_share, weights: {chta: 2}}"
    result = servecast("little.yaml", "--out", "one", "--no-saving", "--set", queue)
    assert result.exit_code == 0, result.output
    sentence = "queue: weights: no tenant is called 'chta'; did you mean 'chat'?"
    assert f"in vain: {sentence}" in result.stdout
    assert summary_of("one")["names_in_vain"][0].startswith(sentence)


def test_a_fleet_that_keeps_nobody_may_be_much_too_small() -> None:
    assert fewest_alone(lambda n: max(0, n - 20), wanted=3, first=1) == 23
    assert fewest_alone(lambda n: 0, wanted=3, first=1) is None
    with_luck = {1: 9, 2: 7, 4: 50}  # far beyond what it bears, more is not always better
    assert fewest_alone(lambda n: with_luck.get(n, 8), wanted=50, first=1) == 4


@pytest.mark.parametrize(
    ("wanted", "first", "step", "answer"),
    [(90, 1, 1, 3), (30, 1, 1, 1), (30, 8, 1, 1), (100, 8, 1, 4), (91, 2, 2, 4), (101, 1, 1, None)],
)
def test_the_fewest_are_found_by_doubling_and_halving(
    wanted: int, first: int, step: int, answer: int | None
) -> None:
    tried = []

    def good(replicas: int) -> int:
        tried.append(replicas)
        assert replicas % step == 0
        return min(100, 30 * replicas)

    assert fewest_alone(good, wanted, first, step) == answer
    assert len(set(tried)) == len(tried) < 8
