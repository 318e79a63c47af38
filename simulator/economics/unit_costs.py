"""Unit costs: the bill per request, per good request and per token, at three depths of cost."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simulator.economics.attribution import attribute
from simulator.record.metrics import meets_slo
from simulator.record.result import Result

__all__ = ["per_group", "per_request", "ratio", "spent_on", "unit_costs"]

MILLION = 1e6
GPU_PARTS = ("prefill_usd", "cached_usd", "recompute_usd", "decode_usd")
ENDPOINT_PARTS = ("endpoint_input_usd", "endpoint_output_usd")
PARTS = (*GPU_PARTS, *ENDPOINT_PARTS)


def per_request(result: Result, attributable_usd: float, total_usd: float) -> pd.DataFrame:
    """Cost of each request, in the order of ``result.requests``.

    Parameters
    ----------
    attributable_usd : what work cost. Calls of endpoints are charged to the requests they were made
        for; the rest, the fleet's work, is divided as its GPU time was. [USD]
    total_usd : the whole bill; the rest of it is added as a uniform mark-up. [USD]

    Returns
    -------
    DataFrame: request_id, tenant, priority, outcome, good, prompt_tokens, cached_tokens,
    generated_tokens, prefill_usd, cached_usd, recompute_usd, decode_usd, endpoint_input_usd,
    endpoint_output_usd, their sum usd_attributable, and usd, its fully loaded cost.
    """
    columns = ["request_id", "tenant", "priority", "outcome", "prompt_tokens", "cached_tokens"]
    table = result.requests[[*columns, "generated_tokens"]].copy()
    table.insert(4, "good", meets_slo(result))
    gpu_s = attribute(result)
    whole, called = float(gpu_s.to_numpy().sum()), float(result.calls["usd"].sum())
    usd_per_gpu_s = max(0.0, attributable_usd - called) / whole if whole > 0 else 0.0
    for part, column in zip(GPU_PARTS, gpu_s.columns, strict=True):
        table[part] = gpu_s[column] * usd_per_gpu_s
    for part, usd in zip(ENDPOINT_PARTS, _called(result), strict=True):
        table[part] = usd
    table["usd_attributable"] = table[list(PARTS)].sum(axis=1)
    markup = ratio(total_usd, attributable_usd) if whole + called > 0 else 0.0
    table["usd"] = table["usd_attributable"] * markup
    return table


def _called(result: Result) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What endpoints charged for each request: for its prompt, and for its answer. [USD]"""
    calls, overflow = result.calls, result.scenario.overflow
    known = {} if overflow is None else {each.name: each for each in overflow.endpoints}
    prices = (
        calls["endpoint"]
        .astype(object)
        .map({name: each.usd_per_million_output_tokens for name, each in known.items()})
    )
    output = calls["output_tokens"].to_numpy() * prices.to_numpy(np.float64) / MILLION
    usd, row = calls["usd"].to_numpy(), calls["request"].to_numpy()
    output = np.minimum(np.nan_to_num(output), usd)
    n = len(result.requests)
    asked, answered = (np.bincount(row, part, n) for part in (usd - output, output))
    return asked.astype(np.float64), answered.astype(np.float64)


def unit_costs(requests: pd.DataFrame, total_usd: float, marginal_usd: float = 0.0) -> pd.DataFrame:
    """Cost per request and per token: marginal, attributable and fully loaded. [USD]

    * marginal : what one request more costs while there is room. Rent is paid by the hour, so on
      rented GPUs it is nothing; on one's own it is the electricity of the work; at an endpoint it
      is the price.
    * attributable : the time in which GPUs worked for it, and what endpoints charged.
    * fully_loaded : all of the bill, idle time included, by a uniform mark-up.

    Input is prefill, attention to the cache and recomputation; output is decode; an endpoint says
    what it charges for which. With I prompt and O output tokens of the requests that were worked
    on, ``p_in I + p_out O`` is the whole.

    Parameters
    ----------
    requests : from `per_request`.
    total_usd : the whole bill. [USD]
    marginal_usd : what of it would not be there without the requests. [USD]
    """
    spent = requests[list(PARTS)].sum()
    attributable = float(spent.sum())
    loaded = spent * ratio(total_usd, attributable)
    rows = {
        "marginal": _unit_row(requests, _marginal(spent, marginal_usd), marginal_usd),
        "attributable": _unit_row(requests, spent, attributable),
        "fully_loaded": _unit_row(requests, loaded, total_usd),
    }
    return pd.DataFrame.from_dict(rows, orient="index")


def _marginal(spent: pd.Series[float], marginal_usd: float) -> pd.Series[float]:
    """The marginal part of what was spent: calls first, the rest as the fleet's work. [USD]"""
    away = float(spent[list(ENDPOINT_PARTS)].sum())
    at_home = float(spent[list(GPU_PARTS)].sum())
    found = spent.copy()
    found[list(ENDPOINT_PARTS)] *= min(1.0, marginal_usd / away) if away > 0 else 0.0
    found[list(GPU_PARTS)] *= max(0.0, marginal_usd - away) / at_home if at_home > 0 else 0.0
    return found


def _unit_row(requests: pd.DataFrame, spent: pd.Series[float], usd: float) -> dict[str, float]:
    """One row of `unit_costs` for parts that cost `spent` and a whole of `usd`."""
    served = requests[requests["usd_attributable"] > 0]
    tokens_in, cached = int(served["prompt_tokens"].sum()), int(served["cached_tokens"].sum())
    computing = float(spent["prefill_usd"] + spent["recompute_usd"] + spent["endpoint_input_usd"])
    answering = float(spent["decode_usd"] + spent["endpoint_output_usd"])
    reading = float(spent["cached_usd"])
    tokens_out = int(served["generated_tokens"].sum())
    return {
        "usd": usd,
        "usd_per_request": ratio(usd, _number(requests[requests["outcome"] == "completed"])),
        "usd_per_good_request": ratio(usd, int(requests["good"].sum())),
        "usd_per_million_input_tokens": MILLION * ratio(computing + reading, tokens_in),
        "usd_per_million_uncached_input_tokens": MILLION * ratio(computing, tokens_in - cached),
        "usd_per_million_cached_input_tokens": MILLION * ratio(reading, cached),
        "usd_per_million_output_tokens": MILLION * ratio(answering, tokens_out),
    }


def spent_on(requests: pd.DataFrame) -> pd.DataFrame:
    """What the attributed cost was spent on: useful work by kind, and two kinds of waste.

    Returns
    -------
    DataFrame: part, usd, share. `recompute` repeats work lost to preemption; `not_completed` is all
    that was done for requests that did not get to their end.
    """
    completed = requests["outcome"] == "completed"
    usd = {part.removesuffix("_usd"): float(requests.loc[completed, part].sum()) for part in PARTS}
    usd["not_completed"] = float(requests.loc[~completed, "usd_attributable"].sum())
    table = pd.DataFrame({"part": list(usd), "usd": list(usd.values())})
    return table.assign(share=table["usd"] / table["usd"].sum() if table["usd"].sum() > 0 else 0.0)


def per_group(requests: pd.DataFrame, by: str = "tenant") -> pd.DataFrame:
    """Requests, tokens and cost of each tenant or class; they add up to those of all requests.

    Parameters
    ----------
    by : ``tenant``, or ``priority`` for classes of service.

    Returns
    -------
    DataFrame: tenant or priority, requests, completed, good, prompt_tokens, generated_tokens,
    usd_attributable, usd, usd_per_good_request.
    """
    number = requests.get("number", 1)
    completed = (requests["outcome"] == "completed") * number
    table = requests.assign(requests=number, completed=completed)
    summed = ["requests", "completed", "good", "prompt_tokens", "generated_tokens"]
    groups = table.groupby(by, observed=True)
    totals = groups[[*summed, "usd_attributable", "usd"]].sum().reset_index()
    totals["usd_per_good_request"] = totals["usd"] / totals["good"].where(totals["good"] > 0)
    return totals


def _number(requests: pd.DataFrame) -> int:
    """Requests that the rows stand for: those of a long run stand for many each."""
    return int(requests["number"].sum()) if "number" in requests else len(requests)


def ratio(part: float, whole: float) -> float:
    """Quotient, NaN where there is nothing to divide by."""
    return part / whole if whole > 0 else float("nan")
