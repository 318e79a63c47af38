"""A profile is its name, the entry written out, or an entry with some keys changed."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest

from hardware_profiles.errors import InputError
from hardware_profiles.profile import Positive, Profile
from hardware_profiles.value import Value
from hardware_profiles.yaml_file import parse_yaml

ENTRY = "name: {name}\naliases: [{alias}]\nsource: here\nchecked: 2026-01-01\nconfidence: A\n"


@pytest.fixture
def kettle(tmp_path: Path) -> type[Profile]:
    for name, alias, watts in [("small", "Travel-Kettle", "900"), ("big", "urn", "3e3")]:
        text = ENTRY.format(name=name, alias=alias) + f"watts: {watts}\nsizes: {{cup: 1, pot: 4}}\n"
        (tmp_path / f"{name}.yaml").write_text(text)

    class Kettle(Profile):
        shelf: ClassVar[Path] = tmp_path
        watts: Positive
        sizes: dict[str, int]

    return Kettle


def written_out(**changes: Any) -> dict[str, Any]:
    entry = {"name": "mine", "source": "a guess", "checked": date(2026, 1, 1), "confidence": "C"}
    return {**entry, "watts": 5, "sizes": {}, **changes}


def test_a_name_an_alias_and_the_entry_written_out_are_the_same(kettle: type[Profile]) -> None:
    Kettle = kettle

    class Kitchen(Value):
        kettle: Kettle  # type: ignore[valid-type]

    by_name = Kitchen.parse({"kettle": "small"})
    assert by_name == Kitchen.parse({"kettle": "travel-KETTLE"})
    assert by_name == Kitchen.parse(by_name.model_dump())
    assert by_name.kettle == kettle.named("small")


def test_names_are_in_order(kettle: type[Profile]) -> None:
    assert kettle.names() == ("big", "small")


def test_an_unknown_name_is_told_the_nearest_and_all(kettle: type[Profile]) -> None:
    with pytest.raises(InputError) as caught:
        kettle.named("smal")
    assert str(caught.value) == (
        "no Kettle is called 'smal'; did you mean 'small'? There are: big, small"
    )


@pytest.mark.parametrize("name", ["", "../small", "/etc/passwd", "small.yaml", "*"])
def test_a_name_cannot_leave_the_shelf(kettle: type[Profile], name: str) -> None:
    with pytest.raises(InputError, match="no Kettle is called"):
        kettle.named(name)


def test_like_changes_some_keys_and_says_so(kettle: type[Profile]) -> None:
    changed = kettle.parse({"like": "big", "watts": 2000, "sizes": {"pot": 5}})
    assert changed.model_dump(include={"name", "watts", "sizes", "confidence"}) == {
        "name": "big",
        "watts": 2000,
        "sizes": {"cup": 1, "pot": 5},
        "confidence": "C",
    }
    assert changed.source == "here; changed here: sizes, watts"
    assert kettle.parse({"like": "big"}) == kettle.named("big")


def test_like_wants_a_name(kettle: type[Profile]) -> None:
    with pytest.raises(InputError, match="like: expected the name of a Kettle, found 3"):
        kettle.parse({"like": 3})
    with pytest.raises(InputError, match="no Kettle is called 'bog'"):
        kettle.parse({"like": "bog"})


def test_the_source_is_needed(kettle: type[Profile]) -> None:
    entry = written_out()
    del entry["source"]
    with pytest.raises(InputError, match="source: this key is needed and is not there"):
        kettle.parse(entry)
    with pytest.raises(InputError, match="source: string should have at least 1 character"):
        kettle.parse(written_out(source="  "))


def test_a_date_in_the_future_is_refused(kettle: type[Profile]) -> None:
    with pytest.raises(InputError, match=r"checked: .* lies in the future"):
        kettle.parse(written_out(checked=date.today() + timedelta(days=2)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"confidence": "D"}, "confidence: input should be 'A', 'B' or 'C', found 'D'"),
        ({"watts": 0}, "watts: input should be greater than 0, found 0"),
        ({"watts": float("nan")}, "watts: input should be .*, found nan"),
        ({"watts": float("inf")}, "watts: input should be a finite number, found inf"),
        ({"wats": 3}, "there is no key 'wats'; did you mean 'watts'?"),
        ({"sizes": {"cup": "x"}}, r"sizes\.cup: input should be a valid integer"),
    ],
)
def test_a_bad_value_is_named(kettle: type[Profile], changes: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        kettle.parse(written_out(**changes))


def test_an_entry_is_called_as_its_file(kettle: type[Profile]) -> None:
    (kettle.shelf / "tall.yaml").write_text(ENTRY.format(name="high", alias="x"))
    with pytest.raises(InputError, match=r"tall\.yaml: name: expected 'tall' .*, found 'high'"):
        kettle.named("tall")


def test_a_fault_on_the_shelf_is_told_with_its_file_and_line(kettle: type[Profile]) -> None:
    text = ENTRY.format(name="tall", alias="x") + "sizes: {}\nwatts: many\n"
    (kettle.shelf / "tall.yaml").write_text(text)

    Kettle = kettle

    class Kitchen(Value):
        kettle: Kettle  # type: ignore[valid-type]

    with pytest.raises(InputError, match=r"f\.yaml:2: kettle: .*tall\.yaml:7: watts: .*'many'"):
        Kitchen.parse(parse_yaml("\nkettle: tall", "f.yaml"))


def test_a_value_cannot_be_changed(kettle: type[Profile]) -> None:
    with pytest.raises(ValueError, match="frozen"):
        kettle.named("small").watts = 3.0  # type: ignore[attr-defined]
