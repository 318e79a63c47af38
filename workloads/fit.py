"""Synthetic traffic that matches a trace, and how well it does."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import NDArray

from hardware_profiles.errors import InputError
from workloads.fit_arrivals import LEAST_DISPERSION, fit_arrivals, ks_distance, shape_of
from workloads.fit_lengths import fit_lengths, rank_correlation
from workloads.fit_text import beginnings_of
from workloads.segments import Ints
from workloads.sessions import Sessions
from workloads.synthetic import Synthetic
from workloads.think import Think
from workloads.trace import Trace

__all__ = ["Fit", "fit"]

FEWEST = 20
"""Requests below which nothing can be said of a distribution."""


@dataclass(frozen=True)
class Fit:
    """A recipe, and its distance from the trace it was made for."""

    traffic: Synthetic
    candidates: pd.DataFrame
    """Arrival processes tried, the best first: kind, ks_gaps, dispersion_error, score."""
    quality: pd.DataFrame
    """Rows of measure, trace, fitted, distance: one draw of the recipe beside the trace."""
    left_out: tuple[str, ...]
    """What the trace has and the recipe has not."""


def fit(trace: Trace, rng: Generator, name: str = "fitted") -> Fit:
    """Find a recipe for a trace: arrivals, lengths, their correlation, and conversations.

    Of the arrival processes, the one is taken whose gaps (KS distance) and counts (dispersion at
    several scales) together lie nearest to the trace's.

    Raises
    ------
    InputError
        If the trace has fewer than 20 requests, or all come at one instant.
    """
    span = float(trace.arrival_s[-1] - trace.arrival_s[0])
    if len(trace) < FEWEST or span <= 0:
        raise InputError(
            f"fit: expected at least {FEWEST} requests at more than one instant, found "
            f"{len(trace)} within {span:g} s"
        )
    sessions, starts = _conversations(trace)
    candidates, best = fit_arrivals(trace.arrival_s[starts], rng)
    own = trace.prompt_tokens.copy() if sessions is None else _new_tokens(trace)
    beginnings = beginnings_of(trace, starts)
    if beginnings is not None:
        own[starts] = np.maximum(own[starts] - beginnings.tokens, 1)
    recipe = Synthetic(
        name=name,
        source=f"fitted to {trace.meta.get('source', 'a trace')} of {len(trace)} requests",
        arrivals=best,
        prompt_tokens=fit_lengths(own),
        output_tokens=fit_lengths(trace.output_tokens),
        length_correlation=rank_correlation(own, trace.output_tokens),
        shared_prefixes=beginnings.prefixes if beginnings else None,
        sessions=sessions,
        duration_s=span + span / len(trace),
    )
    drawn = recipe.sample(rng, None)
    return Fit(recipe, candidates, _quality(trace, drawn), _left_out(trace, recipe))


def _conversations(trace: Trace) -> tuple[Sessions | None, Ints]:
    """Conversations if prompts grow by them, and the rows that begin one."""
    rows = np.arange(len(trace))
    if trace.session is None or not (trace.session >= 0).any():
        return None, rows
    order, same = _by_turns(trace)
    grows = np.diff(trace.prompt_tokens[order])[same] > 0
    if not same.any() or grows.mean() < 0.5:
        return None, rows
    later = order[1:][same]
    starts = np.setdiff1d(rows, later)
    if len(starts) < FEWEST or np.ptp(trace.arrival_s[starts]) <= 0:
        return None, rows  # too few to say how conversations begin
    turns = np.diff(np.append(np.flatnonzero(np.concatenate(([True], ~same))), len(order)))
    gaps = np.diff(trace.arrival_s[order])[same]
    answered = Think().answer_times(trace.output_tokens[order[:-1]][same])
    think = np.maximum(gaps - answered, 0)
    mean = float(think.mean())
    cv = float(think.std() / mean) if mean > 0 else 0.0
    return Sessions(turns=fit_lengths(turns), think_s=mean, think_cv=min(cv, 10.0)), starts


def _by_turns(trace: Trace) -> tuple[Ints, NDArray[np.bool_]]:
    """Rows by conversation, and whether each but the first is of the same one as that before."""
    assert trace.session is not None
    order = np.argsort(trace.session, kind="stable")
    session = trace.session[order]
    return order, (np.diff(session) == 0) & (session[1:] >= 0)


def _new_tokens(trace: Trace) -> Ints:
    """What each prompt adds to the prompt and the answer before it, at least 1."""
    order, same = _by_turns(trace)
    new = trace.prompt_tokens.copy()
    before, later = order[:-1][same], order[1:][same]
    said = trace.prompt_tokens[before] + trace.output_tokens[before]
    new[later] = np.maximum(trace.prompt_tokens[later] - said, 1)
    return new


def _quality(trace: Trace, drawn: Trace) -> pd.DataFrame:
    """Trace and one draw side by side."""
    rows: list[tuple[str, float, float, float]] = []
    pairs = {
        "gaps": (np.diff(trace.arrival_s), np.diff(drawn.arrival_s)),
        "prompt_tokens": (trace.prompt_tokens, drawn.prompt_tokens),
        "output_tokens": (trace.output_tokens, drawn.output_tokens),
    }
    for measure, (one, two) in pairs.items():
        rows.append((f"{measure}: mean", float(one.mean()), float(two.mean()), np.nan))
        rows.append((f"{measure}: cv", _cv(one), _cv(two), np.nan))
        rows.append((f"{measure}: KS distance", np.nan, np.nan, ks_distance(one, two)))
    shapes = [shape_of(one.arrival_s).dispersion() for one in (trace, drawn)]
    for place, window in enumerate(shapes[0].window_s):
        found = [float(shape.dispersion[place]) for shape in shapes]
        if np.isfinite(found).all():
            one, two = np.log10(np.maximum(found, LEAST_DISPERSION))
            rows.append((f"dispersion in {window} s", *found, abs(two - one)))
    return pd.DataFrame(rows, columns=["measure", "trace", "fitted", "distance"])


def _cv(values: NDArray[Any]) -> float:
    mean = float(values.mean())
    return float(values.std() / mean) if mean else float("nan")


def _left_out(trace: Trace, recipe: Synthetic) -> tuple[str, ...]:
    """What of the trace is not in the recipe."""
    sessions = recipe.sessions
    lost = []
    if trace.segments is not None and sessions is None and recipe.shared_prefixes is None:
        lost.append("which prompts share text (prompt identity)")
    if trace.session is not None and sessions is None:
        lost.append("conversations (too few, or prompts do not grow from turn to turn)")
    if trace.tenant is not None:
        lost.append("tenants")
    if trace.priority.any():
        lost.append("priorities")
    if trace.closed_loop:
        lost.append("that requests wait for answers (closed loop)")
    return tuple(lost)
