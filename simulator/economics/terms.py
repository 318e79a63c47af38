"""Terms: how the GPUs of a run are had and what is paid besides, so that it can be billed."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from hardware_profiles.value import Value
from simulator.economics.contract import OnDemand, Reserved, Serverless, Spot
from simulator.economics.contract_owned import Owned
from simulator.economics.cost_line import CostLine, total
from simulator.economics.overheads import Overheads
from simulator.economics.usage import Usage

__all__ = ["Contract", "Terms"]

Contract = Annotated[OnDemand | Reserved | Spot | Serverless | Owned, Field(discriminator="kind")]


class Terms(Value):
    """A contract for the GPUs, and the overheads if they are to be counted.

    >>> terms = Terms.parse(
    ...     {"gpus": {"kind": "on_demand", "offer": "nebius-h100-sxm-on-demand"}}
    ... )
    >>> month = Usage(seconds=730 * 3600, gpu_s={"busy": 3600.0, "idle": 7200.0})
    >>> [(line.line, round(line.usd, 2)) for line in terms.lines(month) if line.usd]
    [('gpu_rent_busy', 2.95), ('gpu_rent_idle', 5.9)]
    """

    gpus: Contract
    overheads: Overheads | None = None

    def lines(self, used: Usage) -> list[CostLine]:
        """All that the time used costs; the sum is the bill."""
        rent = self.gpus.lines(used)
        rest = [] if self.overheads is None else self.overheads.lines(used, total(rent))
        return [*rent, *rest]
