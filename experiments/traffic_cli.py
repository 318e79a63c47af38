"""`servecast traffic`: look at a trace, fit traffic to it, make one, change one."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from experiments.cli_errors import in_one_line

# What is heavy (pandas, matplotlib) is imported by the command that needs it.

__all__ = ["app"]

app = typer.Typer(
    name="traffic",
    help="Traces and recipes of traffic: profile, fit, generate, convert.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

NARROWEST = 110

Source = Annotated[
    str, typer.Argument(help="Trace file of any format, recipe in YAML, or a name on the shelf.")
]
Format = Annotated[str | None, typer.Option(help="Format of the file, if not to be recognised.")]
SkipBad = Annotated[
    bool, typer.Option("--skip-bad-rows", help="Leave out rows that cannot be used; count them.")
]
Sort = Annotated[bool, typer.Option("--sort", help="Accept a file that is not in order of time.")]
Columns = Annotated[
    list[str] | None,
    typer.Option(
        "--column",
        metavar="MEANING=NAME",
        help="What a column of a plain CSV or Parquet file is: arrival_s=ts, prompt_tokens=in …",
    ),
]
Seed = Annotated[int, typer.Option(min=0, help="Seed of what is drawn.")]
Horizon = Annotated[float | None, typer.Option("--horizon-s", min=0, help="Only so many seconds.")]


def _console() -> Console:
    """Stdout; wide enough for a table where it is not a terminal that has a width of its own."""
    console = Console()
    return console if console.is_terminal else Console(width=max(NARROWEST, console.width))


@app.command()
@in_one_line
def profile(
    source: Source,
    out: Annotated[
        Path | None, typer.Option(help="Folder to write into; runs/traffic-<name> if not given.")
    ] = None,
    format: Format = None,
    skip_bad_rows: SkipBad = False,
    sort: Sort = False,
    columns: Columns = None,
    seed: Seed = 0,
    horizon_s: Horizon = None,
    block_tokens: Annotated[
        int, typer.Option(min=0, help="Block of the reuse bound; the trace's own if 0.")
    ] = 0,
    service: Annotated[
        tuple[float, float, float],
        typer.Option(help="Time a request is under way: base, a prompt token, a token [s]."),
    ] = (0.1, 0.0001, 0.02),
) -> None:
    """Rate, burstiness, lengths, requests at once, reuse, conversations: tables and pictures."""
    from experiments.traffic_commands import profile_to
    from experiments.traffic_source import columns_of, pieces_of

    pieces = pieces_of(
        source,
        format=format,
        seed=seed,
        horizon_s=horizon_s,
        skip_bad_rows=skip_bad_rows,
        sort=sort,
        columns=columns_of(columns or []),
    )
    profile_to(pieces, Path(source).name, out, service, block_tokens, _console())


@app.command()
@in_one_line
def fit(
    source: Source,
    out: Annotated[Path | None, typer.Option(help="YAML file to write the recipe to.")] = None,
    format: Format = None,
    skip_bad_rows: SkipBad = False,
    sort: Sort = False,
    columns: Columns = None,
    seed: Seed = 0,
    horizon_s: Horizon = None,
) -> None:
    """Write synthetic traffic that matches a trace, and show how well it does."""
    from experiments.traffic_commands import fit_to
    from experiments.traffic_source import columns_of, trace_of

    trace = trace_of(
        source,
        format=format,
        seed=seed,
        horizon_s=horizon_s,
        skip_bad_rows=skip_bad_rows,
        sort=sort,
        columns=columns_of(columns or []),
    )
    fit_to(trace, Path(source).name, out, seed, _console())


@app.command()
@in_one_line
def generate(
    source: Annotated[str, typer.Argument(help="Recipe in YAML, or a name on the shelf.")],
    out: Annotated[Path, typer.Argument(help="File: .parquet, .csv (Azure) or .jsonl (Mooncake).")],
    to: Annotated[str | None, typer.Option(help="Format to write, if not by the suffix.")] = None,
    seed: Seed = 0,
    horizon_s: Horizon = None,
) -> None:
    """Draw a trace from a recipe and write it to a file."""
    from experiments.traffic_commands import generate_to

    generate_to(source, out, to, seed, horizon_s, _console())


@app.command()
@in_one_line
def convert(
    source: Source,
    out: Annotated[Path, typer.Argument(help="File: .parquet, .csv (Azure) or .jsonl (Mooncake).")],
    edits: Annotated[
        list[str] | None,
        typer.Option(
            "--edit",
            metavar="NAME=VALUE",
            help="In the order given: window=START:END [s], rate=FACTOR, limit=N, loop=TIMES, "
            "thin=SHARE, merge=SOURCE, anonymise=yes.",
        ),
    ] = None,
    to: Annotated[str | None, typer.Option(help="Format to write, if not by the suffix.")] = None,
    format: Format = None,
    skip_bad_rows: SkipBad = False,
    sort: Sort = False,
    columns: Columns = None,
    seed: Seed = 0,
) -> None:
    """Read a trace, change it on the way if asked, and write it in another format."""
    from experiments.traffic_commands import convert_to
    from experiments.traffic_source import columns_of, pieces_of

    pieces = pieces_of(
        source,
        format=format,
        seed=seed,
        skip_bad_rows=skip_bad_rows,
        sort=sort,
        columns=columns_of(columns or []),
    )
    convert_to(pieces, out, to, edits or [], seed, _console())


@app.command()
@in_one_line
def served(
    scenario: Annotated[Path, typer.Argument(help="YAML file that holds the scenario.")],
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="PATH=VALUE", help="Change one value of the scenario."),
    ] = None,
) -> None:
    """Run a scenario: requests at once, and prefix hits beside what a cache could find at most."""
    from experiments import traffic_served
    from experiments.overrides import read_overrides
    from experiments.traffic_telling import tell_served
    from simulator.scenario import Scenario

    found = traffic_served.served(Scenario.from_file(scenario, read_overrides(settings or [])))
    tell_served(found.at_once, found.reuse, _console())


@app.command()
@in_one_line
def formats() -> None:
    """What can be read: each format by its name."""
    from experiments.traffic_telling import tell_formats
    from workloads.formats import described

    tell_formats(described(), _console())
