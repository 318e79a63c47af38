"""A pydantic `ValidationError` as one line: file, line, key, what was found, what would do."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from hardware_profiles.errors import InputError, did_you_mean

__all__ = ["explain", "within"]

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
    first, loc, more = _first(error)
    place, key = _locate(data, loc, missing=first["type"] == "missing")
    message = _message(first, key, model)
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


def within(
    error: ValidationError, at: Sequence[int | str], model: type[BaseModel] | None = None
) -> InputError:
    """The first thing that is wrong with a part, said of the whole in which it stands ``at``.

    To be raised in a validator of the whole: `explain` then finds file and line.
    """
    first, loc, more = _first(error)
    key = str(loc[-1]) if loc else ""
    return InputError(f"{_message(first, key, model)}{more}", at=(*at, *loc))


def _first(error: ValidationError) -> tuple[dict[str, Any], tuple[int | str, ...], str]:
    """What to tell of, where it is, and in words how much more there is."""
    details = error.errors(include_url=False)
    # A misspelt key is often a missing one too; the misspelling says more.
    first = next((d for d in details if d["type"] == "extra_forbidden"), details[0])
    more = f" (and {len(details) - 1} more)" if len(details) > 1 else ""
    further_down = getattr(first.get("ctx", {}).get("error"), "at", ())
    return dict(first), (*first["loc"], *further_down), more


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
        return f"there is no key {key!r}{_of_another_kind(model, detail['loc'])}{tail}"
    if kind == "union_tag_invalid":
        names = [tag.strip(" '") for tag in str(context["expected_tags"]).split(",")]
        return f"{context['tag']!r} is not a kind known here; {did_you_mean(context['tag'], names)}"
    if kind == "union_tag_not_found":
        kinds = _kinds_at(model, detail["loc"])
        tail = f"; there are: {', '.join(sorted(kinds))}" if kinds else ""
        return f"say which one with {context['discriminator']}{tail}"
    if kind in ("value_error", "assertion_error"):
        return str(context["error"])
    if kind in ("model_type", "model_attributes_type"):
        return f"expected keys with values, found {_shown(detail['input'])}" + _as_kind(
            detail["input"], _kinds_at(model, detail["loc"])
        )
    if kind == "dict_type":
        return f"expected keys with values, found {_shown(detail['input'])}"
    if kind in ("tuple_type", "list_type"):
        return f"expected a list, found {_shown(detail['input'])}{_as_list(detail['input'])}"
    text = str(detail["msg"])
    return f"{text[0].lower()}{text[1:]}, found {_shown(detail['input'])}"


def _as_list(found: object) -> str:
    """Tail that shows how one thing is written as a list."""
    if isinstance(found, str | int | float) and len(str(found)) <= _SHOWN:
        return f"; write [{found}]"
    return "; put '- ' before each entry" if isinstance(found, Mapping) else ""


def _as_kind(found: object, kinds: Sequence[str]) -> str:
    """Tail that shows how the name of a kind is written."""
    if not kinds or not isinstance(found, str):
        return ""
    if found in kinds:
        return f"; write {{kind: {found}}}"
    return f"; say which one with {{kind: ...}}; {did_you_mean(found, kinds)}"


def _kinds_at(model: type[BaseModel] | None, loc: Sequence[int | str]) -> list[str]:
    """Kinds of a thing that there could be at a location."""
    return [str(tag) for m in _models_at(model, (*loc, "")) if (tag := _tag(m)) is not None]


def _of_another_kind(model: type[BaseModel] | None, loc: Sequence[int | str]) -> str:
    """Words for a key that other kinds of the same thing have."""
    if len(loc) < 3:
        return ""
    among = {str(tag): m for m in _models_at(model, loc[:-1]) if (tag := _tag(m)) is not None}
    others = [kind for kind, m in among.items() if kind != loc[-2] and str(loc[-1]) in _keys(m)]
    if loc[-2] not in among or not others:
        return ""
    return f" with kind {loc[-2]}, only with {', '.join(others)}"


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
