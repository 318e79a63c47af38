"""A request as the fleet sees it, and an attempt of a replica at answering it."""

from __future__ import annotations

from math import nan
from typing import TYPE_CHECKING

from simulator.engine.request import Path, Request

if TYPE_CHECKING:
    from simulator.fleet.hold import Hold
    from simulator.fleet.unit import Unit


class Call:
    """What a policy may look at; how long the answer will be is not here."""

    # Defaults stand with the class: most calls never change them, and making one is cheap.
    client = -1
    """Which kind of client sends it, -1 for one that waits for ever."""
    away = 0
    """1 while an endpoint is at it, -1 once that has given the first token, else 0."""
    held_in: Hold | None = None
    """Queue in which it waits at the gateway."""
    tries = 0
    losses = 0
    ended = False

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
        self.attempts: list[Attempt] = []
        """Those under way on replicas."""

    def __repr__(self) -> str:
        return f"Call({self.row}, {self.prompt_tokens} in)"


class Attempt(Request):
    """A request at one replica."""

    __slots__ = ("__dict__", "call", "first_s", "over", "unit")

    adapter = ""
    """Adapter that it uses, where tenants have adapters."""
    handed = True
    """Whether the engine has it, or has had it."""
    leg = "whole"
    """``prefill`` and ``decode`` where two replicas share the work."""

    def __init__(
        self, call: Call, unit: Unit, now_s: float, output_tokens: int, path: Path
    ) -> None:
        super().__init__(call.row, now_s, call.prompt_tokens, output_tokens, call.priority, path)
        self.call = call
        self.unit = unit
        self.over = False
        """Nobody waits for it any more: it has finished, been given up, or been lost."""
        self.first_s = nan
