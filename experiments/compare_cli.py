"""`servecast compare`: routes on the same requests, priced, over years, with a memo."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from experiments.cli_errors import in_one_line

# What is heavy (pandas, scipy, matplotlib) is imported by the command that needs it.

__all__ = ["compare"]

NARROWEST = 130


@in_one_line
def compare(
    comparison: Annotated[Path, typer.Argument(help="YAML file that holds the routes.")],
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="PATH=VALUE", help="Change one value of the base scenario."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder to write into; runs/<name> if not given.")
    ] = None,
    audit: Annotated[
        bool, typer.Option("--audit", help="Print each line with formula, inputs, source, date.")
    ] = False,
) -> None:
    """Compare routes: what each costs a month and over years, and what it depends on."""
    from experiments.overrides import read_overrides

    overrides = read_overrides(settings or [])
    from experiments.compare_run import run_comparison

    console = Console()
    if not console.is_terminal:
        console = Console(width=max(NARROWEST, console.width))
    run_comparison(comparison, overrides, out, console, audit=audit)
