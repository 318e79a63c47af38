"""The demo: equal work, and waves that cost more than they need."""

from io import StringIO
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from experiments import demo
from experiments.demo import RUNS, SCENARIOS, run_demo
from simulator import Scenario


@pytest.mark.parametrize("path", sorted(SCENARIOS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_scenario_on_the_shelf_can_be_read(path: Path) -> None:
    Scenario.from_file(path)


def test_both_sides_differ_in_their_arrivals_alone() -> None:
    steady, bursty = (
        Scenario.from_file(SCENARIOS / f"demo-{side}.yaml") for side in ("steady", "bursty")
    )
    assert steady.model_copy(update={"name": "", "traffic": None}) == bursty.model_copy(
        update={"name": "", "traffic": None}
    )
    assert steady.traffic.num_requests == bursty.traffic.num_requests
    assert steady.traffic.prompt_tokens == bursty.traffic.prompt_tokens
    assert steady.traffic.output_tokens == bursty.traffic.output_tokens


def test_bursts_cost_latency_idle_time_and_money(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        demo,
        "RUNS",
        {n: (f, {**c, "traffic.num_requests": 3000}) for n, (f, c) in RUNS.items()},
    )
    said = StringIO()
    run_demo(tmp_path / "demo", Console(file=said, width=120))
    table = pd.read_csv(tmp_path / "demo" / "comparison.csv", index_col="quantity")
    steady, bursty = table["steady"], table["bursty"]
    assert steady["requests.arrived"] == bursty["requests.arrived"] == 3000
    for cost in ("latency.ttft_s.p99", "utilization.time_shares.idle", "bill.usd_per_good_request"):
        assert bursty[cost] > steady[cost]
    assert (tmp_path / "demo" / "comparison.png").exists()
    assert (tmp_path / "demo" / "bursty-one-GPU-more" / "requests.parquet").exists()
    assert "begin with" in said.getvalue()
