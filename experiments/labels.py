"""How a metric, or a value of an axis, is written in a table or over a picture."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

__all__ = ["Scale", "axis_title", "scale", "shown", "title", "unit"]

LATENCIES = ("ttft", "tpot", "e2e", "queue", "itl", "idle_time.gaps")
UNITS = (
    (r"^per_million|usd|gpu_rent", "USD"),
    (r"_s$", "s"),
    (r"kwh$", "kWh"),
    (r"wh_", "Wh"),
    (r"_w$", "W"),
    (r"gpu_hours$", "h"),
)
CAPITALS = ("ttft", "tpot", "itl", "e2e", "usd", "kv", "mfu", "mbu", "gpu", "kwh", "slo")
SHORTER = {
    "goodput.share": "completed within the SLO",
    "throughput.requests_per_s": "throughput, requests",
    "throughput.output_tokens_per_s": "throughput, output tokens",
    "throughput.prompt_tokens_per_s": "prompt tokens computed",
    "goodput.requests_per_s": "goodput",
    "busy_share": "busy share of the time",
    "batch_size.time_mean": "sequences in a step, over busy time",
    "kv_use.busy_mean": "KV cache in use, over busy time",
    "concurrency.peak": "requests in the system, peak",
    "concurrency.mean": "requests in the system, mean",
    "bill.usd_per_good_request": "cost of a good request",
    "bill.usd_per_request": "cost of a request",
    "bill.usd_per_million_input_tokens": "cost of a million input tokens",
    "bill.usd_per_million_output_tokens": "cost of a million output tokens",
    "efficiency.mfu": "model FLOPs utilization",
    "efficiency.mbu": "model bandwidth utilization",
    "energy.wh_per_request": "energy of a request",
}
"""Metrics whose name alone would not tell a reader what is meant."""
VAGUE = ("tokens", "kind", "mean", "cv", "like", "name")
"""Last words of a path that do not say what is meant."""
PER_REQUEST = ("bill.usd_per_request", "bill.usd_per_good_request")
LONGEST = 48


def unit(name: str) -> str:
    """Unit of a metric, read off its name; empty for shares and counts.

    >>> [unit(n) for n in ("ttft.p99", "throughput.output_tokens_per_s", "bill.usd_total")]
    ['s', 'tokens/s', 'USD']
    """
    first, _, last = name.rpartition(".")
    if first in LATENCIES:
        return "" if last == "n" else "s"
    if rate := re.search(r"(\w*?)_?per_s$", last):
        return f"{rate[1].removeprefix('output_').removeprefix('prompt_') or '1'}/s"
    return next((found for pattern, found in UNITS if re.search(pattern, last)), "")


def title(name: str) -> str:
    """A metric in words, without its unit.

    >>> title("ttft.p99"), title("kv_use.peak"), title("bill.usd_per_good_request")
    ('TTFT p99', 'KV use peak', 'cost of a good request')
    """
    if name in SHORTER:
        return SHORTER[name]
    words = name.removeprefix("bill.").removeprefix("summary.").removeprefix("efficiency.")
    words = re.sub(r"_per_s$|_s$|_w$", "", words).replace("_", " ").replace(".", " ")
    return re.sub(r"[A-Za-z0-9]+", lambda found: _capital(found[0]), words)


class Scale(NamedTuple):
    """A unit in which a metric's values have a readable size."""

    factor: float
    unit: str


def scale(name: str, largest: float) -> Scale:
    """Milliseconds below ten seconds, per cent for shares, a thousand cheap requests together.

    >>> scale("ttft.p99", 0.4), scale("goodput.share", 0.99)
    (Scale(factor=1000.0, unit='ms'), Scale(factor=100.0, unit='%'))
    """
    found = unit(name)
    if found == "s" and largest < 10:
        return Scale(1e3, "ms")
    if name in PER_REQUEST and largest < 0.1:
        return Scale(1e3, "USD per 1,000")
    last = name.rpartition(".")[2]
    shares = r"share$|rate$|^m[fb]u|^state_shares"
    if re.search(shares, last) or name.startswith(("kv_use", "state_shares")):
        return Scale(100.0, "%")
    return Scale(1.0, found)


def axis_title(path: str) -> str:
    """Last word of a path, what a vLLM user calls it; with the word before if it is vague.

    >>> axis_title("engine.max_num_seqs"), axis_title("traffic.arrivals.rate_per_s")
    ('max_num_seqs', 'arrival rate [requests/s]')
    >>> axis_title("traffic.prompt_tokens.tokens")
    'prompt_tokens'
    >>> axis_title("pools.1.replicas")
    'pools 1 replicas'
    """
    if path.endswith("arrivals.rate_per_s"):
        return "arrival rate [requests/s]"
    *way, last = path.split(".")
    if len(way) > 1 and way[-1].isdecimal():
        return f"{way[-2]} {way[-1]} {last}"
    if way and last in VAGUE:
        return way[-1] if last in way[-1] else f"{way[-1]} {last}"
    return last


def shown(value: Any) -> Any:
    """A value of an axis as a cell of a table: numbers and words as they are, the rest as JSON.

    >>> shown({"kind": "least_loaded"}), shown({"like": "l4", "tdp_w": 60}), shown(8), shown(None)
    ('least_loaded', '{"like": "l4", "tdp_w": 60}', 8, 'default')
    """
    if value is None:
        return "default"
    if isinstance(value, Mapping) and set(value) == {"kind"}:
        return str(value["kind"])
    if isinstance(value, bool | int | float | str):
        return value
    text = json.dumps(value, sort_keys=True, default=str)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _capital(word: str) -> str:
    return word.upper() if word in CAPITALS else word
