"""YAML is read as people mean it, and errors say where."""

from pathlib import Path

import pytest

from hardware_profiles.errors import InputError
from hardware_profiles.yaml_file import YamlMapping, load_yaml, parse_yaml


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("1e3", 1000.0),
        ("1.5e-3", 0.0015),
        (".5", 0.5),
        ("-2.", -2.0),
        ("010", 10),
        ("1_000", 1000),
        ("no", "no"),
        ("on", "on"),
        ("true", True),
        ("1:30", "1:30"),
        ("'1e3'", "1e3"),
        ("~", None),
    ],
)
def test_a_scalar_means_what_it_looks_like(text: str, meant: object) -> None:
    found = parse_yaml(f"key: {text}")["key"]
    assert found == meant
    assert type(found) is type(meant)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nb: 2\na: 3", "f.yaml:3: the key 'a' is given twice (first on line 1)"),
        ("a:\n  b: 1\n  b: 2", "f.yaml:3: the key 'b' is given twice (first on line 2)"),
        ("a: 1\nb: [1", "f.yaml:2: "),
        ("a: 2026-13-45", "f.yaml:1: '2026-13-45' is no date"),
        ("a: &x [*x]", "f.yaml:1: "),
        ("? [1, 2]\n: 3", "f.yaml:1: a key must be a plain word"),
        ("a: !!python/object/apply:os.system [ls]", "f.yaml:1: "),
        ("a: 1\n---\nb: 2", "f.yaml:2: expected a single document"),
        ("a: " + "9" * 5000, "f.yaml:1: a whole number with too many digits"),
        ("[" * 5000, "f.yaml: nested too deeply"),
    ],
)
def test_bad_yaml_is_told_its_line(text: str, expected: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_yaml(text, "f.yaml")
    message = str(caught.value)
    assert message.startswith(expected)
    assert "\n" not in message


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(tmp_path: Path) -> None:
    file = tmp_path / "f.yaml"
    file.write_bytes(b"\xef\xbb\xbfa: 1\r\nb:\r\n  c: 2\r\n")
    data = load_yaml(file)
    assert data == {"a": 1, "b": {"c": 2}}
    assert data.lines == {"a": 1, "b": 2}
    assert data["b"].lines == {"c": 3}


def test_a_merged_mapping_can_be_overridden() -> None:
    data = parse_yaml("base: &base {rate: 1}\nmine:\n  <<: *base\n  rate: 2")
    assert data["mine"] == {"rate": 2}


def test_lines_are_remembered_below_a_list() -> None:
    data = parse_yaml("all:\n  - a: 1\n  - a: 2", "f.yaml")
    assert isinstance(data["all"][1], YamlMapping)
    assert data["all"][1].lines == {"a": 3}


@pytest.mark.parametrize(
    ("content", "found"),
    [(b"", "nothing"), (b"# only a comment\n", "nothing"), (b"- 1\n", "a list"), (b"3", "a int")],
)
def test_a_file_without_keys_is_refused(tmp_path: Path, content: bytes, found: str) -> None:
    file = tmp_path / "f.yaml"
    file.write_bytes(content)
    with pytest.raises(InputError, match=f"expected keys with values .*, found {found}"):
        load_yaml(file)


def test_a_missing_file_a_folder_and_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.yaml: there is no such file"):
        load_yaml(tmp_path / "gone.yaml")
    with pytest.raises(InputError, match="cannot be read"):
        load_yaml(tmp_path)
    (tmp_path / "f.yaml").write_bytes(b"\x80\x81\x82")
    with pytest.raises(InputError, match="not a YAML text file"):
        load_yaml(tmp_path / "f.yaml")
