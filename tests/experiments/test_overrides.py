"""`--set path=value` is read as YAML, and says what is wrong with it."""

import pytest

from experiments.overrides import read_overrides
from hardware_profiles.errors import InputError


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("a.b=1e3", 1000.0),
        ("a.b=3", 3),
        ("a.b=null", None),
        ("a.b=", None),
        ("a.b=no", "no"),
        ("a.b=true", True),
        ("a.b={kind: fixed, tokens: 3}", {"kind": "fixed", "tokens": 3}),
        ("a.b='1'", "1"),
    ],
)
def test_a_value_is_yaml(setting: str, value: object) -> None:
    found = read_overrides([setting])
    assert found == {"a.b": value}
    assert type(found["a.b"]) is type(value) or isinstance(value, dict)


@pytest.mark.parametrize("setting", ["replicas", "=3", "", "a..b=3", ".a=3", "a.=3"])
def test_what_is_no_setting_is_refused(setting: str) -> None:
    with pytest.raises(InputError, match="expected PATH=VALUE"):
        read_overrides([setting])


def test_a_value_that_is_no_yaml_is_refused() -> None:
    with pytest.raises(InputError, match=r"^--set a\.b:1: "):
        read_overrides(["a.b=[1"])


def test_a_path_is_set_once() -> None:
    with pytest.raises(InputError, match="--set a: given twice"):
        read_overrides(["a=1", "a=1"])
