"""`servecast calibrate`: from one's own measurements to a calibration file."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from experiments.cli_errors import in_one_line

__all__ = ["app"]

app = typer.Typer(rich_markup_mode=None)


@app.command()
@in_one_line
def calibrate(
    files: Annotated[
        list[Path],
        typer.Argument(
            help="Measured runs as CSV, vLLM `bench serve --save-detailed` JSON, or requests "
            "one by one as CSV."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder for the YAML files.")] = Path("calibrations"),
    model: Annotated[
        str | None, typer.Option(help="Model that was served, for files that do not say.")
    ] = None,
    gpu: Annotated[
        str | None, typer.Option(help="GPU it ran on, for files that do not say.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Engine argument of the server: max_num_seqs=64."
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Replications of each replay.")] = 2,
    silicon: Annotated[
        bool,
        typer.Option("--silicon", help="Hold the fit to measured kernel times too [silicon]."),
    ] = False,
) -> None:
    """Fit the step time to measurements; writes YAML with its error and where it was measured.

    Use the file with `servecast run SCENARIO --set step_time.kind=roofline
    --set step_time.calibration=PATH.yaml`.
    """
    from experiments.calibration_command import calibrate_command
    from experiments.overrides import read_overrides

    engine = read_overrides(settings or [])
    calibrate_command(files, out, Console(), model, gpu, engine, seeds, silicon)
