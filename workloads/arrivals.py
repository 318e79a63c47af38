"""When requests arrive: the arrival processes there are, chosen by `kind`."""

from typing import Annotated

from pydantic import Field

from workloads.closed_loop import ClosedLoop, Concurrency
from workloads.modulated import MMPP, Spike
from workloads.process import Process
from workloads.renewal import Constant, Gamma, Poisson, Weibull
from workloads.schedules import BusinessHours, Diurnal, Drain, Ramp, Rates, Weekly

__all__ = [
    "MMPP",
    "Arrivals",
    "BusinessHours",
    "ClosedLoop",
    "Concurrency",
    "Constant",
    "Diurnal",
    "Drain",
    "Gamma",
    "Poisson",
    "Process",
    "Ramp",
    "Rates",
    "Spike",
    "Weekly",
    "Weibull",
]

Arrivals = Annotated[
    Poisson
    | Constant
    | Gamma
    | Weibull
    | MMPP
    | Spike
    | Ramp
    | Drain
    | Diurnal
    | Weekly
    | BusinessHours
    | Rates
    | ClosedLoop
    | Concurrency,
    Field(discriminator="kind"),
]
