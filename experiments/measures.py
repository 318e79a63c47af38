"""Numbers of a run by name: `ttft.p99`, `goodput.share`, `bill.usd_per_good_request`."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import cache
from types import ModuleType
from typing import Any, Literal

import numpy as np

from experiments.warm_up import mser5
from hardware_profiles.errors import InputError, did_you_mean
from simulator.economics.bill import Bill, bill
from simulator.economics.cost_lines import COST_LINES
from simulator.record import efficiency, metrics, usage
from simulator.record.result import Result
from simulator.record.summary import summarise

__all__ = ["WarmUpRule", "check_names", "known_names", "measure"]

WarmUpRule = float | Literal["mser"]
"""Requests that arrive before so many seconds are left out; `mser` finds the time (MSER-5)."""

MODULES: tuple[ModuleType, ...] = (metrics, usage, efficiency)
"""Each public function of a result in these is a metric; a new one needs no entry here."""
SEEN_BY_USERS = ("ttft", "tpot", "e2e", "queue", "goodput.share")
"""These leave the warm-up out. What the fleet did, and what it cost, counts from the beginning."""


def measure(result: Result, names: Iterable[str], warm_up: WarmUpRule = 0.0) -> dict[str, float]:
    """Metrics of a run by name; NaN where one cannot be said.

    Parameters
    ----------
    names : a function of `simulator.record` (``busy_share``), a field of what it gives
        (``ttft.p99``), a number of the summary (``summary.requests.preemptions``) or of the bill
        (``bill.usd_total``, ``bill.gpu_rent_idle``).
    warm_up : what to leave out of the metrics that users see; with ``mser`` two numbers are added,
        ``warm_up_s`` and ``settled`` (1, or 0 for a run that never settled).

    Raises
    ------
    InputError
        For a name that is not known.
    """
    start_s, told = _warm_up(result, warm_up)
    late = result.requests["arrival_s"].to_numpy() >= start_s
    settled = replace(result, requests=result.requests[late]) if start_s > 0 else result
    found: dict[str, Any] = {}
    for name in names:
        first = name.partition(".")[0]
        users = name in SEEN_BY_USERS or first in SEEN_BY_USERS
        key = f"{first} {users}"
        if key not in found:
            found[key] = _sources()[first](settled if users else result) if first else None
        told[name] = _number(found[key], name)
    return told


def check_names(names: Iterable[str]) -> None:
    """Refuse names that no run could answer.

    Raises
    ------
    InputError
        With the nearest name there is.
    """
    for name in names:
        first = name.partition(".")[0]
        if first not in _sources():
            known = [known for known in known_names() if not known.startswith("bill.")]
            raise InputError(f"no metric is called {name!r}; {did_you_mean(name, known)}")
        mine = [known for known in known_names() if known.partition(".")[0] == first]
        if mine and name not in mine:
            raise InputError(f"no metric is called {name!r}; {did_you_mean(name, mine)}")


@cache
def known_names() -> tuple[str, ...]:
    """Every name that can be told beforehand; those of the summary are known to a run alone."""
    names: list[str] = []
    for name, function in _functions().items():
        kind = _returned(function)
        names += [name] if kind in (float, int) else _fields(name, kind)
    names += [f"bill.{field}" for field, kind in Bill.__annotations__.items() if kind == "float"]
    return tuple(sorted([*names, "bill.idle_share", *(f"bill.{line}" for line in COST_LINES)]))


def _warm_up(result: Result, rule: WarmUpRule) -> tuple[float, dict[str, float]]:
    """Second from which requests count, and what to tell of it."""
    if rule != "mser":
        return float(rule), {}
    requests = result.requests.dropna(subset=["ttft_s"])
    if len(requests) < 20:
        return 0.0, {"warm_up_s": math.nan, "settled": math.nan}
    cut = mser5(requests["ttft_s"])
    start_s = float(requests["arrival_s"].iloc[cut.observations]) if cut.observations else 0.0
    return start_s, {"warm_up_s": start_s, "settled": float(cut.settled)}


@cache
def _functions() -> dict[str, Callable[[Result], Any]]:
    found: dict[str, Callable[[Result], Any]] = {}
    for module in MODULES:
        for name, function in inspect.getmembers(module, inspect.isfunction):
            if function.__module__ != module.__name__ or name.startswith("_"):
                continue
            takes_result = list(inspect.signature(function).parameters) == ["result"]
            if takes_result and _returned(function) is not None:
                found[name] = function
    return found


@cache
def _sources() -> dict[str, Callable[[Result], Any]]:
    """First word of a name to the function that answers."""
    return {**_functions(), "summary": summarise, "bill": _bill}


def _bill(result: Result) -> dict[str, float]:
    found = bill(result)
    lines = dict(zip(found.lines["line"], found.lines["usd"], strict=True))
    return {**found.headline(), **lines}


def _returned(function: Callable[..., Any]) -> Any:
    """What a function gives, if it is a number, a tuple with names or a mapping; else None."""
    text = str(function.__annotations__.get("return", ""))
    simple: dict[str, Any] = {"float": float, "int": int}
    if text.startswith("dict[str"):
        return dict
    found = simple.get(text) or getattr(inspect.getmodule(function), text, None)
    return found if found in (float, int) or hasattr(found, "_fields") else None


def _fields(prefix: str, kind: Any) -> list[str]:
    if not hasattr(kind, "_fields"):
        return []
    names = []
    for field in kind._fields:
        annotation = kind.__annotations__[field]
        text = str(getattr(annotation, "__forward_arg__", annotation))
        inner = getattr(inspect.getmodule(kind), text, None)
        names += _fields(f"{prefix}.{field}", inner) if inner else [f"{prefix}.{field}"]
    return names


def _number(found: Any, name: str) -> float:
    """Follow the rest of a dotted name down to its number."""
    for part in name.split(".")[1:]:
        below = found if isinstance(found, Mapping) else getattr(found, "_asdict", dict)()
        if part not in below:
            raise InputError(f"no metric is called {name!r}; {did_you_mean(part, map(str, below))}")
        found = below[part]
    if not isinstance(found, int | float | np.integer | np.floating):
        below = found if isinstance(found, Mapping) else getattr(found, "_asdict", dict)()
        raise InputError(f"metric {name!r} is not one number; add one of {', '.join(below)}")
    return float(found)
