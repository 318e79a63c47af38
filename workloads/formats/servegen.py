"""ServeGen clients: how one client's rate and lengths change over a day; not requests.

``chunk-<i>-trace.csv`` has no header: ``t_s,rate_req_s,cv,pattern,arg1,arg2``, one line a window of
600 s, the pattern Gamma, Weibull or empty, ``arg1`` its fitted shape. Beside it lies
``chunk-<i>-dataset.json``: from the start of a window, ``input_tokens`` and ``output_tokens`` as
distributions, each a Python dict *in a string* (read as a literal, never evaluated).

Requests are drawn from them: as traffic (``kind: servegen``, many clients, with the scenario's
seed), or read as a file (one client, always with the same draws).

Source: github.com/alibaba/ServeGen, Apache-2.0; arXiv:2505.09999.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from hardware_profiles.errors import InputError
from workloads.columns import MAX_TOKENS
from workloads.formats._batch import Batch
from workloads.formats._csv import rows_of
from workloads.formats._files import Head
from workloads.formats._json import document
from workloads.formats._rows import Ledger
from workloads.process import Seconds
from workloads.segments import Ints

__all__ = ["ServedClient", "batches", "read_client", "recognise"]

NAMES = ("t_s", "rate_req_s", "cv", "pattern", "arg1", "arg2")
PATTERNS = ("Gamma", "Weibull", None)
WINDOW_S = 600.0
Distribution = tuple[Ints, NDArray[np.float64]]
"""Lengths [tokens] and their chances."""


class ServedClient(NamedTuple):
    """One client's windows and length distributions."""

    begins_s: Seconds
    rate_per_s: NDArray[np.float64]
    pattern: NDArray[np.object_]
    shape: NDArray[np.float64]
    lengths_from_s: list[float]
    """Starts of the windows of the distributions, in order."""
    lengths: list[tuple[Distribution, Distribution]]
    """Input and output lengths from each of those on."""

    def draw(self, rng: Generator, rate_scale: float = 1.0) -> tuple[Seconds, Ints, Ints]:
        """Arrivals [s], input and output lengths of all windows.

        Each window has as many requests as its rate says (a fraction is settled by chance), and
        gaps of its pattern and shape, stretched to fill the window.
        """
        arrivals: list[Seconds] = []
        inputs: list[Ints] = []
        outputs: list[Ints] = []
        for window in np.flatnonzero(self.rate_per_s > 0):
            expected = float(self.rate_per_s[window]) * WINDOW_S * rate_scale
            number = int(expected + rng.random())
            gaps = _gaps(rng, self.pattern[window], float(self.shape[window]), number + 1)
            begins = float(self.begins_s[window])
            arrivals.append(begins + np.cumsum(gaps)[:-1] / gaps.sum() * WINDOW_S)
            place = max(int(np.searchsorted(self.lengths_from_s, begins, side="right")) - 1, 0)
            for drawn, (values, chance) in zip((inputs, outputs), self.lengths[place], strict=True):
                drawn.append(rng.choice(values, number, p=chance))
        parts = [np.concatenate([np.zeros(0), *part]) for part in (arrivals, inputs, outputs)]
        return parts[0], parts[1].astype(np.int64), parts[2].astype(np.int64)


def _gaps(rng: Generator, pattern: str | None, shape: float, number: int) -> Seconds:
    if pattern == "Gamma":
        drawn = rng.gamma(shape, size=number)
    elif pattern == "Weibull":
        drawn = rng.weibull(shape, number)
    else:
        drawn = rng.standard_exponential(number)
    return np.maximum(drawn, 1e-12)


def recognise(head: Head) -> bool:
    """Whether the first line looks like a window of a client."""
    number = r"[\d.eE+-]+"
    pattern = rf"{number},{number},{number},(Gamma|Weibull|),{number},{number}\s*"
    return re.fullmatch(pattern, head.first_line) is not None


def batches(ledger: Ledger) -> Iterator[Batch]:
    """Requests drawn for one client, always the same."""
    client = read_client(ledger)
    times, prompt, output = client.draw(np.random.default_rng(0))
    ledger.notes["assumed"] = "requests drawn from a client's distributions with a fixed seed"
    yield Batch(times, prompt, output)


def read_client(ledger: Ledger) -> ServedClient:
    """Windows of the file of a ledger, and the distributions of the file beside it.

    Raises
    ------
    InputError
        If a window or a distribution is malformed, or there is no ``…-dataset.json`` beside it.
    """
    columns: tuple[list[Any], ...] = ([], [], [], [])
    for rows in rows_of(ledger, NAMES, names=NAMES):
        times, rate = rows.seconds("t_s"), rows.numbers("rate_req_s")
        rows.refuse(rate < 0, "rate_req_s", "a rate of at least 0")
        pattern, shape = rows.words("pattern"), rows.numbers("arg1")
        unknown = ~np.isin(pattern.astype(str), [str(name) for name in PATTERNS])
        rows.refuse(unknown, "pattern", "Gamma, Weibull or nothing")
        flat = (rate > 0) & (pattern != None) & (shape <= 0)  # noqa: E711
        rows.refuse(flat, "arg1", "a shape above 0")
        keep = rows.settle("t_s", times)
        for column, values in zip(columns, (times, rate, pattern, shape), strict=True):
            column.append(values[keep])
    begins, rates, patterns, shapes = (np.concatenate(column) for column in columns)
    if not (rates > 0).any():
        raise ledger.fail("this client sends nothing in any window")
    starts, lengths = _read_lengths(ledger)
    return ServedClient(begins, rates, patterns, shapes, starts, lengths)


def _read_lengths(
    ledger: Ledger,
) -> tuple[list[float], list[tuple[Distribution, Distribution]]]:
    path = ledger.path
    beside = path.with_name(re.sub(r"-trace\.csv.*$", "-dataset.json", path.name))
    if beside == path or not beside.exists():
        raise ledger.fail(f"needs its lengths in {beside.name} beside it; there is no such file")
    windows = document(Ledger(beside))
    if not isinstance(windows, dict):
        raise InputError(f"{beside}: expected an object with one entry a window")
    starts, lengths = [], []
    for start, window in windows.items():
        pair = tuple(_distribution(beside, start, window, key) for key in LENGTH_KEYS)
        if pair[0] is not None and pair[1] is not None:
            starts.append(_start(beside, start))
            lengths.append((pair[0], pair[1]))
    if not lengths:
        raise InputError(f"{beside}: all its distributions are empty; expected one that is not")
    order = np.argsort(starts, kind="stable")
    return [starts[k] for k in order], [lengths[k] for k in order]


LENGTH_KEYS = ("input_tokens", "output_tokens")


def _start(path: Path, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InputError(f"{path}: {text!r}: expected the start of a window in seconds") from None


def _distribution(path: Path, start: str, window: Any, key: str) -> Distribution | None:
    """Lengths and chances; None where the window has none."""
    text = window.get(key) if isinstance(window, dict) else None
    where = f"{path}: window {start}: {key}"
    try:
        table = ast.literal_eval(text) if isinstance(text, str) else text
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        raise InputError(f"{where}: expected a dict of lengths and chances in a string") from None
    if not isinstance(table, dict):
        raise InputError(f"{where}: expected a dict of lengths and chances, found {text!r}")
    if not table:
        return None
    for tokens, chance in table.items():
        sound_tokens = isinstance(tokens, int) and 0 <= tokens < MAX_TOKENS
        if not sound_tokens or not isinstance(chance, int | float) or not 0 <= chance < np.inf:
            raise InputError(f"{where}: expected tokens and a chance, found {tokens!r}: {chance!r}")
    # A length of 0 stands in some windows; nothing can be asked or answered with it.
    kept = {tokens: chance for tokens, chance in table.items() if tokens >= 1}
    chances = np.array(list(kept.values()), dtype=np.float64)
    if not chances.sum() > 0:
        raise InputError(f"{where}: all its chances are 0; expected some above")
    return np.array(list(kept), dtype=np.int64), chances / chances.sum()
