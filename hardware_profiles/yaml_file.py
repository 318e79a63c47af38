"""YAML as people mean it: `1e3` is a number, `no` a word, keys are unique, errors have a line.

PyYAML reads YAML 1.1. Four of its readings surprise: ``1e3`` is a string, ``no`` is false, ``1:30``
is ninety, ``010`` is eight. Here numbers and booleans follow the YAML 1.2 core schema instead.
"""

import re
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from hardware_profiles.errors import InputError

__all__ = ["YamlMapping", "load_yaml", "parse_yaml"]


class YamlMapping(dict[str, Any]):
    """A dict that remembers the file it came from, and the line of each of its keys."""

    path: str = ""
    line: int = 0
    lines: dict[str, int]


class _Loader(yaml.SafeLoader):
    """Safe loader with YAML 1.2 scalars, unique keys and line numbers."""

    yaml_implicit_resolvers = {
        first: [
            (tag, pattern)
            for tag, pattern in resolvers
            if tag.rpartition(":")[2] not in ("bool", "int", "float")
        ]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def _fail(problem: str, mark: yaml.Mark) -> yaml.MarkedYAMLError:
    return yaml.constructor.ConstructorError(None, None, problem, mark)


def _problem(error: yaml.MarkedYAMLError) -> str:
    if isinstance(error, yaml.composer.ComposerError) and error.context:
        return f"{error.context}, {error.problem}"
    return error.problem or error.context or "not YAML"


def _mapping(loader: _Loader, node: yaml.MappingNode) -> YamlMapping:
    lines: dict[str, int] = {}
    for key_node, _ in node.value:
        if key_node.tag == "tag:yaml.org,2002:merge":
            continue
        key = loader.construct_object(key_node, deep=True)
        mark = key_node.start_mark
        if not isinstance(key, Hashable):
            raise _fail("a key must be a plain word", mark)
        if str(key) in lines:
            first = lines[str(key)]
            raise _fail(f"the key {str(key)!r} is given twice (first on line {first})", mark)
        lines[str(key)] = mark.line + 1
    loader.flatten_mapping(node)
    plain = loader.construct_mapping(node, deep=True)
    mapping = YamlMapping({str(key): value for key, value in plain.items()})
    mapping.path, mapping.line, mapping.lines = loader.name, node.start_mark.line + 1, lines
    return mapping


def _timestamp(loader: _Loader, node: yaml.ScalarNode) -> object:
    try:
        return loader.construct_yaml_timestamp(node)
    except ValueError as error:
        raise _fail(f"{node.value!r} is no date: {error}", node.start_mark) from None


def _int(loader: _Loader, node: yaml.ScalarNode) -> int:
    try:
        return int(str(loader.construct_scalar(node)))
    except ValueError:
        raise _fail("a whole number with too many digits", node.start_mark) from None


_SIGN = list("-+0123456789")
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:int", re.compile(r"^[-+]?[0-9]+(?:_[0-9]+)*$"), _SIGN
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(
        r"^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:_[0-9]+)*\.[0-9]*)(?:[eE][-+]?[0-9]+)?"
        r"|[-+]?[0-9]+[eE][-+]?[0-9]+|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
    ),
    [*_SIGN, "."],
)
_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)
_Loader.add_constructor("tag:yaml.org,2002:timestamp", _timestamp)
_Loader.add_constructor("tag:yaml.org,2002:int", _int)


def parse_yaml(text: str | bytes, where: str = "") -> Any:
    """Value of one YAML text; mappings in it remember their lines.

    Parameters
    ----------
    text : the YAML itself.
    where : what to call it in an error, e.g. the file's path.

    Raises
    ------
    InputError
        With ``where:line`` when the text is not YAML, repeats a key or nests without end.

    >>> parse_yaml("{rate: 1e3, country: no, checked: 2026-08-01}")["rate"]
    1000.0
    """
    loader: _Loader | None = None
    try:
        loader = _Loader(text)
        loader.name = where
        return loader.get_single_data()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}" if mark else ""
        raise InputError(f"{where}{line}: {_problem(error)}") from None
    except yaml.reader.ReaderError as error:
        raise InputError(f"{where}: not a YAML text file: {error.reason}") from None
    except RecursionError:
        raise InputError(f"{where}: nested too deeply to be read") from None
    finally:
        if loader is not None:
            loader.dispose()


def load_yaml(path: Path | str) -> YamlMapping:
    """Mapping held by a YAML file, each key's line remembered.

    Raises
    ------
    InputError
        If the file cannot be read, is not YAML, is empty, or holds something else than a mapping.
    """
    path = Path(path)
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None
    data = parse_yaml(text, str(path))
    if not isinstance(data, YamlMapping):
        found = "nothing" if data is None else f"a {type(data).__name__}"
        raise InputError(f"{path}: expected keys with values (`key: value`), found {found}")
    return data
