"""What the fixtures of the fleet's tests are: a way to run, and a way to draw traffic."""

from typing import Any, Protocol

from simulator import Result
from workloads.trace import Trace


class Play(Protocol):
    """Run a trace on a fleet that is told by keywords."""

    def __call__(self, trace: Trace, **fleet: Any) -> Result: ...


class Draw(Protocol):
    """A Poisson trace."""

    def __call__(
        self, requests: int = 300, rate: float = 40.0, seed: int = 0, **columns: Any
    ) -> Trace: ...
