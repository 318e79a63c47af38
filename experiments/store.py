"""A folder of small finished answers by key: whole or not there, and computed by one at a time."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hardware_profiles.errors import InputError

__all__ = ["Store", "hash_of", "write_whole"]

KEY_DIGITS = 15
"""Hexadecimal digits of a key that name its lock: 60 bits, which a file offset can hold."""


def hash_of(content: Mapping[str, Any]) -> str:
    """Key of a mapping of plain values: the same content, whatever its order, has the same key.

    >>> hash_of({"a": 1, "b": 2}) == hash_of({"b": 2, "a": 1})
    True
    """
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def write_whole(path: Path, content: bytes) -> None:
    """Write a file that others see whole or not at all, even if this process is killed."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        partial.unlink(missing_ok=True)


class Store:
    """One JSON file an answer, in a folder that several processes may share.

    A file is renamed into place when it is complete, so a reader never sees half of one. `claim`
    holds a lock that the system lets go when its process dies, however it dies.
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)

    def open(self) -> Store:
        """Make the folder if it is not there.

        Raises
        ------
        InputError
            If it cannot be made.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            told = error.strerror or error
            raise InputError(f"{self.folder}: cannot be written: {told}") from error
        return self

    def get(self, key: str) -> dict[str, Any] | None:
        """The answer, or None if it is not there or is not one of ours."""
        try:
            found = json.loads(self._path(key).read_bytes())
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) and found.get("key") == key else None

    def put(self, key: str, answer: Mapping[str, Any]) -> None:
        """Keep an answer of plain values under its key."""
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"key": key, **answer}, indent=1, allow_nan=False)
        write_whole(path, text.encode() + b"\n")

    @contextmanager
    def claim(self, key: str) -> Iterator[None]:
        """Wait until nobody else is working on `key`; a process claims one key at a time."""
        with (self.folder / ".claims").open("ab") as file:
            fcntl.lockf(file, fcntl.LOCK_EX, 1, int(key[:KEY_DIGITS], 16))
            yield

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.json"
