"""A folder that is written whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hardware_profiles.errors import InputError

__all__ = ["whole_folder"]


@contextmanager
def whole_folder(target: Path, marker: str) -> Iterator[Path]:
    """A fresh folder to write into, which takes the place of `target` once the block succeeds.

    If the block raises, nothing is left behind and an older `target` stays as it was.

    Parameters
    ----------
    target : folder to write; its parents are made as needed.
    marker : name of a file by which a folder is known as ours and may be replaced.

    Raises
    ------
    InputError
        If `target` is a file, or holds something that this program did not write.
    """
    target = Path(os.path.abspath(target))  # noqa: PTH100 - resolve() would follow a link away
    _refuse_foreign(target, marker)
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        partial.mkdir(parents=True)
        yield partial
        _replace(target, partial)
    except OSError as error:
        raise InputError(f"{target}: cannot be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _refuse_foreign(target: Path, marker: str) -> None:
    if not target.exists():
        return
    if not target.is_dir():
        raise InputError(f"{target}: is a file; name a folder to write into")
    if any(target.iterdir()) and not (target / marker).exists():
        raise InputError(
            f"{target}: holds other files (no {marker} among them); name a new or an empty folder"
        )


def _replace(target: Path, partial: Path) -> None:
    if not target.exists():
        partial.rename(target)
        return
    old = partial.with_suffix(".old")
    target.rename(old)
    partial.rename(target)
    shutil.rmtree(old, ignore_errors=True)
