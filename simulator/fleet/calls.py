"""A request as the fleet sees it, and an attempt of a replica at answering it."""

from __future__ import annotations

from math import nan
from typing import TYPE_CHECKING

from simulator.engine.request import Path, Request

if TYPE_CHECKING:
    from simulator.fleet.hold import Hold
    from simulator.fleet.unit import Unit


class Call:
    """What a policy may look at; how long the answer will be is not here.

    There are many, and of most of them little is ever said: what is rarely anything but its default
    stands in the class, and in the object only once it has changed.
    """

    __slots__ = (
        "__dict__",
        "arrival_s",
        "attempts",
        "ended",
        "held_in",
        "inside",
        "priority",
        "prompt_tokens",
        "row",
    )

    tenant = ""
    session = -1
    """Conversation it is a turn of, -1 for none."""
    path: Path = ()
    """Named prefix of the prompt, in blocks that other prompts share."""
    client = -1
    """Which kind of client sends it, -1 for one that waits for ever."""
    away = 0
    """1 while an endpoint is at it, -1 once that has given the first token, else 0."""
    refused_s = nan
    """When all endpoints refused it last. [s]"""
    tries = 0
    losses = 0

    def __init__(self, row: int, arrival_s: float, prompt_tokens: int, priority: int = 0) -> None:
        self.row = row
        self.arrival_s = arrival_s
        self.prompt_tokens = prompt_tokens
        self.priority = priority
        """Smaller is served first, as in vLLM."""
        self.attempts: tuple[Attempt, ...] = ()
        """Those under way on replicas."""
        self.held_in: Hold | None = None
        """Queue in which it waits at the gateway."""
        self.inside = False
        """Whether it counts as one of its tenant's in the fleet."""
        self.ended = False

    def __repr__(self) -> str:
        return f"Call({self.row}, {self.prompt_tokens} in)"


class Attempt(Request):
    """A request at one replica. As with a `Call`, what is rare stands in the class."""

    __slots__ = ("__dict__", "call", "first_s", "over", "unit")

    leg = "whole"
    """``prefill``, ``travel`` (of its KV) and ``decode`` where two replicas share the work."""
    handed = True
    """Whether the engine has it, or has had it."""
    adapter = ""
    """Adapter that it uses, where tenants have adapters."""

    def __init__(
        self, call: Call, unit: Unit, now_s: float, output_tokens: int, path: Path
    ) -> None:
        prompt_tokens, priority = call.prompt_tokens, call.priority
        Request.__init__(self, call.row, now_s, prompt_tokens, output_tokens, priority, path)
        self.call = call
        self.unit = unit
        self.over = False
        """Nobody waits for it any more: it has finished, been given up, or been lost."""
        self.first_s = nan
        """When its first token came back. [s]"""


def of_prompt(path: Path, blocks: int) -> Path:
    """The part of a named prefix that lies in the prompt: outputs are nobody's business yet."""
    if not path or path[-1][1] <= blocks:
        return path
    return tuple((node, min(end, blocks)) for node, end in path if _begin(path, node) < blocks)


def _begin(path: Path, node: int) -> int:
    begin = 0
    for other, end in path:
        if other == node:
            return begin
        begin = end
    return begin
