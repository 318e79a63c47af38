"""A user's own calibration: refused in one line, or written with an honest error and usable."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from experiments.calibration_command import calibrate_command, own_experiment
from experiments.calibration_files import read_listed
from hardware_profiles.calibration import Calibration
from hardware_profiles.errors import InputError


def requests(scale: float = 1.0, **changes: Any) -> pd.DataFrame:
    arrival = np.arange(24) * 0.5
    ttft = np.full(24, 0.03)
    columns: dict[str, Any] = {
        "arrival_s": arrival, "input_tokens": 200, "output_tokens": 50,
        "ttft_s": scale * ttft, "e2e_s": scale * (ttft + 49 * 0.0075),
    }  # fmt: skip
    return pd.DataFrame(columns | changes)


def calibrated(folder: Path, rows: pd.DataFrame) -> list[Path]:
    path = folder / "mine.csv"
    rows.to_csv(path, index=False)
    console = Console(quiet=True)
    return calibrate_command([path], folder / "out", console, "llama-3.1-8b", "h100-sxm", seeds=1)


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (requests(ttft_s=-0.1), r"mine\.csv:2: ttft_s: expected a number from 0"),
        (requests(ttft_s=np.nan), r"ttft_s: expected a number from 0 to \d+, found nothing"),
        (requests(input_tokens=20.5), r"mine\.csv:2: input_tokens: expected a whole number"),
        (requests(ttft_s=0.0, e2e_s=0.0), "expected more than 0"),
        (requests(ttft_s=0.4, e2e_s=0.4), "expected more than 0"),
        (requests(output_tokens=1), "nothing to fit"),
        (requests(scale=1e3), "far from what is likely"),
    ],
)
def test_what_cannot_be_fitted_is_refused_and_nothing_is_written(
    tmp_path: Path, rows: pd.DataFrame, says: str
) -> None:
    with pytest.raises(InputError, match=says):
        calibrated(tmp_path, rows)
    assert not (tmp_path / "out").exists()


def test_one_run_of_ones_own_is_no_surer_than_the_shelf_and_can_be_used(tmp_path: Path) -> None:
    path, _ = calibrated(tmp_path, requests())
    own, shelf = Calibration.named(str(path)), Calibration.named("vllm-h100-sxm")
    assert (own.name, own.engine, own.confidence) == ("own-h100-sxm", "vllm", "C")
    assert own.errors.keys() >= shelf.errors.keys()
    for metric, error in shelf.errors.items():
        assert own.errors[metric].spread_pct >= error.spread_pct


BENCH: dict[str, Any] = {
    "model_id": "meta-llama/Llama-3.1-8B-Instruct", "start_times": [10.0, 10.5],
    "input_lens": [100, 50], "output_lens": [3, 2], "ttfts": [0.2, 0.1],
    "itls": [[0.1, 0.1], [0.3]], "errors": ["", ""],
}  # fmt: skip


def test_the_model_of_a_benchmark_is_read_from_it(tmp_path: Path) -> None:
    path = tmp_path / "bench.json"
    path.write_text(json.dumps(BENCH))
    assert own_experiment(path, None, "l4", {}).model.name == "llama-3.1-8b"
    with pytest.raises(InputError, match="says no GPU; give it: --gpu"):
        own_experiment(path, None, None, {})


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"errors": [""]}, "errors: expected an array of 2"),
        ({"errors": "none"}, "errors: expected an array of 2"),
        ({"ttfts": [0.2, -0.1]}, r"bench\.json: request 1: ttft_s: expected a number from 0"),
    ],
)
def test_a_benchmark_that_cannot_be_is_refused_by_request(
    tmp_path: Path, changes: dict[str, Any], says: str
) -> None:
    path = tmp_path / "bench.json"
    path.write_text(json.dumps(BENCH | changes))
    with pytest.raises(InputError, match=says):
        read_listed(path)
