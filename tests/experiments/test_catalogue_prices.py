"""Offers from a price table: one command, all of them or none."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from experiments.catalogue import SHELVES
from experiments.cli import app
from hardware_profiles.offer import Offer

TABLE = """InstanceType,AcceleratorName,AcceleratorCount,vCPUs,MemoryGiB,Price,SpotPrice,Region
h100-8,H100,8,128,1600,23.6,10.0,eu-north1
l40s-1,L40S,1,8,32,1.55,,eu-north1
"""


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "vms.csv"
    path.write_text(TABLE, encoding="utf-8")
    return path


def run(*arguments: object) -> tuple[int, str, str]:
    found = CliRunner().invoke(app, ["catalogue", *map(str, arguments)])
    return found.exit_code, found.stdout, found.stderr


def test_each_gpu_and_mode_becomes_an_offer_that_can_be_read(table: Path, tmp_path: Path) -> None:
    out = tmp_path / "offers"
    code, told, _ = run(
        "add-prices", table, "--provider", "nebius", "--checked", "2026-11-22", "--out", out
    )
    assert code == 0
    assert "3 offers written" in told
    offers = {path.stem: Offer.parse(_read(path)) for path in out.iterdir()}
    assert offers["nebius-h100-sxm-spot"].usd_per_gpu_hour == pytest.approx(1.25)
    assert offers["nebius-h100-sxm-on-demand"].usd_per_gpu_hour == pytest.approx(2.95)
    assert "vms.csv" in offers["nebius-l40s-on-demand"].source


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--checked", "2026-11-22"], "needs --provider"),
        (["--provider", "x"], "needs --checked"),
        (["--provider", "x", "--checked", "yesterday"], "expected a day as 2026-11-22"),
        (["--provider", "x", "--checked", "2999-01-01"], "lies in the future"),
        (["--provider", "x", "--checked", "2026-11-22", "--region", "moon"], "no price of a GPU"),
    ],
)
def test_what_is_wrong_is_told_and_nothing_written(
    table: Path, tmp_path: Path, options: list[str], message: str
) -> None:
    out = tmp_path / "offers"
    code, _, told = run("add-prices", table, "--out", out, *options)
    assert code == 2
    assert message in told
    assert told.count("\n") == 1
    assert not out.exists()


def test_one_offer_that_is_there_keeps_all_from_being_written(table: Path, tmp_path: Path) -> None:
    out = tmp_path / "offers"
    out.mkdir()
    (out / "nebius-l40s-on-demand.yaml").write_text("mine", encoding="utf-8")
    options = ["--provider", "nebius", "--checked", "2026-11-22", "--out", out]
    code, _, told = run("add-prices", table, *options)
    assert code == 2
    assert "is there already" in told
    assert [path.read_text(encoding="utf-8") for path in out.iterdir()] == ["mine"]


def test_no_table_is_told() -> None:
    code, _, told = run("add-prices", "no.csv", "--provider", "x", "--checked", "2026-11-22")
    assert code == 2
    assert "no.csv: there is no such file" in told


@pytest.mark.parametrize("shelf", SHELVES)
def test_every_shelf_can_be_shown(shelf: str) -> None:
    code, told, _ = run(shelf)
    assert code == 0
    assert all(name[:12] in told for name in SHELVES[shelf].profile.names())


def test_sources_that_disagree_are_marked() -> None:
    _, told, _ = run("token-prices")
    (line,) = (each for each in told.splitlines() if "together-llama-3.3" in each)
    assert "0.88 ≠" in line


def _read(path: Path) -> object:
    import yaml

    return yaml.safe_load(path.read_text(encoding="utf-8"))
