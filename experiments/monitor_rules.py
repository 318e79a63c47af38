"""Alert rules for a run: from a file, or the usual ones for its SLO; and each in words."""

from __future__ import annotations

from pathlib import Path

from hardware_profiles.profile import load_yaml
from simulator.fleet.alerts import AlertRules, Burn, Level, Quantile, Rule
from simulator.scenario import Scenario

__all__ = ["LATENCY_NAMES", "LEVEL_NAMES", "duration", "in_words", "read_rules", "usual_rules"]

LOOKS = 20
INTERVAL_S = 15.0
WAITING_PER_REPLICA = 10.0
BURNS = ((14.4, 3600.0, 300.0), (6.0, 6 * 3600.0, 1800.0), (1.0, 72 * 3600.0, 6 * 3600.0))
"""Rates with long and short window that the SRE Workbook starts from (chapter 5, table 5-8). [s]"""
LATENCY_NAMES = {"ttft_s": "TTFT", "tpot_s": "TPOT", "e2e_s": "end to end", "queue_s": "queue wait"}
LEVEL_NAMES = {
    "waiting": "requests waiting",
    "running": "requests running",
    "busy_share": "share of time computing",
    "kv_use": "KV blocks in use",
    "down": "replicas down",
}


def read_rules(path: Path | None, scenario: Scenario, horizon_s: float) -> AlertRules:
    """Rules of a YAML file; without one, those that `usual_rules` derives.

    Raises
    ------
    InputError
        If the file cannot be read, or what it says makes no sense.
    """
    if path is None:
        return usual_rules(scenario, horizon_s)
    return AlertRules.parse(load_yaml(path))


def usual_rules(scenario: Scenario, horizon_s: float) -> AlertRules:
    """What one would set up first for a service with this SLO.

    The p99 of each latency that the SLO bounds, over five minutes; burn rates of the SRE Workbook
    for 99 % good requests, those of which the short window fits into the run; a full KV cache; ten
    requests waiting for each replica; any replica down for a minute.
    """
    interval_s = min(INTERVAL_S, horizon_s / LOOKS) if horizon_s > 0 else INTERVAL_S
    rules: list[Rule] = []
    for latency in ("ttft_s", "tpot_s", "e2e_s"):
        bound = getattr(scenario.slo, latency)
        if bound is not None:
            name = f"{latency.removesuffix('_s')}-p99"
            rules.append(Quantile(name=name, latency=latency, above_s=bound, hold_s=60))
    for above, long_s, short_s in BURNS:
        if short_s <= horizon_s or not any(isinstance(rule, Burn) for rule in rules):
            name = f"burn-{long_s / 3600:g}h"
            rules.append(Burn(name=name, above=above, long_s=long_s, short_s=short_s))
    waiting = WAITING_PER_REPLICA * max(1, scenario.replicas)
    rules += [
        Level(name="kv-full", of="kv_use", above=0.95, window_s=300),
        Level(name="queue", of="waiting", above=waiting, hold_s=60),
        Level(name="replica-down", of="down", above=0, window_s=interval_s, hold_s=60),
    ]
    return AlertRules(interval_s=interval_s, rules=tuple(rules))


def in_words(rule: Rule) -> str:
    """The condition of a rule, and for how long it has to hold.

    >>> in_words(Quantile(name="x", above_s=0.5, hold_s=60))
    'TTFT p99 over 5 min > 0.5 s, for 1 min'
    >>> in_words(Burn(name="x"))
    'budget of 1 % burns > 14.4x over 1 h and 5 min'
    >>> in_words(Level(name="x", of="kv_use", above=0.95))
    'KV blocks in use > 95 %, mean of 1 min'
    """
    if isinstance(rule, Quantile):
        text = (
            f"{LATENCY_NAMES[rule.latency]} p{100 * rule.q:.6g} over {duration(rule.window_s)} > "
            f"{rule.above_s:g} s"
        )
    elif isinstance(rule, Burn):
        text = (
            f"budget of {100 * (1 - rule.objective):.4g} % burns > {rule.above:g}x over "
            f"{duration(rule.long_s)} and {duration(rule.short_s)}"
        )
    else:
        shares = rule.of in ("kv_use", "busy_share")
        bound = f"{100 * rule.above:g} %" if shares else f"{rule.above:g}"
        text = f"{LEVEL_NAMES[rule.of]} > {bound}, mean of {duration(rule.window_s)}"
    text += f", for {duration(rule.hold_s)}" if rule.hold_s else ""
    return text + (f", kept {duration(rule.keep_firing_s)}" if rule.keep_firing_s else "")


def duration(seconds: float) -> str:
    """A length of time in the unit that suits it.

    >>> duration(45), duration(90), duration(5400), duration(-75), duration(259200)
    ('45 s', '1.5 min', '1.5 h', '-1.25 min', '3 d')
    """
    for name, unit in (("d", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if abs(seconds) >= (2 * unit if name == "d" else unit):
            return f"{seconds / unit:,.3g} {name}"
    return f"{seconds:,.3g} s"
