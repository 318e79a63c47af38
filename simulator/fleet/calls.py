"""A request as the fleet sees it, and an attempt of a replica at answering it."""

from __future__ import annotations

from math import nan
from typing import TYPE_CHECKING

from simulator.engine.request import Path, Request

if TYPE_CHECKING:
    from simulator.fleet.unit import Unit


class Call:
    """What a policy may look at; how long the answer will be is not here."""

    __slots__ = (
        "arrival_s",
        "attempts",
        "away",
        "client",
        "ended",
        "held_in",
        "losses",
        "path",
        "priority",
        "prompt_tokens",
        "row",
        "session",
        "tenant",
        "tries",
    )

    def __init__(
        self,
        row: int,
        arrival_s: float,
        prompt_tokens: int,
        priority: int = 0,
        tenant: str = "",
        session: int = -1,
        path: Path = (),
    ) -> None:
        self.row = row
        self.arrival_s = arrival_s
        self.prompt_tokens = prompt_tokens
        self.priority = priority
        """Smaller is served first, as in vLLM."""
        self.tenant = tenant
        self.session = session
        """Conversation it is a turn of, -1 for none."""
        self.path = path
        """Named prefix of the prompt, in blocks that other prompts share."""
        self.client = -1
        self.attempts: list[Attempt] = []
        """Those under way on replicas."""
        self.away = 0
        """1 while an endpoint is at it, -1 once that has given the first token, else 0."""
        self.held_in: object = None
        """Queue in which it waits at the gateway."""
        self.tries = 0
        self.losses = 0
        self.ended = False

    def __repr__(self) -> str:
        return f"Call({self.row}, {self.prompt_tokens} in)"


class Attempt(Request):
    """A request at one replica."""

    __slots__ = ("adapter", "call", "first_s", "handed", "leg", "over", "unit")

    def __init__(
        self, call: Call, unit: Unit, now_s: float, output_tokens: int, path: Path
    ) -> None:
        super().__init__(call.row, now_s, call.prompt_tokens, output_tokens, call.priority, path)
        self.call = call
        self.unit = unit
        self.over = False
        """Nobody waits for it any more: it has finished, been given up, or been lost."""
        self.first_s = nan
        self.adapter = ""
        """Adapter that it uses, where tenants have adapters."""
        self.handed = True
        """Whether the engine has it, or has had it."""
        self.leg = "whole"
        """``prefill`` and ``decode`` where two replicas share the work."""
