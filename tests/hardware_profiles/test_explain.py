"""What pydantic finds wrong is said in one line, with file, line and key."""

from typing import Annotated, Literal

import pytest
from pydantic import Field

from hardware_profiles.errors import InputError
from hardware_profiles.value import Value
from hardware_profiles.yaml_file import parse_yaml


class Walk(Value):
    """On foot."""

    kind: Literal["walk"] = "walk"
    speed_m_s: float = 1.4


class Ride(Value):
    """By some vehicle."""

    kind: Literal["ride"] = "ride"
    wheels: int = 2


class Trip(Value):
    """A way to get there, with stops."""

    by: Annotated[Walk | Ride, Field(discriminator="kind")]
    stops: list[Walk] = []
    max_hours: float = 1.0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "by: {kind: walk}\nmax_hour: 3",
            "t.yaml:2: there is no key 'max_hour'; "
            "did you mean 'max_hours'? There are: by, max_hours, stops",
        ),
        (
            "by:\n  kind: ride\n  wheel: 3",
            "t.yaml:3: there is no key 'by.wheel'; did you mean 'wheels'? There are: kind, wheels",
        ),
        (
            "by: {kind: rid}",
            "t.yaml:1: by: 'rid' is not a kind known here; "
            "did you mean 'ride'? There are: ride, walk",
        ),
        ("by: {}", "t.yaml:1: by: say which one with 'kind'"),
        (
            "by:\n  kind: ride\n  wheels: two",
            "t.yaml:3: by.wheels: input should be a valid integer",
        ),
        ("\nmax_hours: 3", "t.yaml:2: by: this key is needed and is not there"),
        ("by: 3", "t.yaml:1: by: "),
        (
            "by: {kind: walk}\nstops:\n  - speed_m_s: 1\n  - speed_m_s: x",
            "t.yaml:4: stops.1.speed_m_s: input should be a valid number",
        ),
        ("by: {kind: walk}\nmax_hours: [1]\nstops: 3", "t.yaml:3: stops: "),
    ],
)
def test_one_line_says_where_and_what(text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        Trip.parse(parse_yaml(text, "t.yaml"))
    found = str(caught.value)
    assert "\n" not in found
    assert message in found or found.startswith(message)


def test_further_errors_are_counted() -> None:
    with pytest.raises(InputError, match=r"\(and 1 more\)$"):
        Trip.parse({"by": {"kind": "ride", "wheels": "x"}, "max_hours": "x"})


def test_without_a_file_the_key_is_enough() -> None:
    with pytest.raises(InputError) as caught:
        Trip.parse({"by": {"kind": "ride", "wheels": "x"}})
    assert str(caught.value).startswith("by.wheels: ")
