"""Alert rules, as a monitoring system would be given them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from hardware_profiles.profile import NotNegative, Positive, Text
from hardware_profiles.value import Value

__all__ = ["Burn", "Level", "Quantile", "Rule"]

Share = Annotated[float, Field(gt=0, lt=1)]


class _Rule(Value):
    name: Text
    hold_s: NotNegative = 0.0
    """It fires when its condition has held at every look for so long (Prometheus's ``for``). [s]"""


class Quantile(_Rule):
    """A quantile of a latency over a window is above a bound."""

    kind: Literal["quantile"] = "quantile"
    latency: Literal["ttft_s", "tpot_s", "e2e_s", "queue_s"] = "ttft_s"
    q: Share = 0.99
    window_s: Positive = 300.0
    above_s: Positive
    least: Annotated[int, Field(ge=1)] = 10
    """With fewer requests in the window nothing is said."""


class Burn(_Rule):
    """The error budget burns too fast over a long and over a short window (SRE Workbook, ch. 5).

    An error is a request that missed the SLO or did not get to its end. The rate is the share of
    errors over the share that the objective allows.
    """

    kind: Literal["burn_rate"] = "burn_rate"
    objective: Share = 0.99
    long_s: Positive = 3600.0
    short_s: Positive = 300.0
    above: Positive = 14.4


class Level(_Rule):
    """A quantity of the fleet, mean over a window, is above a bound."""

    kind: Literal["level"] = "level"
    of: Literal["waiting", "running", "busy_share", "kv_use", "down"]
    """Requests, but for the shares; ``down``: replicas out of order."""
    window_s: Positive = 60.0
    above: NotNegative


Rule = Annotated[Quantile | Burn | Level, Field(discriminator="kind")]
