"""What goes wrong through no fault of the program is one line on stderr and exit code 2."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import ParamSpec, TypeVar

import typer
from pydantic import ValidationError

from hardware_profiles.errors import InputError
from hardware_profiles.explain import explain

__all__ = ["in_one_line", "of_file"]

P = ParamSpec("P")
R = TypeVar("R")


def in_one_line(command: Callable[P, R]) -> Callable[P, R]:
    """Let a command end in one clear line where it would end in a traceback.

    Input that is wrong, files that cannot be read or written: exit code 2. Ctrl-C: 130. What is
    left is a fault of ours and keeps its traceback.
    """

    @wraps(command)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except InputError as error:
            raise _leave(str(error), 2) from error
        except ValidationError as error:
            raise _leave(str(explain(error)), 2) from error
        except OSError as error:
            raise _leave(_told(error), 2) from error
        except KeyboardInterrupt as error:
            raise _leave("stopped; nothing was written", 130) from error

    return guarded


@contextmanager
def of_file(path: Path) -> Iterator[None]:
    """What turns out to be wrong only when a file's scenario runs is told with that file."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _leave(message: str, code: int) -> typer.Exit:
    line = " ".join(message.split())
    typer.echo(f"servecast: {line}", err=True)
    return typer.Exit(code)


def _told(error: OSError) -> str:
    name = f"{error.filename}: " if error.filename else ""
    return f"{name}{error.strerror or error}"
