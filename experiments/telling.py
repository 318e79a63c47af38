"""A run told in a terminal: what users saw, what the GPUs did, what it cost."""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

from rich.table import Table
from rich.text import Text

__all__ = [
    "LATENCIES",
    "LATENCY_LINES",
    "Line",
    "certainty_table",
    "compare_table",
    "dollars",
    "headings",
    "latency_table",
    "look_up",
    "share",
]

LATENCIES = {
    "queue_s": "queue wait",
    "ttft_s": "time to first token",
    "tpot_s": "time per output token",
    "itl_s": "between two tokens",
    "e2e_s": "end to end",
}
PERCENTILES = ("mean", "p50", "p90", "p95", "p99")


class Line(NamedTuple):
    """One line of a summary: what it is, where it stands, how it is written."""

    title: str
    path: str
    write: Callable[[float], str]
    always: bool = True
    """Also when it is zero in every run."""
    unlike: tuple[str, str] | None = None
    """Only where the numbers at these two paths are not the same in some run."""


def number(value: float, digits: int = 3) -> str:
    """A number with so many significant digits, thousands set apart; a dash for what is unknown.

    >>> number(1234.5), number(0.012345), number(float("nan")), number(7)
    ('1,234', '0.0123', '–', '7')
    """
    if value is None or not math.isfinite(value):
        return "–"
    if value == 0 or float(value).is_integer():
        return f"{value:,.0f}"
    places = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return f"{value:,.{places}f}"


def share(value: float) -> str:
    """Write a share as per cent.

    >>> share(0.1234)
    '12.3 %'
    """
    return f"{100 * value:.1f} %" if value is not None and math.isfinite(value) else "–"


def milliseconds(value: float) -> str:
    """Write seconds as milliseconds."""
    return number(1e3 * value)


def dollars(value: float) -> str:
    """Write an amount of money, small ones with enough digits to be told apart.

    >>> dollars(1234.5), dollars(0.00123456)
    ('$1,234.50', '$0.00123')
    """
    if value is None or not math.isfinite(value):
        return "–"
    return f"${value:,.2f}" if abs(value) >= 1 or value == 0 else f"${number(value)}"


def look_up(summary: Mapping[str, Any], path: str) -> float:
    """Value at a dotted path; NaN where it is not there or unknown.

    >>> look_up({"a": {"b": 3}}, "a.b")
    3
    """
    found: Any = summary
    for part in path.split("."):
        if isinstance(found, Sequence) and part.isdigit():
            found = found[int(part)] if int(part) < len(found) else None
        else:
            found = found.get(part) if isinstance(found, Mapping) else None
    return math.nan if found is None else found


def latency_table(summary: Mapping[str, Any]) -> Table:
    """Latencies of one run in milliseconds, a row each."""
    table = Table(title=Text("what users saw [ms]"), title_justify="left", header_style="bold")
    table.add_column("")
    for percentile in PERCENTILES:
        table.add_column(percentile, justify="right")
    for key, title in LATENCIES.items():
        found = summary["latency"][key]
        table.add_row(title, *(milliseconds(found[p]) for p in PERCENTILES))
    return table


def certainty_table(summary: Mapping[str, Any]) -> Table:
    """Where the truth most likely lies, and on which calibration that rests."""
    certainty = summary["certainty"]
    title = f"how sure: the truth lies within, {100 * certainty['level']:.0f} times in 100 [ms]"
    table = Table(title=Text(title), title_justify="left", header_style="bold")
    table.caption, table.caption_justify = Text(f"Step times: {certainty['sentence']}."), "left"
    table.add_column("")
    shown = ("mean", "p50", "p99")
    for figure in shown:
        table.add_column(figure, justify="right")
    for key, title in LATENCIES.items():
        found = certainty["interval_s"].get(key)
        if found:
            cells = [found.get(figure) for figure in shown]
            table.add_row(title, *map(_within, cells))
    return table


def _within(interval: Mapping[str, float] | None) -> str:
    if interval is None:
        return "–"
    return f"{milliseconds(interval['low'])} to {milliseconds(interval['high'])}"


def compare_table(
    title: str,
    lines: Sequence[Line],
    runs: Mapping[str, Mapping[str, Any]],
    possible: Collection[str] = (),
) -> Table:
    """Table with a row for each line and a column for each run; unknown lines are left out.

    Parameters
    ----------
    possible : paths that are of interest also where they are zero.
    """
    table = Table(title=Text(title), title_justify="left", header_style="bold")
    table.add_column("")
    for name in runs:
        table.add_column(Text(name), justify="right")
    for line in lines:
        values = [look_up(summary, line.path) for summary in runs.values()]
        # Text, because a unit in brackets would be taken for a colour.
        always = line.always or line.path in possible
        if line.unlike and not any(_differ(summary, *line.unlike) for summary in runs.values()):
            continue
        if any(not math.isnan(value) and (value or always) for value in values):
            table.add_row(Text(line.title), *(line.write(value) for value in values))
    return table


def _differ(summary: Mapping[str, Any], path: str, other: str) -> bool:
    return not math.isclose(look_up(summary, path), look_up(summary, other), rel_tol=1e-6)


def headings() -> list[tuple[str, list[Line]]]:
    """Tables of a run apart from its latencies: a title, and what is in it."""
    return [("what was served", SERVED), ("what the GPUs did", DONE), ("what it cost", COST)]


SIZE = ("fleet.gpus", "fleet.gpus_mean")
"""These differ where replicas come and go."""
SERVED = [
    Line("requests", "requests.arrived", number),
    Line("completed", "requests.completed", number),
    Line("rejected", "requests.rejected", number),
    Line("timed out", "requests.timed_out", number, always=False),
    Line("cancelled", "requests.cancelled", number, always=False),
    Line("failed", "requests.failed", number, always=False),
    Line("unfinished", "requests.unfinished", number),
    Line("preemptions", "requests.preemptions", number),
    Line("completed within the SLO", "goodput.share", share),
    Line("goodput [requests/s]", "goodput.requests_per_s", number),
    Line("throughput [requests/s]", "throughput.requests_per_s", number),
    Line("prompt tokens computed [tokens/s]", "throughput.prompt_tokens_per_s", number),
    Line("output [tokens/s]", "throughput.output_tokens_per_s", number),
    Line("prefix cache hits", "prefix_hit_rate", share),
    Line("in the system at once, mean", "concurrency.mean", number),
    Line("in the system at once, peak", "concurrency.peak", number),
]
DONE = [
    Line("GPUs, most at once", "fleet.gpus", number),
    Line("GPUs, mean", "fleet.gpus_mean", number, unlike=SIZE),
    Line("replicas ever held", "fleet.replicas", number, unlike=SIZE),
    Line("GPU-hours held", "fleet.gpu_hours", number),
    Line("KV blocks of a replica", "fleet.num_gpu_blocks.0", number),
    Line("busy", "utilization.time_shares.busy", share),
    Line("idle", "utilization.time_shares.idle", share),
    Line("warming", "utilization.time_shares.warming", share, always=False),
    Line("  cold starts", "fleet.cold_start.starts", number, always=False),
    Line("  provisioning [GPU-h]", "fleet.cold_start.provision_gpu_hours", number, always=False),
    Line("  loading weights [GPU-h]", "fleet.cold_start.load_gpu_hours", number, always=False),
    Line("  warm-up [GPU-h]", "fleet.cold_start.warm_up_gpu_hours", number, always=False),
    Line("down", "utilization.time_shares.down", share, always=False),
    Line("draining", "utilization.time_shares.draining", share, always=False),
    Line("of peak FLOP/s (MFU)", "utilization.mfu", share),
    Line("of peak bandwidth (MBU)", "utilization.mbu", share),
    Line("energy of the GPUs [kWh]", "energy.kwh", number),
    Line("energy of a completed request [Wh]", "energy.wh_per_request", number),
    Line("energy of an output token [J]", "energy.joules_per_output_token", number),
    Line("energy of a step [J]", "energy.joules_per_step", number),
    Line("sequences in a step, over busy time", "utilization.batch_size.time_mean", number),
    Line("tokens in a step", "utilization.batch_size.tokens_per_step", number),
    Line("KV cache in use, over busy time", "utilization.kv.busy_mean", share),
    Line("KV cache in use, peak", "utilization.kv.peak", share),
    Line("idle gaps", "idle.gaps_s.n", number),
    Line("idle gaps, mean [s]", "idle.gaps_s.mean", number),
    Line("idle gaps, longest [s]", "idle.gaps_s.max", number),
]
COST = [
    Line("the bill", "bill.usd_total", dollars),
    Line("  of it busy", "bill.gpu_rent_busy", dollars),
    Line("  of it idle", "bill.gpu_rent_idle", dollars),
    Line("  of it warming", "bill.gpu_rent_warming", dollars, always=False),
    Line("  of it down", "bill.gpu_rent_down", dollars, always=False),
    Line("  of it draining", "bill.gpu_rent_draining", dollars, always=False),
    Line("  of it rounding to whole quanta", "bill.gpu_rent_rounding", dollars, always=False),
    Line("  of it calls of endpoints", "bill.endpoint_calls", dollars, always=False),
    Line("a request", "bill.usd_per_request", dollars),
    Line("a good request", "bill.usd_per_good_request", dollars),
    Line("a million input tokens", "bill.usd_per_million_input_tokens", dollars),
    Line("a million output tokens", "bill.usd_per_million_output_tokens", dollars),
]
LATENCY_LINES = [
    Line("time to first token, p50 [ms]", "latency.ttft_s.p50", milliseconds),
    Line("time to first token, p99 [ms]", "latency.ttft_s.p99", milliseconds),
    Line("time per output token, p50 [ms]", "latency.tpot_s.p50", milliseconds),
    Line("time per output token, p99 [ms]", "latency.tpot_s.p99", milliseconds),
    Line("end to end, p50 [ms]", "latency.e2e_s.p50", milliseconds),
    Line("end to end, p99 [ms]", "latency.e2e_s.p99", milliseconds),
]
