"""`servecast monitor`: hold alert rules against a saved run."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from experiments.cli_errors import in_one_line
from hardware_profiles.errors import InputError

# What is heavy (pandas, matplotlib) is imported by the command that needs it.

__all__ = ["monitor"]

NARROWEST = 110


@in_one_line
def monitor(
    run: Annotated[Path, typer.Argument(help="Folder that `servecast run` wrote.")],
    rules: Annotated[
        Path | None,
        typer.Argument(
            help="YAML file of alert rules; the usual ones for the run's SLO if not given."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder to write tables, rules and the picture into.")
    ] = None,
) -> None:
    """Rehearse monitoring: which incidents of a run alerts would have told of, and when."""
    from experiments.monitor_rules import read_rules
    from experiments.monitor_run import load_run
    from experiments.monitor_run import monitor as rehearse
    from experiments.monitor_telling import tell_monitored

    console = Console()
    if not console.is_terminal:
        console = Console(width=max(NARROWEST, console.width))
    result, table = load_run(run)
    asked = read_rules(rules, result.scenario, result.horizon_s)
    try:
        found = rehearse(result, asked, table)
    except InputError as error:
        raise InputError(f"{rules}: {error}" if rules else str(error)) from error
    tell_monitored(found, found.save(out) if out is not None else None, console)
