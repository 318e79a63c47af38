"""How long the steps of a batch take, and when each of them starts."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from simulator.physics.step_time import DecodeLine, StepWork

if TYPE_CHECKING:
    from simulator.engine.batch import Batch

LONG_RUN = 96
"""From this many steps on, NumPy adds faster than Python; both add in the same order."""


class Timed(Protocol):
    """The part of a step-time model that tells the time."""

    def seconds(self, work: StepWork) -> Any:
        """Time of a step. [s]"""

    def decode_line(self, decode_seqs: int) -> DecodeLine:
        """Time of a decode-only step as a line in its total context."""


class Stopwatch:
    """Reads a step-time model, and remembers its lines for decode-only batches.

    ``longest`` bounds the runs; None lets them grow with what the last ones lasted.
    """

    def __init__(self, model: Timed, longest: int | None = None) -> None:
        self._model = model
        self._lines: dict[int, DecodeLine] = {}
        self._adapts = longest is None
        self._longest = longest or 16

    def starts(self, batch: Batch, start_s: float) -> list[float]:
        """When each step of the batch starts, and at the end, when the last one ends.

        Long runs are cut short where the law changes (a floor is left) and where they reach far
        beyond what the last runs lasted: most are cut by an arrival, and what lies behind it would
        be added up in vain.
        """
        if batch.prefill_tokens:
            work = StepWork(
                batch.prefill_tokens,
                batch.prefill_seqs,
                batch.prefill_context,
                batch.prefill_pairs,
                batch.decode_seqs,
                batch.decode_context,
            )
            return [start_s, start_s + float(self._model.seconds(work))]
        seqs, context = batch.decode_seqs, batch.decode_context
        line = self._lines.get(seqs)
        if line is None:
            line = self._lines[seqs] = self._model.decode_line(seqs)
        constant, slope, floor = line
        steps = batch.num_steps
        if steps > self._longest:
            steps = batch.num_steps = self._longest
        first = constant + slope * context
        if first < floor:
            return self._on_the_floor(batch, start_s, line)
        if steps == 1:
            return [start_s, start_s + first]
        end = context + steps * seqs
        if steps < LONG_RUN:
            contexts = range(context, end, seqs)
            return list(accumulate([constant + slope * c for c in contexts], initial=start_s))
        seconds = np.empty(steps + 1)
        seconds[0] = start_s
        seconds[1:] = constant + slope * np.arange(context, end, seqs, dtype=np.float64)
        starts: list[float] = np.add.accumulate(seconds).tolist()
        return starts

    def ran(self, batch: Batch, steps: int) -> None:
        """Of the batch so many steps came to pass: the next run is not added up much further."""
        if batch.num_steps > 1 and self._adapts:
            self._longest = 2 * steps + 16

    def forget(self) -> None:
        """The model has changed: what was remembered of it no longer holds."""
        self._lines.clear()

    @staticmethod
    def _on_the_floor(batch: Batch, start_s: float, line: DecodeLine) -> list[float]:
        constant, slope, floor = line
        seqs, context, steps = batch.decode_seqs, batch.decode_context, batch.num_steps
        if slope > 0:
            steps = min(steps, max(1, int(((floor - constant) / slope - context) / seqs)))
            while steps > 1 and constant + slope * (context + (steps - 1) * seqs) > floor:
                steps -= 1
        batch.num_steps = steps
        return list(accumulate([floor] * steps, initial=start_s))
