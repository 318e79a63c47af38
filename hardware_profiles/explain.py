"""A pydantic `ValidationError` as one line: file, line, key, what was found, what would do."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from hardware_profiles.errors import InputError, did_you_mean

__all__ = ["explain"]

_SHOWN = 60


def explain(
    error: ValidationError,
    data: object = None,
    model: type[BaseModel] | None = None,
    laid_over: Sequence[str] = (),
    laid_by: str = "--set",
) -> InputError:
    """One-line `InputError` for the first thing that is wrong, with a count of the others.

    Parameters
    ----------
    error : what pydantic raised.
    data : what was being read; if it came from `load_yaml`, file and line are given.
    model : the class being read, so that a misspelt key can be told its nearest neighbour.
    laid_over : dotted paths whose values were laid over `data`, and stand on no line of its file.
    laid_by : what to call their place instead.
    """
    details = error.errors(include_url=False)
    # A misspelt key is often a missing one too; the misspelling says more.
    first = next((d for d in details if d["type"] == "extra_forbidden"), details[0])
    place, key = _locate(data, first["loc"], missing=first["type"] == "missing")
    message = _message(dict(first), key, model)
    more = f" (and {len(details) - 1} more)" if len(details) > 1 else ""
    if laid := [path for path in laid_over if _meet(path, key)]:
        # Where several could be at fault all are named, but the one that leads there alone is.
        above = [path for path in laid if f"{key}.".startswith(f"{path}.")]
        named = [max(above, key=len)] if above else laid
        place = f"{laid_by} {', '.join(named)}: "
        if not key:
            place = f"{getattr(data, 'path', '')} with {place}"
        key = "" if key == named[0] else key
    shown_key = f"{key}: " if key and first["type"] != "extra_forbidden" else ""
    return InputError(f"{place}{shown_key}{message}{more}")


def _meet(path: str, key: str) -> bool:
    """Whether one dotted path leads to the other, or to something below it; all are below none."""
    one, other = f"{path}.", f"{key}."
    return not key or one.startswith(other) or other.startswith(one)


def _locate(data: object, loc: Sequence[int | str], missing: bool) -> tuple[str, str]:
    """Return ``file:line: `` and the dotted key, leaving out what pydantic adds to the location."""
    path, line, keys = getattr(data, "path", ""), getattr(data, "line", 0), list[str]()
    for part in loc:
        if isinstance(data, Mapping) and part not in data and isinstance(part, str):
            hyphens = part.replace("_", "-")  # as vLLM's own files write their keys
            part = hyphens if hyphens in data else part
        if isinstance(data, Mapping) and part in data:
            line = getattr(data, "lines", {}).get(part, line)
            data = data[part]
        elif isinstance(data, list | tuple) and isinstance(part, int) and part < len(data):
            data = data[part]
        else:
            continue
        keys.append(str(part))
        line = getattr(data, "line", line) if isinstance(part, int) else line
    if not keys or missing:
        keys += [str(part) for part in loc[-1:]]
    place = f"{path}:{line}: " if path else ""
    return place, ".".join(keys)


def _message(detail: dict[str, Any], key: str, model: type[BaseModel] | None) -> str:
    """What was found and what would have gone right."""
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "missing":
        return "this key is needed and is not there"
    if kind == "extra_forbidden":
        known = sorted({name for m in _models_at(model, detail["loc"]) for name in _keys(m)})
        tail = f"; {did_you_mean(str(detail['loc'][-1]), known)}" if known else ""
        return f"there is no key {key!r}{tail}"
    if kind == "union_tag_invalid":
        names = [tag.strip(" '") for tag in str(context["expected_tags"]).split(",")]
        return f"{context['tag']!r} is not a kind known here; {did_you_mean(context['tag'], names)}"
    if kind == "union_tag_not_found":
        return f"say which one with {context['discriminator']}"
    if kind in ("value_error", "assertion_error"):
        return str(context["error"])
    if kind in ("model_type", "model_attributes_type"):
        return f"expected keys with values, found {_shown(detail['input'])}"
    text = str(detail["msg"])
    return f"{text[0].lower()}{text[1:]}, found {_shown(detail['input'])}"


def _shown(found: object) -> str:
    text = repr(found)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _keys(model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield field.alias or name


def _models_at(model: type[BaseModel] | None, loc: Sequence[int | str]) -> list[type[BaseModel]]:
    """Models that could stand at the parent of a location."""
    here = [model] if model else []
    for part in loc[:-1]:
        if tagged := [m for m in here if _tag(m) == part]:
            here = tagged
            continue
        below = [
            found
            for m in here
            for name, field in m.model_fields.items()
            if part in (name, field.alias)
            for found in _models_in(field.annotation)
        ]
        here = below or here
    return here


def _tag(model: type[BaseModel]) -> object:
    field = model.model_fields.get("kind")
    return field.default if field else None


def _models_in(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models_in(inner)
