"""What a client does while it waits: gives up, tries again, asks twice.

A trace says when somebody *wants* an answer. How often the server is asked depends on how fast it
answers, so this travels with the trace (`Trace.client`, `Trace.clients`) and is acted out by the
running part.
"""

from typing import Annotated

from numpy.random import Generator
from pydantic import Field, model_validator

from hardware_profiles.errors import InputError
from hardware_profiles.value import Value

__all__ = ["Client"]

Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]


class Client(Value):
    """Patience and manners of one kind of client; the default waits for ever and asks once."""

    timeout_s: Positive | None = None
    """It gives up an attempt whose answer is not complete after so long, and cancels it."""
    first_token_timeout_s: Positive | None = None
    """It gives up an attempt whose first token is not there after so long."""
    max_retries: Annotated[int, Field(ge=0, le=100)] = 0
    """Further attempts after one that timed out or was rejected."""
    backoff_s: NotNegative = 0.5
    """Wait before the first retry."""
    backoff_factor: Annotated[float, Field(ge=1, le=10)] = 2.0
    """Each further wait is so many times the one before."""
    max_backoff_s: Positive = 8.0
    backoff_jitter: Annotated[float, Field(ge=0, le=1)] = 0.25
    """A wait is shortened at random by up to this share, so that clients do not march in step."""
    cancel_share: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of requests whose user walks away."""
    cancel_after_s: NotNegative | None = None
    """Mean patience of those who walk away, exponential [s]."""
    hedge_after_s: Positive | None = None
    """With no first token after so long, the same is asked a second time and the first answer
    taken; the other is cancelled."""

    @model_validator(mode="after")
    def _whole(self) -> "Client":
        if (self.cancel_share > 0) != (self.cancel_after_s is not None):
            raise InputError("client: give cancel_share and cancel_after_s together, or neither")
        if self.max_retries and not (self.timeout_s or self.first_token_timeout_s):
            raise InputError("client: max_retries needs timeout_s or first_token_timeout_s")
        return self

    def backoff(self, retry: int, rng: Generator) -> float:
        """Wait before retry number `retry` (from 0). [s]

        >>> import numpy as np
        >>> steady = Client(timeout_s=5, max_retries=3, backoff_jitter=0)
        >>> [steady.backoff(k, np.random.default_rng(0)) for k in (0, 1, 5)]
        [0.5, 1.0, 8.0]
        """
        # A power of 64 is beyond any cap; more would overflow.
        wait = min(self.backoff_s * self.backoff_factor ** min(retry, 64), self.max_backoff_s)
        return float(wait * (1 - self.backoff_jitter * rng.random()))

    def patience(self, rng: Generator) -> float | None:
        """How long this user waits before walking away; None if to the end. [s]"""
        if self.cancel_after_s is None or rng.random() >= self.cancel_share:
            return None
        return float(rng.exponential(self.cancel_after_s))
