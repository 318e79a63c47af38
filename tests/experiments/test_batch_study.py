"""The knee is where a curve bends, and good enough is what cannot be told from the best."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.batch_study import knee, knees, least_enough
from experiments.study import Study
from experiments.sweep import StudyRun


def run_of(values: dict[tuple[int, int], list[float]]) -> StudyRun:
    """A study whose runs gave these values, by max_num_seqs and replicas."""
    seqs, replicas = ([*dict.fromkeys(key[i] for key in values)] for i in (0, 1))
    study = Study.parse(
        {
            "name": "given",
            "base": "chat-8b",
            "axes": {"engine.max_num_seqs": seqs, "replicas": replicas},
            "metrics": ["ttft.p99"],
        }
    )
    rows: list[dict[str, Any]] = [
        {
            "point": point,
            "engine.max_num_seqs": key[0],
            "replicas": key[1],
            "replication": r,
            "status": "ok",
            "error": "",
            "ttft.p99": value,
        }
        for point, (key, runs) in enumerate(values.items())
        for r, value in enumerate(runs)
    ]
    return StudyRun(study=study, table=pd.DataFrame(rows), run_now=0)


@given(st.integers(2, 30), st.floats(0.1, 10.0))
def test_two_straight_lines_meet_in_the_knee(at: int, scale: float) -> None:
    x = np.arange(33.0)
    assert knee(x, scale * np.minimum(x, at)) == at
    assert knee(x, -scale * np.minimum(x, at)) == at
    assert knee(x, scale * np.maximum(x - at, 0.0)) == at


def test_batch_sizes_are_looked_at_on_a_logarithmic_scale() -> None:
    x = 2.0 ** np.arange(9)
    y = np.minimum(np.log2(x), 4)
    assert knee(x, y, log_x=True) == 16


def test_the_order_of_the_points_does_not_matter() -> None:
    assert knee([16, 1, 4, 2, 8], [43, 10, 40, 20, 42], log_x=True) == 4


@pytest.mark.parametrize("y", [[1.0, 1.0, 1.0], [1.0, math.nan, 3.0]])
def test_a_curve_that_is_flat_or_has_gaps_has_no_knee(y: list[float]) -> None:
    assert math.isnan(knee([1, 2, 3], y))
    assert math.isnan(knee([1, 2], [1, 2]))


def test_knees_have_intervals_and_one_row_for_each_of_the_other_axis() -> None:
    run = run_of(
        {
            (1, 1): [1.0, 1.0, 1.0],
            (2, 1): [2.0, 2.0, 2.0],
            (3, 1): [2.1, 3.0, 2.1],
            (4, 1): [2.2, 3.1, 2.2],
            (1, 2): [1.0, 1.0, 1.0],
            (2, 2): [3.0, 3.0, 3.0],
            (3, 2): [3.1, 3.1, 3.1],
            (4, 2): [3.2, 3.2, 3.2],
        }
    )
    found = knees(run, "ttft.p99", "engine.max_num_seqs").set_index("replicas")
    assert found.loc[1, "knee"] == pytest.approx(7 / 3)
    assert found.loc[1, "low"] < 2 < 3 < found.loc[1, "high"]
    assert found.loc[2, ["knee", "low", "high"]].tolist() == [2, 2, 2]


def test_what_moves_along_with_an_axis_is_no_axis_of_its_own() -> None:
    study = Study.parse(
        {
            "name": "zipped",
            "base": "chat-8b",
            "axes": [{"engine.max_num_seqs": [1, 2, 3], "slo.ttft_s": [0.1, 0.2, 0.3]}],
            "metrics": ["ttft.p99"],
        }
    )
    rows = [
        {"engine.max_num_seqs": n, "slo.ttft_s": n / 10, "replication": r, "ttft.p99": min(n, 2)}
        for n in (1, 2, 3)
        for r in (0, 1)
    ]
    run = StudyRun(study=study, table=pd.DataFrame(rows), run_now=0)
    (row,) = knees(run, "ttft.p99", "engine.max_num_seqs").to_dict("records")
    assert row["knee"] == 2
    (row,) = least_enough(run, "ttft.p99", "engine.max_num_seqs").to_dict("records")
    assert row["enough"] == 2


def test_enough_is_the_least_that_cannot_be_told_from_the_best() -> None:
    run = run_of(
        {
            (4, 1): [1.0, 1.2, 1.1],  # shown to be worse
            (8, 1): [2.0, 2.3, 2.1],  # not shown to be worse
            (16, 1): [2.1, 2.2, 2.2],  # best
            (32, 1): [2.05, 2.1, 2.15],
        }
    )
    (row,) = least_enough(run, "ttft.p99", "engine.max_num_seqs").to_dict("records")
    assert (row["best"], row["enough"]) == (16, 8)


def test_a_sure_difference_that_is_too_small_to_matter_is_enough() -> None:
    run = run_of({(4, 1): [0.998, 1.098, 1.198], (8, 1): [1.0, 1.1, 1.2]})
    (row,) = least_enough(run, "ttft.p99", "engine.max_num_seqs").to_dict("records")
    assert row["enough"] == 4
    (row,) = least_enough(run, "ttft.p99", "engine.max_num_seqs", 1e-4).to_dict("records")
    assert row["enough"] == 8


def test_the_least_latency_is_the_best_if_less_is_better() -> None:
    run = run_of({(4, 1): [1.0, 1.1], (8, 1): [2.0, 2.2]})
    (row,) = least_enough(run, "ttft.p99", "engine.max_num_seqs", more_is_better=False).to_dict(
        "records"
    )
    assert row["best"] == row["enough"] == 4


def test_it_reads_the_studies_of_the_shelf() -> None:
    folder = Path(__file__).parents[2] / "experiments" / "studies"
    assert len(list(folder.glob("batch-*.yaml"))) >= 3
