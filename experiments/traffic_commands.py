"""What the commands of `servecast traffic` do: read, compute, tell, write."""

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import yaml
from rich.console import Console

from experiments.progress import watched
from experiments.store import write_whole
from experiments.traffic_source import recipe_of, trace_of
from experiments.traffic_telling import tell_fit, tell_notes, tell_profile
from hardware_profiles.errors import InputError, did_you_mean
from simulator.record.store import whole_folder
from simulator.rng import stream
from workloads.edit import anonymise, loop, thin
from workloads.fit import fit
from workloads.merge import merge, stitch
from workloads.profile_trace import profile
from workloads.simultaneous import ServiceTime
from workloads.trace import Trace
from workloads.traffic import names
from workloads.writers import format_of, lost_in, write

__all__ = ["convert_to", "fit_to", "generate_to", "profile_to"]

MARK = "overview.csv"
"""A file by which a folder is known to hold a profile, and may be written again."""


def profile_to(
    pieces: Iterable[Trace],
    name: str,
    out: Path | None,
    service: tuple[float, float, float],
    block_tokens: int,
    console: Console,
) -> None:
    """Profile a trace, tell of it, and write its tables and pictures into a folder."""
    from experiments.traffic_figures import draw_profile

    base, prompt, output = service
    assumed = ServiceTime.parse(
        {"base_s": base, "prompt_token_s": prompt, "output_token_s": output}
    )
    folder = out or Path("runs") / ("traffic-" + re.sub(r"[^\w.-]+", "-", name).strip(".-"))
    with whole_folder(folder, MARK) as partial:
        with watched(f"reading {name}"):
            found = profile(pieces, assumed, block_tokens)
        for title, table in found.tables().items():
            table.to_csv(partial / f"{title}.csv", index=False)
        draw_profile(found, partial, name)
    tell_profile(found, console)
    _say(console, f"Tables and pictures are in {folder}")


def fit_to(trace: Trace, name: str, out: Path | None, seed: int, console: Console) -> None:
    """Fit traffic to a trace, tell how near it comes, and write the recipe."""
    stem = re.sub(r"[^\w-]+", "-", Path(name).name.split(".")[0]).strip("-") or "trace"
    found = fit(trace, stream(seed, "fit"), f"{stem}-fitted")
    recipe = found.traffic.model_dump(mode="json", exclude_none=True)
    path = out or Path(f"{stem}-fitted.yaml")
    text = yaml.safe_dump(recipe, sort_keys=False, allow_unicode=True)
    write_whole(path, text.encode())
    tell_fit(found, console)
    _say(console, f"The recipe is in {path}")


def generate_to(
    source: str, out: Path, to: str | None, seed: int, horizon_s: float | None, console: Console
) -> None:
    """Draw a trace from a recipe and write it."""
    recipe = recipe_of(source)
    if recipe is None:
        raise InputError(
            f"{source}: expected a recipe in a .yaml file or a name on the shelf; "
            f"{did_you_mean(source, names())}"
        )
    _write(recipe.pieces(stream(seed, "traffic"), horizon_s, Path(source).parent), out, to, console)


def convert_to(
    pieces: Iterable[Trace],
    out: Path,
    to: str | None,
    edits: list[str],
    seed: int,
    console: Console,
) -> None:
    """Change a trace step by step and write it.

    It is held whole only from the first change on that needs it so.
    """
    steps = []
    for place, edit in enumerate(edits):
        name, equals, value = edit.partition("=")
        if not equals or name not in (*PIECEWISE, *EDITS):
            known = (*PIECEWISE, *EDITS)
            raise InputError(f"--edit {edit}: expected NAME=VALUE; {did_you_mean(name, known)}")
        steps.append((place, edit, name, value))
    whole: Trace | None = None
    for place, edit, name, value in steps:
        if whole is None and name in PIECEWISE:
            pieces = _some(PIECEWISE[name](pieces, value), edit)
            continue
        whole = stitch(pieces) if whole is None else whole
        if name in PIECEWISE:
            whole = stitch(_some(PIECEWISE[name]([whole], value), edit))
        else:
            whole = EDITS[name](whole, value, stream(seed, f"edit-{place}"))
        if not len(whole):
            raise InputError(f"--edit {edit}: leaves no request")
    _write(pieces if whole is None else [whole], out, to, console)


def _some(pieces: Iterable[Trace], edit: str) -> Iterator[Trace]:
    """Those pieces that are not empty, of which there is one at least."""
    some = False
    for piece in pieces:
        if len(piece):
            some = True
            yield piece
    if not some:
        raise InputError(f"--edit {edit}: leaves no request")


def _write(pieces: Iterable[Trace], out: Path, to: str | None, console: Console) -> None:
    last: list[Trace] = []

    def seen() -> Iterator[Trace]:
        for piece in pieces:
            last[:] = [piece]
            yield piece

    format = format_of(out, to)
    with watched(f"writing {out.name}"):
        requests, span = write(seen(), out, format)
    _say(console, f"{requests:,} requests over {span:,.1f} s are in {out}")
    tell_notes(last[0].meta, console)
    if lost := lost_in(last[0], format):
        _say(console, f"{out.name} has no place for: {', '.join(lost)}")


def _say(console: Console, line: str) -> None:
    console.print(line, highlight=False, soft_wrap=True, markup=False)


def _number(name: str, value: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise InputError(f"--edit {name}={value}: expected a number") from None


def _whole(name: str, value: str) -> int:
    number = _number(name, value)
    if number != int(number) or number < 1:
        raise InputError(f"--edit {name}={value}: expected a whole number of at least 1")
    return int(number)


def _window(pieces: Iterable[Trace], value: str) -> Iterator[Trace]:
    start, colon, end = value.partition(":")
    if not colon:
        raise InputError(f"--edit window={value}: expected START:END in seconds, either may lack")
    begin = _number("window", start or "0")
    last = _number("window", end) if end else np.inf
    for piece in pieces:
        if piece.arrival_s[0] >= last:
            return
        yield piece.window(begin, last - begin if end else None)


def _faster(pieces: Iterable[Trace], value: str) -> Iterator[Trace]:
    factor = _number("rate", value)
    return (piece.rate_scaled(factor) for piece in pieces)


def _first(pieces: Iterable[Trace], value: str) -> Iterator[Trace]:
    left = _whole("limit", value)
    for piece in pieces:
        yield piece if len(piece) <= left else piece.take(np.arange(left))
        left -= len(piece)
        if left <= 0:
            return


def _anonymous(trace: Trace, value: str, rng: np.random.Generator) -> Trace:
    if value not in ("yes", "true"):
        raise InputError(f"--edit anonymise={value}: expected yes")
    return anonymise(trace)


PIECEWISE: dict[str, Callable[[Iterable[Trace], str], Iterator[Trace]]] = {
    "window": _window,
    "rate": _faster,
    "limit": _first,
}
"""Changes that a trace larger than memory can have."""
EDITS: dict[str, Callable[[Trace, str, np.random.Generator], Trace]] = {
    "loop": lambda trace, value, rng: loop(trace, _whole("loop", value)),
    "thin": lambda trace, value, rng: thin(trace, _number("thin", value), rng),
    "merge": lambda trace, value, rng: merge([trace, trace_of(value)]),
    "anonymise": _anonymous,
}
