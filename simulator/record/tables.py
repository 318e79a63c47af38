"""What a run publishes: every column of every table, declared once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

DType = Literal["int64", "float64", "category"]

OUTCOMES: Final = ("completed", "rejected", "unfinished", "timed_out", "cancelled", "failed")
"""How a request can end: turned away by the fleet; given up by its client for want of patience, or
because the user left; lost with a replica. `unfinished` is in the system when the run stops."""

STATES: Final = ("busy", "idle", "warming", "down", "draining")
"""What a replica can be doing; they tile its life. A draining one works off what it has."""


class Column(NamedTuple):
    """One published column: its name, its dtype, its unit and what it means."""

    name: str
    dtype: DType
    unit: str
    meaning: str
    categories: tuple[str, ...] | None = None


def _count(name: str, unit: str, meaning: str) -> Column:
    return Column(name, "int64", unit, meaning)


def _real(name: str, unit: str, meaning: str) -> Column:
    return Column(name, "float64", unit, meaning)


REQUESTS: Final = (
    _count("request_id", "-", "row of the request in the trace"),
    _real("arrival_s", "s", "when the request reached the front door"),
    _real("scheduled_s", "s", "when it was first admitted to a batch; NaN if never"),
    _real("first_token_s", "s", "end of the step that gave its first token; NaN if never"),
    _real("finish_s", "s", "end of its last step; arrival if rejected, NaN if unfinished"),
    _count("prompt_tokens", "tokens", "length of the prompt"),
    _count("output_tokens", "tokens", "output tokens asked for"),
    _count("generated_tokens", "tokens", "output tokens given by the end of the run"),
    _count("cached_tokens", "tokens", "prompt tokens found in the cache at the first admission"),
    _count("cached_tokens_total", "tokens", "tokens found in the cache over all admissions"),
    _count("preemptions", "-", "times it lost its KV blocks and had to compute again"),
    _count("replica", "-", "replica that served it; -1 if none"),
    Column("outcome", "category", "-", "how it ended", OUTCOMES),
    _count("priority", "-", "smaller goes first under the priority policy"),
    Column("tenant", "category", "-", "who asked; empty when the trace does not say"),
    _real("queue_s", "s", "scheduled_s - arrival_s"),
    _real("ttft_s", "s", "from arrival to the first token at the client, API cost included"),
    _real("tpot_s", "s", "mean time per output token after the first; NaN below two tokens"),
    _real("e2e_s", "s", "from arrival to the last token at the client, API cost included"),
)

STEPS: Final = (
    _count("replica", "-", "replica that ran the steps"),
    _count("first_step", "-", "number of the run's first step on this replica, from 0"),
    _count("num_steps", "steps", "equal steps this row stands for"),
    _real("start_s", "s", "when the first step began"),
    _real("end_s", "s", "when the last step ended"),
    _real("first_step_s", "s", "duration of the first step; the others grow by equal amounts"),
    _count("prefill_tokens", "tokens", "prompt tokens computed, per step"),
    _count("prefill_seqs", "-", "sequences that computed prompt tokens, per step"),
    _count("prefill_context", "tokens", "sum over those of the tokens computed before"),
    _count("prefill_pairs", "pairs", "attention pairs of the prompt tokens computed"),
    _count("decode_seqs", "-", "sequences that computed one token each, per step"),
    _count(
        "decode_context", "tokens", "sum over those before the first step; + decode_seqs a step"
    ),
    _count("kv_blocks", "blocks", "KV blocks in use when the step was composed"),
    _count("running", "-", "requests admitted when the step was composed"),
    _count("waiting", "-", "requests not admitted when the step was composed"),
)

CHUNKS: Final = (
    _count("request", "-", "row of the request"),
    _count("replica", "-", "replica that computed the chunk"),
    _count("step", "-", "step that computed it"),
    _count("tokens", "tokens", "tokens computed"),
    _count("context", "tokens", "its tokens computed before this chunk, cached ones included"),
    _count("cached", "tokens", "tokens taken from the cache right before this chunk"),
)

DECODES: Final = (
    _count("request", "-", "row of the request"),
    _count("replica", "-", "replica it decoded on"),
    _count("first_step", "-", "first step of the stay"),
    _count("last_step", "-", "last step of the stay; one token in each"),
    _count("context", "tokens", "its tokens computed before the first step of the stay"),
)

REPLICAS: Final = (
    _count("replica", "-", "number of the replica"),
    _count("gpus", "GPUs", "GPUs it holds"),
    _real("requested_s", "s", "when it was asked for; paying begins"),
    _real("ready_s", "s", "when it could serve; NaN if never"),
    _real("stopped_s", "s", "when it was given back, or the run ended; paying ends"),
    _count("num_gpu_blocks", "blocks", "KV blocks in its pool"),
    Column("pool", "category", "-", "pool it belongs to; empty where there is but one"),
)

INTERVALS: Final = (
    _count("replica", "-", "number of the replica"),
    Column("state", "category", "-", "what it was doing", STATES),
    _real("start_s", "s", "when it began to"),
    _real("end_s", "s", "when it stopped doing so"),
)

EVENTS: Final = (
    _real("time_s", "s", "when it happened"),
    Column("event", "category", "-", "what happened: requested, ready, draining, stopped, …"),
    _count("replica", "-", "to which replica; -1 if to none"),
    _count("request", "-", "to which request; -1 if to none"),
    Column("pool", "category", "-", "pool or endpoint concerned; empty if there is but one"),
    _real("value", "-", "what goes with it: replicas wanted, seconds down; NaN if nothing does"),
)

CALLS: Final = (
    _count("request", "-", "row of the request"),
    Column("endpoint", "category", "-", "who was asked"),
    Column("why", "category", "-", "why it was not served at home"),
    _real("sent_s", "s", "when it was asked"),
    _real("first_token_s", "s", "when the first token came; NaN if none did"),
    _real("finish_s", "s", "when the answer was complete; NaN if it never was"),
    _count("prompt_tokens", "tokens", "tokens sent"),
    _count("cached_tokens", "tokens", "of them, charged as cached"),
    _count("output_tokens", "tokens", "tokens charged as output"),
    Column("outcome", "category", "-", "ok, limited (429), down, abandoned"),
    _real("usd", "USD", "what the call costs at the endpoint's prices"),
)

OVERFLOW: Final = (
    _real("start_s", "s", "start of the bin in which the calls were sent"),
    _real("end_s", "s", "end of the bin"),
    Column("endpoint", "category", "-", "who was asked"),
    Column("why", "category", "-", "why they were not served at home"),
    _count("priority", "-", "class of the requests: smaller goes first"),
    Column("tenant", "category", "-", "whose requests; empty when the trace does not say"),
    Column("outcome", "category", "-", "ok, limited (429), down, abandoned"),
    _count("calls", "-", "how many there were"),
    _count("prompt_tokens", "tokens", "tokens sent, or that would have been"),
    _count("cached_tokens", "tokens", "of them, charged as cached"),
    _count("output_tokens", "tokens", "tokens charged as output"),
    _real("usd", "USD", "what they cost at the endpoint's prices"),
)

TIMELINE: Final = (
    _count("replica", "-", "number of the replica; -1 is the whole fleet"),
    _real("start_s", "s", "start of the bin"),
    _real("end_s", "s", "end of the bin"),
    _real("running", "-", "requests admitted, mean over the bin"),
    _real("waiting", "-", "requests queueing, mean over the bin"),
    _real("kv_use", "share", "KV blocks in use of those provisioned, mean over the bin"),
    _real("prefill_tokens_per_s", "tokens/s", "prompt tokens computed per second"),
    _real("decode_tokens_per_s", "tokens/s", "output tokens computed per second, without firsts"),
    _real("busy_share", "share", "busy time of provisioned time"),
    _real("power_w", "W", "electrical power of the GPUs held, mean over the bin"),
)

GAPS: Final = (
    _count("request", "-", "row of the request"),
    _real("start_s", "s", "when its previous token came"),
    _real("end_s", "s", "when its next token came"),
    _real("gap_s", "s", "between the two; more than a step, for it was preempted or passed over"),
)

TABLES: Final[Mapping[str, tuple[Column, ...]]] = {
    "requests": REQUESTS,
    "steps": STEPS,
    "chunks": CHUNKS,
    "decodes": DECODES,
    "replicas": REPLICAS,
    "intervals": INTERVALS,
    "events": EVENTS,
    "calls": CALLS,
    "overflow": OVERFLOW,
    "timeline": TIMELINE,
    "gaps": GAPS,
}


def names(table: str) -> list[str]:
    """Names of the columns of one table, in order."""
    return [column.name for column in TABLES[table]]


def frame(table: str, columns: Mapping[str, ArrayLike | pd.Series[Any]]) -> pd.DataFrame:
    """Equal-length columns as the DataFrame that `table` publishes, in its order and dtypes.

    Raises ValueError when a column is missing or is not declared: what is published is declared.

    >>> frame("gaps", {"request": [3], "start_s": [1], "end_s": [3], "gap_s": [2]}).gap_s.item()
    2.0
    """
    declared = names(table)
    if set(columns) != set(declared):
        missing = [name for name in declared if name not in columns]
        extra = [name for name in columns if name not in declared]
        raise ValueError(f"table {table!r}: columns missing {missing}, not declared {extra}")
    return pd.DataFrame({c.name: _cast(c, columns[c.name]) for c in TABLES[table]})


def empty(table: str) -> pd.DataFrame:
    """The table without rows, in its dtypes.

    >>> len(empty("steps"))
    0
    """
    return frame(table, {name: [] for name in names(table)})


def _cast(column: Column, values: Any) -> Any:
    if column.dtype != "category":
        return np.asarray(values, dtype=column.dtype)
    if column.categories is not None:
        return pd.Categorical(values, categories=list(column.categories))
    if isinstance(getattr(values, "dtype", None), pd.CategoricalDtype):
        return pd.Categorical(values)
    return pd.Categorical(pd.Series(values, dtype=str))


def glossary() -> pd.DataFrame:
    """Every published column: table, column, dtype, unit, meaning.

    >>> glossary().query("table == 'requests' and column == 'ttft_s'").unit.item()
    's'
    """
    rows = [(table, c.name, c.dtype, c.unit, c.meaning) for table in TABLES for c in TABLES[table]]
    return pd.DataFrame(rows, columns=["table", "column", "dtype", "unit", "meaning"])
