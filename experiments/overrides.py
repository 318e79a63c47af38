"""`--set path=value`: one value of a scenario, given on the command line and read as YAML."""

from collections.abc import Iterable
from typing import Any

from hardware_profiles.errors import InputError
from hardware_profiles.yaml_file import parse_yaml

__all__ = ["read_overrides"]


def read_overrides(settings: Iterable[str]) -> dict[str, Any]:
    """Values by dotted path.

    Raises
    ------
    InputError
        If a setting is not ``path=value``, its value is not YAML, or a path is set twice.

    >>> read_overrides(["replicas=4", "engine.max_num_seqs=64", "name=a=b"])
    {'replicas': 4, 'engine.max_num_seqs': 64, 'name': 'a=b'}
    """
    overrides: dict[str, Any] = {}
    for setting in settings:
        path, equals, value = setting.partition("=")
        path = path.strip()
        if not equals or not all(path.split(".")):
            raise InputError(
                f"--set {setting}: expected PATH=VALUE, such as engine.max_num_seqs=64"
            )
        if path in overrides:
            raise InputError(f"--set {path}: given twice")
        overrides[path] = parse_yaml(value, f"--set {path}")
    return overrides
