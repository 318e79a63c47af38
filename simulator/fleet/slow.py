"""A slow GPU: every step takes a factor longer, from the next one composed on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator.physics.work import DecodeLine, StepWork

if TYPE_CHECKING:
    from simulator.fleet.unit import Unit
    from simulator.step_time_model import StepTime


class Slowed:
    """A step-time model times the replica's present slowness."""

    def __init__(self, model: StepTime, unit: Unit) -> None:
        self._model = model
        self._unit = unit

    def seconds(self, work: StepWork) -> Any:
        """Time of a step. [s]"""
        return self._model.seconds(work) * self._unit.slow

    def decode_line(self, decode_seqs: int) -> DecodeLine:
        """Time of a decode-only step as a line in its total context."""
        constant, slope, floor = self._model.decode_line(decode_seqs)
        slow = self._unit.slow
        return DecodeLine(constant * slow, slope * slow, floor * slow)
