"""Unit costs: the bill per request, per good request and per token, at three depths of cost."""

from __future__ import annotations

import pandas as pd

from simulator.economics.attribution import attribute
from simulator.record.metrics import meets_slo
from simulator.record.result import Result

__all__ = ["per_request", "per_tenant", "ratio", "spent_on", "unit_costs"]

MILLION = 1e6
PARTS = ("prefill_usd", "cached_usd", "recompute_usd", "decode_usd")


def per_request(result: Result, attributable_usd: float, total_usd: float) -> pd.DataFrame:
    """Cost of each request, in the order of ``result.requests``.

    Parameters
    ----------
    attributable_usd : what the fleet's work cost; it is divided as its GPU time was. [USD]
    total_usd : the whole bill; the rest of it is added as a uniform mark-up. [USD]

    Returns
    -------
    DataFrame: request_id, tenant, outcome, good, prompt_tokens, cached_tokens, generated_tokens,
    prefill_usd, cached_usd, recompute_usd, decode_usd, their sum usd_attributable, and usd, its
    fully loaded cost.
    """
    columns = ["request_id", "tenant", "outcome", "prompt_tokens", "cached_tokens"]
    table = result.requests[[*columns, "generated_tokens"]].copy()
    table.insert(3, "good", meets_slo(result))
    gpu_s = attribute(result)
    whole = float(gpu_s.to_numpy().sum())
    usd_per_gpu_s = attributable_usd / whole if whole > 0 else 0.0
    for part, column in zip(PARTS, gpu_s.columns, strict=True):
        table[part] = gpu_s[column] * usd_per_gpu_s
    table["usd_attributable"] = table[list(PARTS)].sum(axis=1)
    markup = ratio(total_usd, attributable_usd) if whole > 0 else 0.0
    table["usd"] = table["usd_attributable"] * markup
    return table


def unit_costs(requests: pd.DataFrame, total_usd: float, marginal_usd: float = 0.0) -> pd.DataFrame:
    """Cost per request and per token: marginal, attributable and fully loaded. [USD]

    * marginal : what one request more costs while there is room. Rent is paid by the hour, so on
      rented GPUs it is nothing; on one's own it is the electricity of the work.
    * attributable : the time in which GPUs worked for it.
    * fully_loaded : all of the bill, idle time included, by a uniform mark-up.

    Input is prefill, attention to the cache and recomputation; output is decode. With I prompt and
    O output tokens of the requests that were worked on, ``p_in I + p_out O`` is the whole.

    Parameters
    ----------
    requests : from `per_request`.
    total_usd : the whole bill. [USD]
    marginal_usd : what of it would not be there without the requests. [USD]
    """
    spent = requests[list(PARTS)].sum()
    attributable = float(spent.sum())
    loaded = spent * ratio(total_usd, attributable)
    share = ratio(marginal_usd, attributable) if marginal_usd > 0 else 0.0
    rows = {
        "marginal": _unit_row(requests, share * spent, marginal_usd),
        "attributable": _unit_row(requests, spent, attributable),
        "fully_loaded": _unit_row(requests, loaded, total_usd),
    }
    return pd.DataFrame.from_dict(rows, orient="index")


def _unit_row(requests: pd.DataFrame, spent: pd.Series[float], usd: float) -> dict[str, float]:
    """One row of `unit_costs` for parts that cost `spent` and a whole of `usd`."""
    served = requests[requests["usd_attributable"] > 0]
    tokens_in, cached = int(served["prompt_tokens"].sum()), int(served["cached_tokens"].sum())
    computing = float(spent["prefill_usd"] + spent["recompute_usd"])
    reading = float(spent["cached_usd"])
    tokens_out = int(served["generated_tokens"].sum())
    return {
        "usd": usd,
        "usd_per_request": ratio(usd, int((requests["outcome"] == "completed").sum())),
        "usd_per_good_request": ratio(usd, int(requests["good"].sum())),
        "usd_per_million_input_tokens": MILLION * ratio(computing + reading, tokens_in),
        "usd_per_million_uncached_input_tokens": MILLION * ratio(computing, tokens_in - cached),
        "usd_per_million_cached_input_tokens": MILLION * ratio(reading, cached),
        "usd_per_million_output_tokens": MILLION * ratio(float(spent["decode_usd"]), tokens_out),
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


def per_tenant(requests: pd.DataFrame) -> pd.DataFrame:
    """Requests, tokens and cost of each tenant; the costs add up to those of all requests.

    Returns
    -------
    DataFrame: tenant, requests, completed, good, prompt_tokens, generated_tokens, usd_attributable,
    usd, usd_per_good_request.
    """
    table = requests.assign(requests=1, completed=requests["outcome"] == "completed")
    summed = ["requests", "completed", "good", "prompt_tokens", "generated_tokens"]
    by_tenant = table.groupby("tenant", observed=True)
    totals = by_tenant[[*summed, "usd_attributable", "usd"]].sum().reset_index()
    totals["usd_per_good_request"] = totals["usd"] / totals["good"].where(totals["good"] > 0)
    return totals


def ratio(part: float, whole: float) -> float:
    """Quotient, NaN where there is nothing to divide by."""
    return part / whole if whole > 0 else float("nan")
