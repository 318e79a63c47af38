"""The command line: `servecast run`, `servecast demo`, `servecast catalogue`."""

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from experiments import (
    calibrate_cli,
    compare_cli,
    monitor_cli,
    study_cli,
    traffic_cli,
    validate_cli,
)
from experiments.cli_errors import in_one_line
from hardware_profiles.errors import InputError

# What is heavy (pandas, scipy, matplotlib) is imported by the command that needs it.

__all__ = ["app"]

app = typer.Typer(
    name="servecast",
    help="Play traffic against simulated GPUs: latency, idle time, and the bill.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

app.add_typer(validate_cli.app, name="validate")
app.add_typer(calibrate_cli.app)
app.add_typer(traffic_cli.app, name="traffic")
app.add_typer(study_cli.app)
app.command()(compare_cli.compare)
app.command()(monitor_cli.monitor)

NARROWEST = 110


def _console() -> Console:
    """Stdout; wide enough for a table where it is not a terminal that has a width of its own."""
    console = Console()
    return console if console.is_terminal else Console(width=max(NARROWEST, console.width))


def _print_version(wanted: bool) -> None:
    if wanted:
        try:
            typer.echo(f"servecast {version('servecast')}")
        except PackageNotFoundError:
            typer.echo("servecast, not installed: running from its source")
        raise typer.Exit


@app.callback()
def main(
    show_version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Play traffic against simulated GPUs: latency, idle time, and the bill."""


@app.command()
@in_one_line
def run(
    scenario: Annotated[Path, typer.Argument(help="YAML file that holds the scenario.")],
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="PATH=VALUE", help="Change one value of the scenario."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder to write into; runs/<name> if not given.")
    ] = None,
    stream: Annotated[
        bool,
        typer.Option(
            "--stream", help="Read the traffic ahead of the clock and keep sums: any length fits."
        ),
    ] = False,
    saving: Annotated[
        bool,
        typer.Option(
            help="With overflow to endpoints: run again without it, to say what it saved."
        ),
    ] = True,
) -> None:
    """Run one scenario: tables here, tables and pictures on disk."""
    from experiments.overrides import read_overrides

    overrides = read_overrides(settings or [])
    if stream:
        from experiments.long_run import run_long

        run_long(scenario, overrides, out, _console())
        return
    from experiments.single import run_scenario

    run_scenario(scenario, overrides, out, _console(), saving)


@app.command()
@in_one_line
def demo(
    out: Annotated[Path, typer.Option(help="Folder to write into.")] = Path("runs/demo"),
) -> None:
    """The same volume steady and bursty on a small fleet, side by side."""
    from experiments.demo import run_demo

    run_demo(out, _console())


@app.command()
@in_one_line
def catalogue(
    kind: Annotated[
        str | None,
        typer.Argument(
            help="A shelf such as gpus, models, offers; or show, add-model, add-gpu, add-prices."
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Argument(
            help="One entry, to see it in full; for add-model the config.json, for add-prices a "
            "table in SkyPilot's columns."
        ),
    ] = None,
    entry: Annotated[
        str | None, typer.Option("--name", help="add-model: name of the new entry.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="add-model, add-gpu: file, add-prices: folder to write instead of the shelf."
        ),
    ] = None,
    provider: Annotated[str | None, typer.Option(help="add-prices: who sells.")] = None,
    checked: Annotated[
        str | None, typer.Option(help="add-prices: day on which the table was had, 2026-11-22.")
    ] = None,
    region: Annotated[str | None, typer.Option(help="add-prices: only this region.")] = None,
) -> None:
    """What can be simulated, and at what price; each number with its source and date."""
    from experiments.catalogue import SHELVES, print_anything, print_entry, print_shelf
    from experiments.catalogue_add import add_gpu, add_model
    from experiments.catalogue_prices import add_prices

    console = _console()
    if kind == "add-gpu":
        add_gpu(out, console)
    elif kind == "add-model":
        if name is None:
            raise InputError("add-model: name the config.json of the model")
        add_model(Path(name), entry, out, console)
    elif kind == "show":
        if name is None:
            raise InputError("show: name an entry, such as h100-sxm or llama-3.1-8b")
        print_anything(name, console)
    elif kind == "add-prices":
        if name is None:
            raise InputError("add-prices: name the table (vms.csv) to read")
        add_prices(Path(name), provider, checked, region, out, console)
    elif kind is None:
        for shelf in [*SHELVES, "traffic"]:
            print_shelf(shelf, console)
    elif name is None:
        print_shelf(kind, console)
    else:
        print_entry(kind, name, console)


@app.command()
@in_one_line
def fit(
    model: Annotated[
        str, typer.Argument(help="Model, by name, Hugging Face id or path of its config.json.")
    ],
    gpus: Annotated[
        list[str] | None, typer.Option("--gpu", help="GPU; all of the catalogue if none is named.")
    ] = None,
    context: Annotated[
        int, typer.Option(min=1, help="Length of a request, prompt and answer together [tokens].")
    ] = 2048,
    tensor: Annotated[
        list[int] | None, typer.Option("--tp", min=1, help="Split; 1, 2, 4 and 8 if none is named.")
    ] = None,
    weights: Annotated[
        list[str] | None,
        typer.Option(
            "--weights", help="Precision; the checkpoint's and narrower if none is named."
        ),
    ] = None,
    kv: Annotated[
        str, typer.Option("--kv-cache-dtype", help="Precision of the cache: auto or fp8.")
    ] = "auto",
) -> None:
    """Where a model fits: GPU by split by precision, KV tokens, and requests at once."""
    from experiments.fit_table import fit_command

    fit_command(model, _console(), gpus or (), context, tensor or (), weights or (), kv)
