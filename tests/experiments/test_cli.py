"""The command line answers, and what is wrong it says in one line."""

import sys
from collections.abc import Callable

import pytest
from typer.testing import CliRunner, Result

from experiments.cli import app
from experiments.cli_errors import in_one_line

Run = Callable[..., Result]


@pytest.fixture
def servecast() -> Run:
    return lambda *arguments: CliRunner().invoke(app, [str(a) for a in arguments])


def refused(result: Result) -> str:
    """The one line of a refusal."""
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert "Traceback" not in result.stderr
    return result.stderr


def test_it_says_its_version(servecast: Run) -> None:
    assert servecast("--version").stdout.startswith("servecast")


@pytest.mark.parametrize("kind", ["gpus", "models", "offers", "links", "nodes", "traffic"])
def test_every_shelf_can_be_listed(servecast: Run, kind: str) -> None:
    result = servecast("catalogue", kind)
    assert result.exit_code == 0
    assert kind in result.stdout


def test_one_entry_is_shown_with_its_source(servecast: Run) -> None:
    result = servecast("catalogue", "gpus", "H100-SXM-80GB")
    assert "bandwidth_gb_s: 3350" in result.stdout
    assert "source:" in result.stdout


def test_an_unknown_shelf_or_entry_is_told_the_nearest(servecast: Run) -> None:
    assert "did you mean 'gpus'?" in refused(servecast("catalogue", "gpu"))
    assert "did you mean 'h100-sxm'?" in refused(servecast("catalogue", "gpus", "h100-smx"))
    assert "no traffic is called" in refused(servecast("catalogue", "traffic", "nothing-such"))


def test_a_setting_without_a_value_is_refused(servecast: Run) -> None:
    assert "expected PATH=VALUE" in refused(servecast("run", "any.yaml", "--set", "replicas"))


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (PermissionError(13, "Permission denied", "/somewhere"), 2),
        (KeyboardInterrupt(), 130),
    ],
)
def test_what_is_no_fault_of_ours_has_no_traceback(
    error: BaseException, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    import typer

    @in_one_line
    def command() -> None:
        raise error

    with pytest.raises(typer.Exit) as caught:
        command()
    assert caught.value.exit_code == code
    assert capsys.readouterr().err.count("\n") == 1


def test_a_fault_of_ours_keeps_its_traceback() -> None:
    @in_one_line
    def command() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        command()


def test_the_command_line_starts_without_the_heavy_libraries() -> None:
    import subprocess

    code = (
        "import sys, experiments.cli; print({'pandas', 'scipy', 'matplotlib'} & set(sys.modules))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"
