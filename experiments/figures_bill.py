"""The bill as bars: what the money bought, and what it bought nothing for."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from experiments.figures_style import (
    BLUE,
    COLOURS,
    GREEN,
    GREY,
    PURPLE,
    RED,
    SKY,
    caption,
    style,
    usd,
)
from simulator.economics.bill import Bill
from simulator.economics.cost_lines import WORK_LINES
from simulator.record.fleet_size import gpu_hours
from simulator.record.result import Result

__all__ = ["LINE_LOOKS", "bill_lines", "shown_lines"]

LINE_LOOKS = {
    "prefill": ("computing prompts", SKY),
    "cached": ("attention to cached prompts", GREEN),
    "decode": ("generating tokens", BLUE),
    "recompute": ("repeating preempted work", RED),
    "not_completed": ("requests never completed", "#7A1F00"),
    "gpu_rent_idle": ("idle: ready, nothing to do", COLOURS["idle"]),
    "gpu_rent_warming": ("warming up", COLOURS["warming"]),
    "gpu_rent_down": ("down", COLOURS["down"]),
    "gpu_rent_rounding": ("rest of the billing quantum", GREY),
    "endpoint_input": ("prompts sent to an endpoint", PURPLE),
    "endpoint_output": ("answers of an endpoint", "#6A51A3"),
}
"""What each part of the bill is called in a picture, and its colour."""


TOO_SMALL = 5e-4
"""Share of the bill below which a line is not drawn."""


def shown_lines(bill: Bill) -> pd.DataFrame:
    """Parts of the bill that cost anything: time at work by what it was spent on, then the rest.

    Columns: part, usd. They add up to the bill.
    """
    work = bill.work[["part", "usd"]]
    rest = bill.lines.rename(columns={"line": "part"})[["part", "usd"]]
    spent = rest["part"].isin([*WORK_LINES, "endpoint_calls"])
    parts = pd.concat([work, rest[~spent]], ignore_index=True)
    return parts[parts["usd"] > 0]


def bill_lines(result: Result, bill: Bill) -> Figure:
    """Every line of the bill as a bar, the idle one marked."""
    parts = shown_lines(bill)
    parts = parts[parts["usd"] > TOO_SMALL * bill.usd_total]
    with style():
        figure = Figure(figsize=(11, 1.8 + 0.5 * max(len(parts), 3)), layout="constrained")
        axes = figure.subplots()
        labels = [LINE_LOOKS[part][0] for part in parts["part"]]
        bars = axes.barh(
            labels, parts["usd"], color=[LINE_LOOKS[p][1] for p in parts["part"]], height=0.7
        )
        for bar, part in zip(bars, parts["part"], strict=True):
            if part == "gpu_rent_idle":
                bar.set(hatch="//", edgecolor="white")
        axes.bar_label(
            bars,
            [
                f" {usd(cost, of=bill.usd_total)}  ({100 * cost / bill.usd_total:.1f} %)"
                for cost in parts["usd"]
            ],
            fontsize=10,
        )
        axes.invert_yaxis()
        axes.grid(axis="y", visible=False)
        axes.margins(x=0.22)
        axes.set_xlabel("US dollars for the whole run")
        figure.suptitle(
            f"{result.scenario.name}: the bill, {usd(bill.usd_total)}", x=0.012, ha="left"
        )
        caption(figure, _caption(result, bill))
    return figure


def _caption(result: Result, bill: Bill) -> str:
    prices = {plan.offer.usd_per_gpu_hour for plan in result.scenario.plans().values()}
    low, high = usd(min(prices)), usd(max(prices))
    each = f"{low} each" if len(prices) == 1 else f"{low} to {high} each"
    return (
        f"{gpu_hours(result):,.2f} GPU-hours held at {each}. Per "
        f"1,000 requests completed within the SLO {usd(1e3 * bill.usd_per_good_request)}; per "
        f"million tokens {usd(bill.usd_per_million_input_tokens)} in and "
        f"{usd(bill.usd_per_million_output_tokens)} out, idle time included (×{bill.markup:,.2f})."
    )
