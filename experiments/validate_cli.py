"""`servecast validate`: the simulation against what real servers did."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from experiments.cli_errors import in_one_line

__all__ = ["app"]

app = typer.Typer(
    name="validate",
    help="Compare the simulation with what real schedulers and servers did.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command()
@in_one_line
def scheduler(
    files: Annotated[
        list[Path], typer.Argument(help="Oracle files, .jsonl or .jsonl.gz, one scenario a line.")
    ],
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Only the scenarios that differ, and the count.")
    ] = False,
) -> None:
    """Step for step: exits with 1 if an instant is off by over 1e-6 s or any count differs."""
    from experiments.scheduler_validation import (
        Verdict,
        as_row,
        read_oracle,
        summary_line,
        validate,
    )
    from hardware_profiles.errors import InputError

    verdicts: list[Verdict] = []
    for path in files:
        for oracle in read_oracle(path):
            try:
                verdicts.append(validate(oracle))
            except InputError as error:
                raise InputError(f"{path}: {error}") from None
    shown = [v for v in verdicts if not (quiet and v.agrees)]
    table = Table(title="simulated against recorded: greatest difference, and how many differ")
    for name in as_row(verdicts[0]):
        right = name not in ("scenario", "version", "")
        table.add_column(name, justify="right" if right else "left", no_wrap=True)
    for verdict in shown:
        row = as_row(verdict)
        table.add_row(*row.values(), style=None if verdict.agrees else "bold red")
    console = _wide()
    if shown:
        console.print(table)
    console.print(summary_line(verdicts), highlight=False)
    if not all(v.agrees for v in verdicts):
        raise typer.Exit(1)


@app.command()
@in_one_line
def latency(
    measured: Annotated[
        Path, typer.Argument(help="Measured runs: a CSV with a row for each stage of a run.")
    ],
    out: Annotated[
        Path | None, typer.Option(help="CSV to write: predicted, measured and error by metric.")
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Replications of the arrivals.")] = 3,
    calibration: Annotated[
        Path | None, typer.Option(help="Calibration to use instead of those on the shelf.")
    ] = None,
    only_complete: Annotated[
        bool, typer.Option("--only-complete", help="Leave out runs not fully specified.")
    ] = False,
) -> None:
    """Replay measured runs of real servers: TTFT, TPOT and E2E, predicted against measured."""
    from experiments.latency_validation_command import validate_latency_command

    validate_latency_command(measured, _wide(), out, seeds, calibration, only_complete)


def _wide() -> Console:
    """Stdout; wide enough for a table where it is not a terminal that has a width of its own."""
    console = Console()
    return console if console.is_terminal else Console(width=max(150, console.width))
