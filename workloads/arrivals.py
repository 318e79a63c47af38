"""When requests arrive: the arrival processes there are, chosen by `kind`."""

from typing import Annotated

from pydantic import Field

from workloads.modulated import MMPP, Spike
from workloads.process import Process
from workloads.renewal import Constant, Gamma, Poisson, Weibull

__all__ = ["MMPP", "Arrivals", "Constant", "Gamma", "Poisson", "Process", "Spike", "Weibull"]

Arrivals = Annotated[
    Poisson | Constant | Gamma | Weibull | MMPP | Spike, Field(discriminator="kind")
]
