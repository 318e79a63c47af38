"""A saved run under alert rules: what would have been told, counted and written down."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from hardware_profiles.errors import InputError
from hardware_profiles.profile import load_yaml
from simulator.fleet.alerts import AlertRules
from simulator.fleet.incidents import hurt_s, incidents
from simulator.fleet.monitoring import Rehearsal, rehearse
from simulator.record.files import read_parquet, write_json
from simulator.record.result import SCENARIO_FILE, SUMMARY_FILE, Result
from simulator.record.store import whole_folder
from simulator.record.tables import empty, frame
from simulator.scenario import Scenario

__all__ = ["MONITOR_FILE", "NOT_STREAMED", "Monitored", "load_run", "monitor", "rows_of"]

MONITOR_FILE = "monitoring.json"
NOT_STREAMED = ("steps", "chunks", "decodes", "intervals", "events", "calls")
"""Tables that `servecast run --stream` does not keep."""


def load_run(folder: Path) -> tuple[Result, pd.DataFrame | None]:
    """A saved run, and its table `timeline` if it is all there is of its load over time.

    Of a run of ``servecast run --stream`` there are the requests, the replicas and that table, and
    nothing of when faults struck.

    Raises
    ------
    InputError
        If the folder holds no finished run, or a streamed one with faults.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such folder; name one that servecast run wrote")
    for name in (SUMMARY_FILE, SCENARIO_FILE, "requests.parquet"):
        if not (folder / name).is_file():
            raise InputError(f"{folder}: not a finished run of servecast run: it has no {name}")
    kept = any((folder / f"{name}.parquet").exists() for name in NOT_STREAMED)
    if kept or not (folder / "timeline.parquet").exists():
        return Result.load(folder), None
    return _streamed(folder)


def _streamed(folder: Path) -> tuple[Result, pd.DataFrame]:
    scenario = Scenario.parse(load_yaml(folder / SCENARIO_FILE))
    if scenario.faults:
        raise InputError(
            f"{folder}: servecast run --stream did not keep when faults struck; run it without"
        )
    tables: dict[str, Any] = {
        name: read_parquet(folder / f"{name}.parquet") for name in ("requests", "replicas")
    }
    none = {name: empty(name) for name in NOT_STREAMED}
    try:
        summary = json.loads((folder / SUMMARY_FILE).read_text("utf-8"))
        full: dict[str, Any] = {n: frame(n, dict(t.items())) for n, t in tables.items()} | none
        horizon_s, version = float(summary["horizon_s"]), str(summary["version"])
        result = Result(scenario=scenario, version=version, horizon_s=horizon_s, **full)
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise InputError(f"{folder}: not a run saved by this version: {error}") from error
    return result, read_parquet(folder / "timeline.parquet")


def rows_of(table: pd.DataFrame) -> list[Any]:
    """Rows with their columns as attributes."""
    return list(table.itertuples(index=False))


@dataclass(frozen=True, eq=False)
class Monitored:
    """A run, the rules, and what they would have told."""

    result: Result
    rules: AlertRules
    rehearsal: Rehearsal
    """Its incidents have one column more: bad, requests that missed the SLO or failed in it."""
    bad_requests: int
    """Of the whole run."""

    @property
    def by_rule(self) -> pd.DataFrame:
        """One row a rule: rule, fired, true, false, told_of (incidents), first_of (those that it
        told of before any other), delay_s (from the beginning of an incident to its own first
        alert, the median), firing_s (how long in all)."""
        alerts, told = self.rehearsal.alerts, self.rehearsal.incidents
        ends_s = np.minimum(alerts["cleared_s"], self.result.horizon_s)
        rows = []
        for rule in self.rules.rules:
            mine = alerts["rule"] == rule.name
            true = int(alerts["true"][mine].sum())
            first = (told["outcome"] == "detected") & (told["rule"] == rule.name)
            firing_s = float((ends_s - alerts["fired_s"])[mine].sum())
            about = alerts[mine & alerts["true"]].drop_duplicates("incident")
            began_s = told["start_s"].to_numpy()[about["incident"]]
            delay_s = float((about["fired_s"] - began_s).median())
            counts = (int(mine.sum()), true, int(mine.sum()) - true, len(about), int(first.sum()))
            rows.append((rule.name, *counts, delay_s, firing_s))
        columns = ["rule", "fired", "true", "false", "told_of", "first_of", "delay_s", "firing_s"]
        return pd.DataFrame(rows, columns=columns)

    @property
    def totals(self) -> dict[str, Any]:
        """Incidents by what became of them, alerts, and the delays. [s]"""
        told, alerts = self.rehearsal.incidents, self.rehearsal.alerts
        delay_s = told["delay_s"].dropna()
        return {
            "incidents": {
                "total": len(told),
                "detected": int((told["outcome"] == "detected").sum()),
                "firing_already": self.rehearsal.hidden,
                "missed": self.rehearsal.missed,
                "bad_requests": int(told["bad"].sum()),
                "bad_requests_missed": int(told["bad"][told["outcome"] == "missed"].sum()),
                "bad_requests_of_run": self.bad_requests,
                "delay_s": {
                    "median": float(delay_s.median()) if len(delay_s) else None,
                    "longest": float(delay_s.max()) if len(delay_s) else None,
                },
            },
            "alerts": {
                "total": len(alerts),
                "true": int(alerts["true"].sum()),
                "false": self.rehearsal.false_alerts,
            },
        }

    def to_dict(self) -> dict[str, Any]:
        """All of it but the series, as plain values."""
        tables: Mapping[str, pd.DataFrame] = {
            "each_incident": self.rehearsal.incidents,
            "each_alert": self.rehearsal.alerts,
            "each_rule": self.by_rule,
        }
        return {
            "scenario": self.result.scenario.name,
            "version": self.result.version,
            "horizon_s": self.result.horizon_s,
            **self.totals,
            **{name: table.to_dict("records") for name, table in tables.items()},
            "rules": self.rules.model_dump(mode="json"),
        }

    def save(self, folder: Path) -> Path:
        """Write tables, summary, rules and the picture, all or nothing.

        ``monitoring.json``, ``incidents.csv``, ``alerts.csv``, ``rules.csv`` (counts by rule),
        ``series.csv`` (what each rule saw at each look), ``rules.yaml`` (to change and use again),
        and ``monitoring.png``, ``.svg``, ``.pdf``.

        Raises
        ------
        InputError
            If the folder cannot be written or holds something else.
        """
        from experiments.figures_monitor import monitor_figure
        from experiments.figures_style import save

        told = self.rehearsal.incidents
        numbers = [" ".join(map(str, replicas)) for replicas in told["replicas"]]
        tables = {
            "incidents": told.assign(replicas=numbers),
            "alerts": self.rehearsal.alerts,
            "rules": self.by_rule,
            "series": self.rehearsal.series,
        }
        with whole_folder(folder, MONITOR_FILE) as partial:
            for name, table in tables.items():
                table.to_csv(partial / f"{name}.csv", index=False, lineterminator="\n")
            write_json(self.to_dict(), partial / MONITOR_FILE)
            text = yaml.safe_dump(self.rules.model_dump(mode="json"), sort_keys=False)
            (partial / "rules.yaml").write_text(text, encoding="utf-8")
            save(monitor_figure(self), partial, "monitoring")
        return folder


def monitor(result: Result, rules: AlertRules, table: pd.DataFrame | None = None) -> Monitored:
    """Hold rules against a run.

    Parameters
    ----------
    table : the table `timeline`, where the result has no steps.

    Raises
    ------
    InputError
        If there is no look at the run, or there are too many looks or bins.
    """
    judged = rules.incidents
    known = incidents(result, judged.bin_s, judged.bad_share, judged.join_s, judged.least)
    told = rehearse(
        result, rules.rules, rules.interval_s, rules.grace_s, known, rules.early_s, table
    )
    hurt = np.sort(hurt_s(result))
    bad = [
        int(np.searchsorted(hurt, one.end_s, "right") - np.searchsorted(hurt, one.start_s, "left"))
        for one in known
    ]
    bad_in_all = int(np.isfinite(hurt).sum())
    return Monitored(
        result, rules, told._replace(incidents=told.incidents.assign(bad=bad)), bad_in_all
    )
