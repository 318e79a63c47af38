"""How much a request asks for: the length distributions there are, chosen by `kind`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.random import Generator
from pydantic import BeforeValidator, Field, model_validator

from hardware_profiles.value import Value
from workloads.empirical import Empirical, chances, check_weights
from workloads.length_shapes import Fixed, LengthDistribution, Lognormal, Uniform, Zipf
from workloads.segments import Ints

__all__ = [
    "Empirical",
    "Fixed",
    "LengthDistribution",
    "Lengths",
    "Lognormal",
    "Mixture",
    "Uniform",
    "Zipf",
]


class Part(Value):
    """One of the kinds of request in a mixture."""

    weight: Annotated[float, Field(ge=0)]
    """How often, up to a factor."""
    lengths: Lengths


class Mixture(LengthDistribution):
    """Kinds of request that differ in length: answers with and without reasoning, say."""

    kind: Literal["mixture"] = "mixture"
    parts: Annotated[tuple[Part, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _some_weight(self) -> Mixture:
        check_weights(len(self.parts), tuple(part.weight for part in self.parts), "mixture")
        return self

    def sample(self, rng: Generator, number: int, base_dir: Path = Path()) -> Ints:
        chance = chances(tuple(part.weight for part in self.parts), len(self.parts))
        which = rng.choice(len(self.parts), number, p=chance)
        drawn = np.empty(number, dtype=np.int64)
        for place, part in enumerate(self.parts):
            mine = which == place
            drawn[mine] = part.lengths.sample(rng, int(mine.sum()), base_dir)
        return drawn

    def mean_tokens(self, base_dir: Path = Path()) -> float:
        chance = chances(tuple(part.weight for part in self.parts), len(self.parts))
        means = [part.lengths.mean_tokens(base_dir) for part in self.parts]
        return float(chance @ np.array(means))


def _bare_number(data: Any) -> Any:
    """A bare number means always so many."""
    if isinstance(data, int) and not isinstance(data, bool):
        return {"kind": "fixed", "tokens": data}
    return data


Lengths = Annotated[
    Annotated[
        Fixed | Uniform | Lognormal | Zipf | Empirical | Mixture, Field(discriminator="kind")
    ],
    BeforeValidator(_bare_number),
]

Part.model_rebuild()
Mixture.model_rebuild()
