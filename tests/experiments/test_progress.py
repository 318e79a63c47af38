"""The bar comes after two seconds, to a terminal only."""

from io import StringIO

from rich.console import Console

from experiments.progress import watched


class Clock:
    """Time that passes when told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def what_is_shown(terminal: bool, at_s: list[float]) -> str:
    written, clock = StringIO(), Clock()
    console = Console(file=written, force_terminal=terminal, width=80)
    with watched("simulating", console, clock) as show:
        for i, now in enumerate(at_s):
            clock.now = now
            show(i / len(at_s))
    return written.getvalue()


def test_what_is_quick_shows_nothing() -> None:
    assert what_is_shown(terminal=True, at_s=[0.0, 0.5, 1.9]) == ""


def test_what_is_slow_shows_how_far_it_is() -> None:
    shown = what_is_shown(terminal=True, at_s=[0.0, 1.0, 2.5, 3.0])
    assert "simulating" in shown
    assert "%" in shown


def test_a_file_gets_no_bar() -> None:
    assert what_is_shown(terminal=False, at_s=[0.0, 1.0, 2.5, 3.0]) == ""
