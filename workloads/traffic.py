"""Traffic: the recipe that yields a trace, written out in a scenario or named from the shelf."""

from typing import Annotated

from pydantic import BeforeValidator, Field, TypeAdapter

from workloads.mix import Mix
from workloads.replay import Replay
from workloads.servegen import ServeGen
from workloads.shelf import SHELF, from_shelf, names
from workloads.synthetic import Synthetic

__all__ = ["SHELF", "Mix", "Replay", "ServeGen", "Synthetic", "Traffic", "named", "names"]

Traffic = Annotated[
    Annotated[Synthetic | Replay | ServeGen | Mix, Field(discriminator="kind")],
    BeforeValidator(from_shelf),
]


def named(name: str) -> Synthetic | Replay | ServeGen | Mix:
    """Traffic of that name on the shelf."""
    traffic: Synthetic | Replay | ServeGen | Mix = TypeAdapter(Traffic).validate_python(name)
    return traffic
