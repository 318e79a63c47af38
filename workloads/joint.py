"""Prompt and answer lengths that belong together: pairs that were seen, drawn again as pairs."""

from pathlib import Path
from typing import Annotated, Self

import numpy as np
from numpy.random import Generator
from pydantic import Field, model_validator

from hardware_profiles.errors import InputError
from hardware_profiles.value import Value
from workloads import formats
from workloads.empirical import Weights, chances, check_weights
from workloads.length_shapes import Tokens
from workloads.segments import Ints

__all__ = ["JointLengths"]


class JointLengths(Value):
    """Pairs of (prompt, output) tokens, written out, or those of the requests in a trace file."""

    pairs: tuple[tuple[Tokens, Tokens], ...] = ()
    weights: Weights = ()
    path: Path | None = None
    """A trace in any format that can be read; its times do not matter."""
    format: str | None = None
    limit: Annotated[int, Field(ge=1)] | None = None
    """Only the so many first requests of the trace."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if bool(self.pairs) == (self.path is not None):
            raise InputError("joint_lengths: give either pairs or path")
        check_weights(len(self.pairs), self.weights, "joint_lengths")
        return self

    def sample(self, rng: Generator, number: int, base_dir: Path = Path()) -> tuple[Ints, Ints]:
        """Prompt and output tokens of `number` requests."""
        prompt, output = self._columns(base_dir)
        which = rng.choice(len(prompt), number, p=chances(self.weights, len(prompt)))
        return prompt[which], output[which]

    def _columns(self, base_dir: Path) -> tuple[Ints, Ints]:
        if self.path is None:
            table = np.array(self.pairs, dtype=np.int64)
            return table[:, 0], table[:, 1]
        trace = formats.read(base_dir / self.path, self.format, sort=True)
        return trace.prompt_tokens[: self.limit], trace.output_tokens[: self.limit]
