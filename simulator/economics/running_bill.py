"""The bill of a run told in chapters: GPU time added up by who had it, priced at the end."""

from __future__ import annotations

import pandas as pd

from simulator.economics.attribution import COLUMNS as GPU_S
from simulator.economics.attribution import attribute
from simulator.economics.bill import Bill, bill_of, rent_lines
from simulator.economics.cost_lines import WORK_LINES, gpu_rent_idle
from simulator.economics.unit_costs import PARTS, ratio
from simulator.record.chapter import Chapter
from simulator.record.metrics import meets_slo
from simulator.record.states import States

__all__ = ["RunningBill"]

KEYS = ["tenant", "priority", "outcome", "worked"]
SUMMED = ["number", "good", "prompt_tokens", "cached_tokens", "generated_tokens"]


class RunningBill:
    """Adds up what `simulator.economics.bill.bill` of the whole run would say, at the offer's rent.

    Requests of one tenant that ended alike are one row; so the bill has no row a request.
    """

    def __init__(self) -> None:
        self._states = States()
        self._groups = pd.DataFrame()

    def add(self, chapter: Chapter) -> None:
        """Take in the next chapter."""
        self._states.add(chapter.worked)
        requests = chapter.ended.requests
        gpu_s = attribute(chapter.ended)
        columns = ["priority", "prompt_tokens", "cached_tokens", "generated_tokens"]
        table = requests[columns].assign(
            tenant=requests["tenant"].astype(str),
            outcome=requests["outcome"].astype(str),
            worked=gpu_s.sum(axis=1) > 0,
            number=1,
            good=meets_slo(chapter.ended),
        )
        table = pd.concat([table, gpu_s], axis=1)
        summed = table.groupby(KEYS)[[*SUMMED, *GPU_S]].sum()
        self._groups = pd.concat([self._groups, summed]).groupby(level=KEYS).sum()

    def bill(self) -> Bill:
        """What the run cost, once its last chapter has been taken in."""
        fleet = self._states.fleet()
        lines = rent_lines(fleet)
        total = float(lines["usd"].sum())
        work = float(lines.loc[lines["line"].isin(WORK_LINES), "usd"].sum())
        requests = self._groups.reset_index()
        whole = float(requests[list(GPU_S)].to_numpy().sum())
        usd_per_gpu_s = work / whole if whole > 0 else 0.0
        for part in PARTS:
            requests[part] = requests.get(part.replace("_usd", "_gpu_s"), 0.0) * usd_per_gpu_s
        requests["usd_attributable"] = requests[list(PARTS)].sum(axis=1)
        markup = ratio(total, work) if whole > 0 else 0.0
        requests["usd"] = requests["usd_attributable"] * markup
        return bill_of(lines, requests, work, gpu_rent_idle(fleet))
