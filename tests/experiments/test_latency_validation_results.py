"""The results of the validation: complete, within what was to be reached, and drawn."""

import matplotlib as mpl
import pytest

from experiments.calibration import METRICS, errors_of
from experiments.latency_validation_figures import errors_beside_peers, predicted_against_measured
from experiments.latency_validation_results import FITS, error_summary, load_peers, load_replays
from hardware_profiles.calibration import Calibration

mpl.use("Agg")
WITHIN = {"tpot_ms_mean": 4, "e2e_ms_mean": 4, "ttft_ms_mean": 7, "e2e_ms_p99": 8}


@pytest.mark.parametrize(("metric", "most"), WITHIN.items())
def test_the_errors_are_within_what_was_to_be_reached(metric: str, most: float) -> None:
    ours = error_summary().loc[FITS["all"]]
    assert ours["experiments"] == 29
    assert ours[metric] <= most


@pytest.mark.parametrize(("metric", "most"), WITHIN.items())
def test_a_model_left_out_is_predicted_nearly_as_well(metric: str, most: float) -> None:
    assert error_summary().loc[FITS["without_model"], metric] <= most + 1


def test_the_two_replays_request_by_request_are_near() -> None:
    rows = load_replays()
    rows = rows[(rows["fit"] == "all") & (rows["gpu"] == "rtx-pro-6000")]
    errors = rows.pivot_table(index="model", columns="metric", values="ape_pct")
    assert len(errors) == 2
    assert (errors["tpot_ms_mean"] < 3).all()
    assert (errors[["ttft_ms_mean", "e2e_ms_mean"]] < 5).all(axis=None)


def test_the_errors_in_the_calibrations_are_those_of_these_replays() -> None:
    rows = load_replays()
    tables = {fit: rows[rows["fit"] == fit] for fit in FITS}
    for gpu in sorted(set(rows["gpu"])):
        mine = {fit: table[table["gpu"] == gpu] for fit, table in tables.items()}
        expected = errors_of(mine["all"], mine["without_model"], mine["without_gpu"])
        shipped = Calibration.named(f"vllm-{gpu}").errors
        for metric in METRICS:
            assert shipped[metric].mean_ape_pct == pytest.approx(
                expected[metric].mean_ape_pct, abs=0.02
            )


def test_nobody_else_is_nearer() -> None:
    table = error_summary()
    ours = table.loc[FITS["without_model"]]
    for metric in WITHIN:
        assert (
            table.loc[sorted(set(load_peers()["simulator"])), metric].dropna() > ours[metric]
        ).all()


def test_the_pictures_can_be_drawn() -> None:
    assert len(predicted_against_measured().axes) == 4
    assert len(errors_beside_peers().axes) == 4
    mpl.pyplot.close("all")
