"""`servecast sweep`, `size` and `search`: questions that take many runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from experiments.cli_errors import in_one_line

# What is heavy (pandas, scipy, matplotlib, optuna) is imported by the command that needs it.

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

NARROWEST = 150

File = Annotated[Path, typer.Argument(help="YAML file that holds the question.")]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="PATH=VALUE", help="Change one value of the base scenario."),
]
Out = Annotated[Path | None, typer.Option(help="Folder to write into; runs/<name> if not given.")]
Jobs = Annotated[int, typer.Option(help="Processes; -1 takes one for each core.")]
Cluster = Annotated[
    str | None,
    typer.Option(metavar="tcp://HOST:PORT", help="Run on the workers of a dask scheduler."),
]


@app.command()
@in_one_line
def sweep(
    study: File,
    settings: Settings = None,
    jobs: Jobs = -1,
    cluster: Cluster = None,
    out: Out = None,
) -> None:
    """Run a study: every combination, replicated; go on where it was stopped."""
    from experiments.overrides import read_overrides

    overrides = read_overrides(settings or [])
    from experiments.progress import watched
    from experiments.study import Study
    from experiments.study_telling import tell_study
    from experiments.sweep import run_study

    asked = Study.from_file(study, overrides)
    folder = _folder(out, asked.name)
    with _kept(folder), watched(f"sweeping {asked.name}") as progress:
        run = run_study(asked, folder, n_jobs=jobs, cluster=cluster, progress=progress)
    run.save(folder)
    from experiments.figures_study import draw_study

    draw_study(run, folder)
    tell_study(run, folder, _console())


@app.command("size")
@in_one_line
def size_fleet(
    question: File,
    settings: Settings = None,
    jobs: Jobs = -1,
    cluster: Cluster = None,
    out: Out = None,
) -> None:
    """Find the fewest replicas, and the cheapest GPUs, that keep a promise."""
    from experiments.overrides import read_overrides

    overrides = read_overrides(settings or [])
    from experiments.progress import watched
    from experiments.sizing import Sizing, size
    from experiments.sizing_telling import tell_sizing

    asked = Sizing.from_file(question, overrides)
    folder = _folder(out, asked.name)
    with _kept(folder), watched(f"sizing {asked.name}") as progress:
        sized = size(asked, folder, n_jobs=jobs, cluster=cluster, progress=progress)
    sized.save(folder)
    from experiments.figures_sizing import draw_sizing

    draw_sizing(sized, folder)
    tell_sizing(sized, folder, _console())


@app.command()
@in_one_line
def search(
    question: File,
    settings: Settings = None,
    jobs: Jobs = -1,
    cluster: Cluster = None,
    out: Out = None,
) -> None:
    """Search settings that are best, or the front of those best in several ways."""
    from experiments.overrides import read_overrides

    overrides = read_overrides(settings or [])
    from experiments.progress import watched
    from experiments.search import Search, run_search
    from experiments.search_telling import tell_search

    asked = Search.from_file(question, overrides)
    folder = _folder(out, asked.name)
    with _kept(folder), watched(f"searching {asked.name}") as progress:
        found = run_search(asked, folder, n_jobs=jobs, cluster=cluster, progress=progress)
    found.save(folder)
    from experiments.figures_search import draw_search

    draw_search(found, folder)
    tell_search(found, folder, _console())


def _folder(out: Path | None, name: str) -> Path:
    import re

    return out or Path("runs") / re.sub(r"[^\w.-]+", "-", name).strip(".-")


@contextmanager
def _kept(folder: Path) -> Iterator[None]:
    """Say, when it is stopped, that what is finished stays."""
    try:
        yield
    except KeyboardInterrupt:
        typer.echo(f"servecast: stopped; finished cells are kept in {folder}", err=True)
        raise typer.Exit(130) from None


def _console() -> Console:
    """Stdout; wide enough for a table where it is not a terminal that has a width of its own."""
    console = Console()
    return console if console.is_terminal else Console(width=max(NARROWEST, console.width))
