"""A user's own measurements: requests one by one, from a CSV or from vLLM's benchmark."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from experiments.calibration_rows import Rule, check_number
from hardware_profiles.errors import InputError

__all__ = ["bench_model", "measured_metrics", "read_listed"]

NEEDED = ("arrival_s", "input_tokens", "output_tokens")
TIMES = ("ttft_s", "e2e_s")
TOKENS = Rule(1, 1e7, is_whole=True)
RULES = {
    "arrival_s": Rule(-1e12, 1e12),
    "input_tokens": TOKENS, "output_tokens": TOKENS,
    "ttft_s": Rule(0, 1e7), "e2e_s": Rule(0, 1e7),
}  # fmt: skip
MOST_REQUESTS = 1_000_000
BENCH = ("start_times", "input_lens", "output_lens", "ttfts", "itls")


def read_listed(path: Path) -> pd.DataFrame:
    """Requests of a measured run in order of arrival.

    Parameters
    ----------
    path : CSV with ``arrival_s, input_tokens, output_tokens`` and, where they were measured,
        ``ttft_s, e2e_s``; or the JSON of ``vllm bench serve --save-result --save-detailed``.

    Returns
    -------
    DataFrame of those columns, arrivals from 0 on. [s]

    Raises
    ------
    InputError
        If the file is neither, or holds a number that cannot be.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: expected a text file in UTF-8") from None
    is_bench = text.lstrip().startswith("{")
    rows = _bench(text, path) if is_bench else _csv(path)
    _check(rows, path, is_bench)
    rows = rows.assign(**{str(column): pd.to_numeric(rows[column]) for column in rows})
    rows = rows.sort_values("arrival_s", kind="stable", ignore_index=True)
    return rows.assign(arrival_s=rows["arrival_s"] - rows["arrival_s"].iloc[0])


def bench_model(path: Path) -> str | None:
    """Model that a result of vLLM's benchmark names, None if the file is none or names none."""
    try:
        run = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError):
        return None
    name = run.get("model_id") if isinstance(run, dict) else None
    return name if isinstance(name, str) and name.strip() else None


def measured_metrics(listed: pd.DataFrame) -> Mapping[str, float]:
    """Mean and percentiles of what was measured request by request. [ms]

    Returns
    -------
    By column of a measured file (``ttft_ms_mean``, ``e2e_ms_p99``, …).
    """
    if "e2e_s" not in listed:
        return {}
    decode_s, tokens = listed["e2e_s"] - listed["ttft_s"], listed["output_tokens"] - 1
    series = {
        "ttft": listed["ttft_s"],
        "tpot": (decode_s / tokens)[tokens > 0],
        "e2e": listed["e2e_s"],
    }
    found = {}
    for name, seconds in series.items():
        if not len(seconds):
            continue
        found[f"{name}_ms_mean"] = 1e3 * float(seconds.mean())
        for share in (50, 90, 95, 99):
            found[f"{name}_ms_p{share}"] = 1e3 * float(np.percentile(seconds, share))
    return found


def _csv(path: Path) -> pd.DataFrame:
    try:
        rows = pd.read_csv(path, encoding="utf-8-sig")
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise InputError(f"{path}: not a CSV table: {error}") from None
    missing = [column for column in NEEDED if column not in rows]
    if missing:
        raise InputError(
            f"{path}: the column {missing[0]!r} is needed; there are: {', '.join(rows.columns)}"
        )
    times = TIMES if set(TIMES) <= set(rows.columns) else ()
    return rows[[*NEEDED, *times]]


def _bench(text: str, path: Path) -> pd.DataFrame:
    try:
        run: dict[str, Any] = json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(f"{path}:{error.lineno}: not JSON: {error.msg}") from None
    missing = [name for name in BENCH if not isinstance(run.get(name), list)]
    if missing:
        raise InputError(
            f"{path}: has no array {missing[0]!r}; run the benchmark with --save-detailed"
        )
    sizes = {len(run[name]) for name in BENCH}
    if len(sizes) > 1:
        raise InputError(f"{path}: its arrays are of different lengths: {sorted(sizes)}")
    count = sizes.pop()
    errors = run.get("errors") or [""] * count
    if not isinstance(errors, list) or len(errors) != count:
        raise InputError(f"{path}: errors: expected an array of {count}, as the others are")
    failed = [bool(error) for error in errors]
    try:
        rows = pd.DataFrame(
            {
                "arrival_s": np.asarray(run["start_times"], dtype=float),
                "input_tokens": np.asarray(run["input_lens"]),
                "output_tokens": np.asarray(run["output_lens"]),
                "ttft_s": np.asarray(run["ttfts"], dtype=float),
                "e2e_s": [
                    first + sum(rest) for first, rest in zip(run["ttfts"], run["itls"], strict=True)
                ],
            }
        )
    except (TypeError, ValueError) as error:
        raise InputError(f"{path}: expected arrays of numbers: {error}") from None
    return rows[~np.asarray(failed, dtype=bool)]


def _check(rows: pd.DataFrame, path: Path, is_bench: bool) -> None:
    """Refuse what no run can have measured."""
    if not len(rows):
        raise InputError(f"{path}: it has no requests")
    if len(rows) > MOST_REQUESTS:
        raise InputError(f"{path}: {len(rows)} requests; at most {MOST_REQUESTS} are replayed")

    def where(index: int) -> str:
        return f"{path}: request {index}" if is_bench else f"{path}:{index + 2}"

    for column in map(str, rows):
        rule, values = RULES[column], pd.to_numeric(rows[column], errors="coerce")
        fine = (values >= rule.least) & (values <= rule.most)
        if rule.is_whole:
            fine &= values % 1 == 0
        if not fine.all():
            index = int(rows.index[~fine][0])
            check_number(rows[column][index], rule, f"{where(index)}: {column}")
    if "e2e_s" in rows:
        ttft_s, e2e_s = pd.to_numeric(rows["ttft_s"]), pd.to_numeric(rows["e2e_s"])
        if (early := e2e_s < ttft_s).any():
            raise InputError(f"{where(int(rows.index[early][0]))}: e2e_s is less than ttft_s")
