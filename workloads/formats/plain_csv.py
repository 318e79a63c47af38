"""Any CSV with a time and two token counts a row, its columns named by the user.

``columns`` says what is what: ``{arrival_s: ts, prompt_tokens: in, output_tokens: out}`` and, where
there are any, ``priority``, ``tenant`` and ``session``. Without it the columns must have just these
names. Times are seconds from the file's own 0, or dates (then the first request is at 0).
"""

from collections.abc import Iterator

from hardware_profiles.errors import InputError, did_you_mean
from workloads.formats import _parse
from workloads.formats._batch import Batch, numbered, sound
from workloads.formats._csv import header_of, rows_of
from workloads.formats._files import Head
from workloads.formats._rows import Ledger, Rows

__all__ = ["batches", "recognise"]

NEEDED = ("arrival_s", "prompt_tokens", "output_tokens")
OPTIONAL = ("priority", "tenant", "session")
_ANY = 2**31


def recognise(head: Head) -> bool:
    """Whether the first line has the names that a trace's own columns have."""
    return set(NEEDED) <= set(header_of(head.first_line))


def batches(ledger: Ledger) -> Iterator[Batch]:
    """Requests of the file, batch by batch."""
    name = _names(ledger)
    needed = [name[key] for key in NEEDED]
    needed += [name[key] for key in OPTIONAL if key in ledger.columns]
    sessions: dict[str, int] = {}
    dated: bool | None = None
    for rows in rows_of(ledger, needed):
        if dated is None:
            dated = _dated(rows, name["arrival_s"])
        times = rows.wall_ns(name["arrival_s"]) if dated else rows.seconds(name["arrival_s"])
        prompt, output = rows.tokens(name["prompt_tokens"]), rows.tokens(name["output_tokens"])
        has = {key: rows.has(name[key]) for key in OPTIONAL}
        words = rows.words(name["session"]) if has["session"] else None
        yield sound(
            rows,
            name["arrival_s"],
            times,
            prompt,
            output,
            priority=rows.ints(name["priority"], -_ANY, _ANY, 0) if has["priority"] else None,
            tenant=rows.words(name["tenant"]) if has["tenant"] else None,
            session=None if words is None else numbered(words, sessions),
        )


def _names(ledger: Ledger) -> dict[str, str]:
    """The file's name of each column."""
    for key in ledger.columns:
        if key not in NEEDED + OPTIONAL:
            raise InputError(f"columns: no {key!r}; {did_you_mean(key, NEEDED + OPTIONAL)}")
    return {key: ledger.columns.get(key, key) for key in NEEDED + OPTIONAL}


def _dated(rows: Rows, column: str) -> bool:
    """Whether the first rows' times are dates."""
    text = rows.words(column)[:100]
    return bool(_parse.ISO_DATE.match(str(next((t for t in text if t), ""))))
