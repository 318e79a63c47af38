"""Rows of a measured file: every number checked as it is read, with file, line and column."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from hardware_profiles.errors import InputError

__all__ = ["DEFAULT_WORDS", "LINE", "Row", "Rule", "check_number", "check_rows", "number"]

LINE = "_line"
"""Key of a row's line in its file."""
DEFAULT_WORDS = frozenset({"", "default", "auto", "none", "n/a", "na", "-", "nan", "unknown"})
"""Texts that stand for no number."""
Row = Mapping[str, Any]


class Rule(NamedTuple):
    """Numbers that a column may hold, both ends included."""

    least: float
    most: float
    is_whole: bool = False
    is_needed: bool = False
    leads: bool = False
    """Only the first word is a number: "100 (or 45)"."""

    def __str__(self) -> str:
        what = "a whole number" if self.is_whole else "a number"
        return f"{what} from {self.least:.12g} to {self.most:.12g}"

    def admits(self, value: float) -> bool:
        """Whether it is in range and, where it must be, whole; NaN is not."""
        in_range = self.least <= value <= self.most
        return in_range and not (self.is_whole and value % 1)


PARTS, LENGTH = Rule(1, 4096, True), Rule(1, 1e7)
MILLISECONDS = Rule(1e-3, 1e9)
"""A microsecond to eleven days. [ms]"""
RULES = {
    "stage_index": Rule(-1, 10_000, True, is_needed=True),
    "output_len": Rule(1, 1e6, is_needed=True),
    **dict.fromkeys(("tp", "num_gpus"), PARTS),
    **dict.fromkeys(("pp", "dp", "ep"), Rule(0, 4096, True)),  # 0: not split so
    "concurrency": Rule(1, 20_000, True),
    "num_requests": Rule(1, 1e7, True),
    "request_rate_rps": Rule(1e-6, 1e5),
    "duration_s": Rule(1e-3, 1e7),
    "input_len_spec": LENGTH,
    "input_len_measured": LENGTH,
    "shared_prefix_len": Rule(0, 1e7, True),
    "num_prefix_groups": Rule(0, 1e5, True, leads=True),
    "num_distinct_prompts": Rule(0, 1e5, True, leads=True),
    "max_num_seqs": Rule(1, 1e5, True),
    "max_num_batched_tokens": Rule(1, 1e8, True),
    "max_model_len": Rule(1, 1e8, True),
    "kv_block_size": Rule(1, 4096, True),
    "kv_blocks": Rule(1, 1e9, True),
    "gpu_memory_utilization": Rule(0.01, 1.0),
}  # fmt: skip
NAMES = ("model", "gpu")


def check_number(value: object, rule: Rule, where: str) -> None:
    """Refuse what a rule does not admit, in one line that begins with `where`."""
    try:
        is_right = rule.admits(float(str(value)))
    except ValueError:
        is_right = False
    if not is_right:
        raise InputError(f"{where}: expected {rule}, found {_plain(value)}")


def check_rows(rows: Sequence[Row], path: Path, metrics: Sequence[str]) -> None:
    """Refuse rows of one experiment that no server can have had, or that disagree.

    Parameters
    ----------
    rows : with their `LINE`.
    path : of the file, for the message.
    metrics : columns of measured times. [ms]

    Raises
    ------
    InputError
        ``FILE:LINE: column: expected …, found …``.
    """
    for row in rows:
        for name in NAMES:
            if row.get(name) is None or row[name] != row[name] or not str(row[name]).strip():
                raise InputError(f"{path}:{row[LINE]}: {name}: it is empty")
            if row[name] != rows[0][name]:
                raise InputError(
                    f"{path}:{row[LINE]}: {name}: expected {rows[0][name]!r} as in the other rows "
                    f"of this experiment, found {row[name]!r}"
                )
        for column, rule in {**RULES, **dict.fromkeys(metrics, MILLISECONDS)}.items():
            _check_cell(row, column, rule, f"{path}:{row[LINE]}: {column}")
    _check_stages(rows, path)


def _check_cell(row: Row, column: str, rule: Rule, where: str) -> None:
    value = row.get(column)
    text = "" if value is None or value != value else str(value).strip()
    if text.lower() in DEFAULT_WORDS:
        if rule.is_needed:
            raise InputError(f"{where}: expected {rule}, found nothing")
        return
    # "As fast as the server answers": so it is said beside a concurrency.
    is_unlimited = column == "request_rate_rps" and text.lower().lstrip("+") in ("inf", "infinity")
    # A share of what is free, or a range, is a description: the default is what it is nearest to.
    is_told = column == "gpu_memory_utilization" and len(text.split()) > 1
    if is_unlimited or is_told:
        return
    check_number(text.split()[0] if rule.leads else text, rule, where)


def _check_stages(rows: Sequence[Row], path: Path) -> None:
    seen = dict[float, int]()
    for row in rows:
        index = float(row["stage_index"])
        if index in seen:
            raise InputError(
                f"{path}:{row[LINE]}: stage_index: {index:g} is in line {seen[index]} already"
            )
        seen[index] = row[LINE]


def number(row: Row, column: str) -> float | None:
    """Finite number in a column, None where there is none ("default", "auto")."""
    try:
        value = float(row.get(column, "nan"))
    except (TypeError, ValueError):
        return None
    return value if abs(value) < float("inf") else None


def _plain(value: object) -> str:
    if isinstance(value, str):
        return repr(value)
    return "nothing" if value is None or value != value else f"{value}"
