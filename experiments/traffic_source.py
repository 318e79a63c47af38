"""Where a trace comes from: a file in any format, a recipe in YAML, or a name on the shelf."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from hardware_profiles.errors import InputError, did_you_mean
from hardware_profiles.explain import explain
from hardware_profiles.profile import load_yaml
from simulator.rng import stream
from workloads import formats
from workloads.trace import Trace
from workloads.traffic import Mix, Replay, ServeGen, Synthetic, Traffic, names

__all__ = ["columns_of", "pieces_of", "recipe_of", "trace_of"]

YAML = (".yaml", ".yml")


def recipe_of(name: str) -> Synthetic | Replay | ServeGen | Mix | None:
    """Recipe that a name or a YAML file holds; None for anything else.

    A scenario will do: its ``traffic`` is taken. Paths in a recipe start from the file's folder.
    """
    path = Path(name)
    data: Any
    if path.suffix in YAML:
        data = load_yaml(path)
        data = data.get("traffic", data)
    elif name in names():
        data = name
    else:
        return None
    adapter: TypeAdapter[Synthetic | Replay | ServeGen | Mix] = TypeAdapter(Traffic)
    try:
        recipe = adapter.validate_python(data)
    except ValidationError as error:
        raise explain(error, data) from None
    return recipe


def trace_of(
    name: str,
    *,
    format: str | None = None,
    seed: int = 0,
    horizon_s: float | None = None,
    skip_bad_rows: bool = False,
    sort: bool = False,
    columns: Mapping[str, str] | None = None,
) -> Trace:
    """Whole trace of a file, or drawn from a recipe for so long.

    Raises
    ------
    InputError
        If there is neither such a file nor such a recipe, or it cannot be read.
    """
    recipe = recipe_of(name)
    if recipe is not None:
        return recipe.sample(stream(seed, "traffic"), horizon_s, Path(name).parent)
    _check_there(name)
    trace = formats.read(name, format, skip_bad_rows=skip_bad_rows, sort=sort, columns=columns)
    return trace if horizon_s is None else trace.window(0.0, horizon_s)


def pieces_of(
    name: str,
    *,
    format: str | None = None,
    seed: int = 0,
    horizon_s: float | None = None,
    skip_bad_rows: bool = False,
    sort: bool = False,
    columns: Mapping[str, str] | None = None,
) -> Iterator[Trace]:
    """As `trace_of`, but in pieces on one clock where that can be done: nothing is held whole."""
    recipe = recipe_of(name)
    if recipe is None:
        _check_there(name)
        recipe = Replay(
            path=Path(name),
            format=format,
            skip_bad_rows=skip_bad_rows,
            sort=sort,
            columns=dict(columns or {}),
        )
        yield from recipe.pieces(stream(seed, "traffic"), horizon_s)
    else:
        yield from recipe.pieces(stream(seed, "traffic"), horizon_s, Path(name).parent)


def columns_of(given: Iterable[str]) -> dict[str, str]:
    """Names of columns by what they mean, from MEANING=NAME.

    >>> columns_of(["arrival_s=ts", "prompt_tokens=in"])
    {'arrival_s': 'ts', 'prompt_tokens': 'in'}
    """
    columns: dict[str, str] = {}
    for pair in given:
        meaning, equals, name = pair.partition("=")
        if not (equals and meaning and name):
            raise InputError(f"--column {pair}: expected MEANING=NAME, such as arrival_s=ts")
        if meaning in columns:
            raise InputError(f"--column {meaning}: given twice")
        columns[meaning] = name
    return columns


def _check_there(name: str) -> None:
    if not Path(name).exists():
        raise InputError(
            f"{name}: there is no such file, and no traffic on the shelf is called so; "
            f"{did_you_mean(name, names())}"
        )
