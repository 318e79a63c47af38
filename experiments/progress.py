"""A bar with the time left, for what takes more than two seconds and is watched by somebody."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

__all__ = ["watched"]

PATIENCE_S = 2.0


@contextmanager
def watched(
    what: str, console: Console | None = None, clock: Callable[[], float] = time.monotonic
) -> Iterator[Callable[[float], None]]:
    """Yield a function to call with the share that is done, 0 to 1.

    Nothing is shown before two seconds have passed, nor where stderr is not a terminal.
    """
    console = console or Console(stderr=True)
    if not console.is_terminal:
        yield lambda done: None
        return
    columns = (TextColumn(what), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=console, transient=True, get_time=clock)
    task = bar.add_task(what, total=1.0)
    begin = clock()
    shown = False

    def show(done: float) -> None:
        nonlocal shown
        if not shown and clock() - begin >= PATIENCE_S:
            bar.start()
            shown = True
        if shown:
            bar.update(task, completed=done)

    try:
        yield show
    finally:
        if shown:
            bar.stop()
