"""Prices come in from SkyPilot's table, and what is wrong in it is told with its line."""

from datetime import date
from pathlib import Path

import pytest

from hardware_profiles.errors import InputError
from hardware_profiles.price_import import read_skypilot

HEAD = "InstanceType,AcceleratorName,AcceleratorCount,vCPUs,MemoryGiB,Price,SpotPrice,Region\n"
ROWS = """gpu-h100-sxm_8,H100,8,128,1600,23.6,10.0,eu-north1
gpu-h100-sxm_1,H100,1,16,200,2.95,1.25,eu-north1
gpu-h100-sxm_1,H100,1,16,200,3.10,,us-central1
cpu-d3,,,4,16,0.1,,eu-north1
gpu-tpu,TPUv5,8,1,1,9,9,eu-north1
gpu-l40s,L40S,1,8,32,1.55,,eu-north1
"""
DAY = date(2026, 11, 22)


def write(folder: Path, text: str) -> Path:
    path = folder / "vms.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_cheapest_row_per_gpu_becomes_an_offer(tmp_path: Path) -> None:
    found = read_skypilot(write(tmp_path, HEAD + ROWS), "nebius", DAY)
    assert {(o.name, o.usd_per_gpu_hour) for o in found} == {
        ("nebius-h100-sxm-on-demand", 2.95),
        ("nebius-h100-sxm-spot", 1.25),
        ("nebius-l40s-on-demand", 1.55),
    }
    assert all(o.checked == DAY and "line" in o.source for o in found)


def test_one_region_can_be_asked_for(tmp_path: Path) -> None:
    found = read_skypilot(write(tmp_path, HEAD + ROWS), "nebius", DAY, region="us-central1")
    assert [(o.mode, o.usd_per_gpu_hour) for o in found] == [("on_demand", 3.10)]


def test_a_byte_order_mark_and_foreign_line_ends_do_not_matter(tmp_path: Path) -> None:
    text = "\ufeff" + (HEAD + ROWS).replace("\n", "\r\n")
    assert len(read_skypilot(write(tmp_path, text), "nebius", DAY)) == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEAD.replace("Price,SpotPrice", "Cost"), "vms.csv:1: no column Price, SpotPrice"),
        (HEAD + "x,H100,1,1,1,cheap,,r\n", "vms.csv:2: Price: expected .* found 'cheap'"),
        (HEAD + "x,H100,1,1,1,-2,,r\n", "vms.csv:2: Price: .* found '-2'"),
        (HEAD + "x,H100,1,1,1,nan,,r\n", "vms.csv:2: Price: .* found 'nan'"),
        (HEAD + "x,H100,0,1,1,2,,r\n", "vms.csv:2: AcceleratorCount: expected a number above 0"),
        (HEAD + "x,H100,1,1,1,5000,,r\n", "usd_per_gpu_hour: .*less than or equal to 1000"),
        ("", "vms.csv:1: no column"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_skypilot(write(tmp_path, text), "nebius", DAY)


def test_a_day_to_come_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="lies in the future"):
        read_skypilot(write(tmp_path, HEAD + ROWS), "nebius", date(2999, 1, 1))
