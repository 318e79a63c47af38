"""The bill: what the run cost, line by line, and what a request and a token cost of it."""

from __future__ import annotations

from dataclasses import dataclass
from inspect import getdoc
from pathlib import Path
from typing import Any

import pandas as pd

from simulator.economics.cost_line import CostLine, audit_table, cost_line
from simulator.economics.cost_lines import COST_LINES, WORK_LINES, endpoint_calls, gpu_rent_idle
from simulator.economics.terms import Terms
from simulator.economics.unit_costs import per_group, per_request, ratio, spent_on, unit_costs
from simulator.economics.usage import usage_of
from simulator.record.files import write_json, write_parquet
from simulator.record.result import Result

__all__ = ["Bill", "bill", "bill_of", "rent_lines"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Bill:
    """What a run cost. Unit costs are NaN where there is nothing to divide by.

    The headline unit costs are fully loaded: what a request was attributed, times `markup`, so that
    they carry the idle time too. Input tokens at their price and output tokens at theirs are the
    whole bill.
    """

    lines: pd.DataFrame
    """One row a cost line: line, usd, its share of the total, what it means; with terms given also
    the columns of an audit: group, work_usd, idle_usd, formula, inputs, source, checked."""
    usd_total: float
    usd_idle: float
    """Of it, GPUs that were ready and had nothing to do. [USD]"""
    markup: float
    """Total over what was attributed: 1 for a fleet that is always busy."""
    usd_per_request: float
    """Per completed request. [USD]"""
    usd_per_good_request: float
    """Per request completed within the SLO. [USD]"""
    usd_per_million_input_tokens: float
    """Prefill, cache hits and recomputation, per prompt token of served requests. [USD]"""
    usd_per_million_output_tokens: float
    """Decode, per token generated. [USD]"""
    units: pd.DataFrame
    """The same unit costs three times: marginal, attributable and fully_loaded."""
    work: pd.DataFrame
    """What the attributed part was spent on: part, usd, share."""
    requests: pd.DataFrame
    """One row a request: what it was attributed, by part, and its fully loaded `usd`."""
    tenants: pd.DataFrame
    """One row a tenant: requests, tokens, usd, usd_per_good_request."""
    classes: pd.DataFrame
    """The same by class of service, the priority of the requests."""

    def line(self, name: str) -> float:
        """Dollars of one line. [USD]"""
        return float(self.lines.loc[self.lines["line"] == name, "usd"].sum())

    def headline(self) -> dict[str, float]:
        """The numbers that fit on one line each."""
        return {
            "usd_total": self.usd_total,
            "usd_idle": self.usd_idle,
            "idle_share": ratio(self.usd_idle, self.usd_total),
            "markup": self.markup,
            "usd_per_request": self.usd_per_request,
            "usd_per_good_request": self.usd_per_good_request,
            "usd_per_million_input_tokens": self.usd_per_million_input_tokens,
            "usd_per_million_output_tokens": self.usd_per_million_output_tokens,
        }

    def to_dict(self) -> dict[str, Any]:
        """Headline, lines, units, work, tenants and classes as plain values, for JSON."""
        tables = {
            "lines": self.lines,
            "work": self.work,
            "tenants": self.tenants,
            "classes": self.classes,
        }
        return {
            **self.headline(),
            "units": self.units.to_dict(orient="index"),
            **{name: table.to_dict(orient="records") for name, table in tables.items()},
        }

    def save(self, folder: Path | str) -> None:
        """Write ``bill.json`` and ``bill_requests.parquet`` into an existing folder."""
        write_json(self.to_dict(), Path(folder) / "bill.json")
        write_parquet(self.requests, Path(folder) / "bill_requests.parquet")


def bill(result: Result, terms: Terms | None = None) -> Bill:
    """Price a run.

    Parameters
    ----------
    terms : how the GPUs are had and what is paid besides; the scenario's offer by the hour, and
        nothing besides, if not given.

    Raises nothing for a run in which nothing was served: it still costs its rent, and its unit
    costs are NaN.
    """
    if terms is None:
        lines = rent_lines(result)
        called = endpoint_calls(result)
        work = float(lines.loc[lines["line"].isin(WORK_LINES), "usd"].sum())
        return _billed(result, lines, work + called, gpu_rent_idle(result), called)
    costs = [*terms.lines(usage_of(result)), *_calls(result)]
    lines = _audited(costs)
    parts = [sum(getattr(cost, part) for cost in costs) for part in ("work", "idle", "marginal")]
    return _billed(result, lines, *parts)


def _billed(
    result: Result, lines: pd.DataFrame, attributable: float, idle: float, marginal: float
) -> Bill:
    """The bill of lines whose part `attributable` paid for work. [USD]"""
    total = float(lines["usd"].sum())
    return bill_of(lines, per_request(result, attributable, total), attributable, idle, marginal)


def bill_of(
    lines: pd.DataFrame,
    requests: pd.DataFrame,
    attributable: float,
    idle: float,
    marginal: float = 0.0,
) -> Bill:
    """The bill of lines, of which the part `attributable` is divided over `requests`. [USD]"""
    total = float(lines["usd"].sum())
    units = unit_costs(requests, total, marginal)
    headline = {name: float(units[name]["fully_loaded"]) for name in units.columns}
    return Bill(
        lines=lines,
        usd_total=total,
        usd_idle=idle,
        markup=ratio(total, attributable),
        usd_per_request=headline["usd_per_request"],
        usd_per_good_request=headline["usd_per_good_request"],
        usd_per_million_input_tokens=headline["usd_per_million_input_tokens"],
        usd_per_million_output_tokens=headline["usd_per_million_output_tokens"],
        units=units,
        work=spent_on(requests),
        requests=requests,
        tenants=per_group(requests),
        classes=per_group(requests, "priority"),
    )


def _calls(result: Result) -> list[CostLine]:
    """What was asked of others; it is paid for requests, so all of it is work."""
    usd = endpoint_calls(result)
    if usd == 0:
        return []
    asked = {"calls": float(len(result.calls))}
    formula = "tokens of each call x the endpoint's prices"
    return [cost_line("endpoint_calls", usd, "API", formula, asked, work=1.0, marginal=1.0)]


def _audited(costs: list[CostLine]) -> pd.DataFrame:
    table = audit_table(costs)
    whole = float(table["usd"].sum())
    table.insert(2, "share", [ratio(usd, whole) for usd in table["usd"]])
    return table.assign(meaning=table["formula"])


def rent_lines(result: Result) -> pd.DataFrame:
    """Lines of a fleet rented by the hour: line, usd, share, meaning."""
    usd = {name: line(result) for name, line in COST_LINES.items()}
    table = pd.DataFrame({"line": list(usd), "usd": list(usd.values())})
    table["share"] = [ratio(value, sum(usd.values())) for value in usd.values()]
    table["meaning"] = [(getdoc(line) or "").removesuffix(" [USD]") for line in COST_LINES.values()]
    return table
