"""A rehearsal of monitoring told in a terminal: incidents, alerts, and what rules are worth."""

from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from experiments.monitor_rules import duration, in_words
from experiments.monitor_run import Monitored, rows_of
from experiments.telling import number

__all__ = ["WHAT", "clock", "in_plain", "tell_monitored", "totals_in_words"]

MOST_ROWS = 20
NARROW = 100
WHAT = {
    "gpu_failure": "GPU failure",
    "engine_crash": "engine crash",
    "slow_gpu": "slow GPU",
    "zone_outage": "zone outage",
    "spot_reclaim": "spot reclaim",
    "slo": "SLO missed",
}


def in_plain(what: str) -> str:
    """Kinds of an incident in words."""
    return ", ".join(WHAT.get(kind, kind) for kind in what.split(", "))


def tell_monitored(found: Monitored, folder: Path | None, console: Console) -> None:
    """Print incidents, alerts, rules and totals.

    Parameters
    ----------
    folder : where all is kept, if it is.
    """
    title = Text(f"{found.result.scenario.name}: ", style="bold")
    title.append(
        f"{duration(found.result.horizon_s)} of run, {len(found.rules.rules)} rules looked at "
        f"every {duration(found.rules.interval_s)}",
        style="not bold",
    )
    console.print(title, soft_wrap=True)
    if len(found.rehearsal.incidents):
        console.print(_incidents(found))
    if len(found.rehearsal.alerts):
        console.print(_alerts(found))
    console.print(_rules(found, narrow=console.width < NARROW))
    for sentence in totals_in_words(found):
        console.print(sentence, highlight=False, markup=False)
    if folder is not None:
        where = f"Tables, series, rules and the picture are in {folder}"
        console.print(where, highlight=False, soft_wrap=True, markup=False)


def _table(title: str, left: tuple[str, ...], right: tuple[str, ...]) -> Table:
    table = Table(title=Text(title), title_justify="left", header_style="bold")
    for head in left:
        table.add_column(head)
    for head in right:
        table.add_column(Text(head), justify="right")
    return table


def clock(time_s: float) -> str:
    """A time of the run in hours, minutes and seconds.

    >>> clock(75.9), clock(90061)
    ('0:01:15', '25:01:01')
    """
    whole = int(time_s)
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def _after(delay_s: float) -> str:
    return f"{duration(-delay_s)} early" if delay_s < 0 else duration(delay_s)


def _incidents(found: Monitored) -> Table:
    told = found.rehearsal.incidents
    table = Table(title=Text("incidents"), title_justify="left", header_style="bold")
    table.add_column("", justify="right")
    table.add_column("what")
    for head in ("from", "lasted", "bad"):
        table.add_column(Text(head), justify="right")
    table.add_column("told by", overflow="fold")
    table.add_column("after", justify="right", no_wrap=True)
    for number_of, row in enumerate(rows_of(told.head(MOST_ROWS)), 1):
        lasted = duration(row.end_s - row.start_s)
        to_the_end = row.end_s >= found.result.horizon_s
        rule, after = {
            "detected": (row.rule, _after(row.delay_s)),
            "firing already": (f"{row.rule}, firing already", "–"),
            "missed": ("nobody", "missed"),
        }[row.outcome]
        table.add_row(
            str(number_of),
            in_plain(row.what),
            clock(row.start_s),
            f"{lasted}, to the end" if to_the_end else lasted,
            f"{row.bad:,}",
            Text(rule),
            after,
        )
    if len(told) > MOST_ROWS:
        table.add_row("", f"and {len(told) - MOST_ROWS} more; --out writes them all")
    table.caption = Text(
        "from: h:mm:ss of the run; bad: requests; after: from then to the first alert about it"
    )
    table.caption_justify = "left"
    return table


def _alerts(found: Monitored) -> Table:
    alerts = found.rehearsal.alerts
    table = _table("alerts in order", ("rule",), ("fired", "for", "about incident"))
    for row in rows_of(alerts.head(MOST_ROWS)):
        lasted = min(row.cleared_s, found.result.horizon_s) - row.fired_s
        open_end = ", to the end" if np.isinf(row.cleared_s) else ""
        table.add_row(
            Text(row.rule),
            clock(row.fired_s),
            f"{duration(lasted)}{open_end}",
            str(row.incident + 1) if row.true else "none: false",
        )
    if len(alerts) > MOST_ROWS:
        table.add_row(f"and {len(alerts) - MOST_ROWS} more; --out writes them all")
    return table


def _rules(found: Monitored, *, narrow: bool) -> Table:
    """What each rule is worth; in a narrow terminal its condition stands below its name."""
    heads = ("fired", "true", "false", "told of", "first", "after")
    left = ("rule, and when it fires",) if narrow else ("rule", "fires when")
    table = _table("alerts by rule", left, heads)
    for rule, row in zip(found.rules.rules, rows_of(found.by_rule), strict=True):
        name, words = Text(rule.name), Text(in_words(rule))
        counts = (row.fired, row.true, row.false, row.told_of, row.first_of)
        after = duration(row.delay_s) if row.told_of else "–"
        first = (Text.assemble((rule.name, "bold"), "\n", words),) if narrow else (name, words)
        table.add_row(*first, *map(number, counts), after)
    table.caption = Text(
        "told of: incidents; first: those it told of before any other rule; after: its own delay, "
        "the median"
    )
    table.caption_justify = "left"
    return table


def totals_in_words(found: Monitored) -> list[str]:
    """What came of it, and what is meant by it."""
    totals, alerts, rules = found.totals["incidents"], found.totals["alerts"], found.rules
    text = f"{_count(totals['total'], 'incident')}: {totals['detected']} detected"
    if totals["detected"]:
        delay = totals["delay_s"]
        text += f" (after {duration(delay['median'])} at the median, {duration(delay['longest'])} "
        text += "at most)"
    if totals["firing_already"]:
        text += f", {totals['firing_already']} while an alert about another was firing"
    text += f", {totals['missed']} missed"
    if totals["missed"]:
        bad = totals["bad_requests_missed"]
        text += f" (with {bad:,} of the run's {totals['bad_requests_of_run']:,} bad requests)"
    text += f". {_count(alerts['total'], 'alert')}: {alerts['true']} true, {alerts['false']} false."
    judged = rules.incidents
    means = (
        f"An incident: a fault until what it took is back, or {duration(judged.bin_s)} in which "
        f"more than {100 * judged.bad_share:g} % of the requests that arrived, and at least "
        f"{judged.least}, were bad (missed the SLO or got no answer). An alert is true if it fires "
        f"in one, up to {duration(rules.grace_s)} after it or {duration(rules.early_s)} before. "
        f"The delay ends when the alert fires; what passes until somebody reads it comes on top."
    )
    return [text, means]


def _count(how_many: int, what: str) -> str:
    return f"{how_many:,} {what}{'' if how_many == 1 else 's'}"
