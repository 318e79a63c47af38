"""Numbers in a terminal are rounded, never wrong, and unknown ones are dashes."""

import math
from io import StringIO

import pytest
from rich.console import Console
from rich.table import Table

from experiments.telling import Line, compare_table, dollars, latency_table, look_up, number, share


def shown(table: Table) -> str:
    console = Console(file=StringIO(), width=120)
    console.print(table)
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (12, "12"),
        (1234567.0, "1,234,567"),
        (0.5, "0.500"),
        (999.6, "1,000"),
        (1e-6, "0.00000100"),
        (-2.5, "-2.50"),
    ],
)
def test_a_number_has_three_digits_that_matter(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize("write", [number, share, dollars])
@pytest.mark.parametrize("unknown", [math.nan, math.inf, None])
def test_what_is_unknown_is_a_dash(write, unknown) -> None:  # type: ignore[no-untyped-def]
    assert write(unknown) == "–"


def test_a_path_that_is_not_there_is_unknown() -> None:
    assert math.isnan(look_up({"a": {"b": 1}}, "a.c"))
    assert math.isnan(look_up({"a": {"b": 1}}, "a.b.c"))
    assert math.isnan(look_up({"a": None}, "a"))
    assert look_up({"a": [4, 5]}, "a.1") == 5
    assert math.isnan(look_up({"a": [4, 5]}, "a.2"))


def test_a_unit_in_brackets_is_shown() -> None:
    lines = [Line("speed [m/s]", "v", number)]
    assert "speed [m/s]" in shown(compare_table("how [fast]", lines, {"[one]": {"v": 1}}))


def test_a_line_that_nobody_knows_is_left_out() -> None:
    lines = [Line("here", "v", number), Line("nowhere", "w", number)]
    assert "nowhere" not in shown(compare_table("t", lines, {"one": {"v": 1}}))


def test_a_line_that_is_zero_everywhere_can_be_left_out() -> None:
    lines = [Line("always", "v", number), Line("seldom", "w", number, always=False)]
    without = shown(compare_table("t", lines, {"one": {"v": 0, "w": 0.0}}))
    assert "always" in without
    assert "seldom" not in without
    assert "seldom" in shown(compare_table("t", lines, {"one": {"v": 0, "w": 0}, "two": {"w": 1}}))


def test_latencies_are_in_milliseconds() -> None:
    found = dict.fromkeys(("mean", "p50", "p90", "p95", "p99"), 0.25)
    keys = ("queue_s", "ttft_s", "tpot_s", "itl_s", "e2e_s")
    assert "250" in shown(latency_table({"latency": dict.fromkeys(keys, found)}))
