"""A target is a bound on a metric that is known, read the right way round."""

import math
from typing import Any

import pytest
from pydantic import TypeAdapter

from experiments.targets import Target, Targets, told
from hardware_profiles.errors import InputError


def read(data: Any) -> tuple[Target, ...]:
    found: tuple[Target, ...] = TypeAdapter(Targets).validate_python(data)
    return found


def test_a_bare_number_is_an_upper_bound() -> None:
    (target,) = read({"ttft.p99": 0.5})
    assert target == Target(metric="ttft.p99", at_most=0.5)


def test_excess_is_a_share_of_the_bound_and_negative_within_it() -> None:
    share = Target(metric="goodput.share", at_least=0.8)
    assert share.excess(0.6) == pytest.approx(0.25)
    assert share.excess(1.0) < 0
    both = Target(metric="busy_share", at_least=0.2, at_most=0.8)
    assert both.excess(0.5) < 0 < both.excess(0.9)
    assert both.excess(0.1) > 0


def test_what_cannot_be_said_keeps_no_bound() -> None:
    assert Target(metric="ttft.p99", at_most=0.5).excess(math.nan) == math.inf


def test_targets_are_told_with_units() -> None:
    text = told(read({"tpot.p95": 0.05, "goodput.share": {"at_least": 0.99}}))
    assert text == "TPOT p95 ≤ 50 ms, completed within the SLO ≥ 99 %"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"ttft.p98": 0.5}, "no metric is called 'ttft.p98'"),
        ({"goodput.share": 0.99}, "say which with {at_least: 0.99}"),
        ({"ttft.p99": {}}, "say at_most, at_least, or both"),
        ({"ttft.p99": {"most": 1}}, "there is no key 'most'"),
        ({"ttft.p99": {"at_least": 2, "at_most": 1}}, r"at_least \(2\) is above at_most"),
        ({"ttft.p99": float("nan")}, "finite"),
        ({"ttft.p99": "fast"}, "found 'fast'"),
    ],
)
def test_what_is_no_target_is_refused(data: Any, message: str) -> None:
    with pytest.raises((InputError, ValueError), match=message):
        read(data)
