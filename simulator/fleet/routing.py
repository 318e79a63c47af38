"""Routers that remember: each is a frozen value, and ``start`` makes what runs."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Annotated, Literal, Protocol

import numpy as np
from pydantic import Field

from hardware_profiles.profile import NotNegative
from hardware_profiles.value import Value
from simulator.fleet.beat import Beat
from simulator.fleet.calls import Call
from simulator.fleet.router import LeastLoaded, LoadRouter, PowerOfTwo, Random, RoundRobin
from simulator.fleet.signals import Signals

__all__ = ["Choose", "LeastTokens", "PrefixAware", "Router", "SessionAffinity", "Weighted", "start"]


class Choose(Protocol):
    """A router at work."""

    def __call__(self, call: Call, ready: Sequence[int], signals: Signals) -> int:
        """The number of the replica for the call, one of those ready."""


class _Remembering(Value):
    stale_s: Beat = 0.0
    """Replicas are asked how they are every so many seconds; 0: it is always known [s]."""

    def start(self, rng: np.random.Generator) -> Choose:
        """What runs."""
        raise NotImplementedError


class LeastTokens(_Remembering):
    """The replica with the fewest prompt tokens in its requests, running or waiting."""

    kind: Literal["least_tokens"] = "least_tokens"

    def start(self, rng: np.random.Generator) -> Choose:
        """What runs."""

        def choose(call: Call, ready: Sequence[int], signals: Signals) -> int:
            tokens = signals.tokens
            if len(ready) == len(tokens):  # all are ready
                return tokens.index(min(tokens))
            return min(ready, key=tokens.__getitem__)

        return choose


class SessionAffinity(_Remembering):
    """Where the conversation was before; a new one goes where the fewest requests are.

    A conversation moves when its replica has gone, or has ``spill`` requests more than the one with
    the fewest.
    """

    kind: Literal["session_affinity"] = "session_affinity"
    spill: Annotated[int, Field(ge=1)] | None = None

    def start(self, rng: np.random.Generator) -> Choose:
        """What runs: the home of each conversation."""
        homes: dict[int, int] = {}

        def choose(call: Call, ready: Sequence[int], signals: Signals) -> int:
            loads = signals.loads
            if call.session < 0:
                return min(ready, key=loads.__getitem__)
            home = homes.get(call.session, -1)
            if home in ready:
                if self.spill is None:
                    return home
                if loads[home] - min(loads[n] for n in ready) < self.spill:
                    return home
            home = homes[call.session] = min(ready, key=loads.__getitem__)
            return home

        return choose


class PrefixAware(_Remembering):
    """The replica with the longest prefix of the prompt; among equals the fewest requests.

    ``imbalance`` requests more than the one with the fewest, and a replica is passed over. Caches
    tell of what comes and goes as it happens; ``stale_s`` is about the number of requests.
    """

    kind: Literal["prefix_aware"] = "prefix_aware"
    index: Literal["exact", "approximate"] = "exact"
    """Ask the replicas' caches, or go by what the router itself sent where."""
    index_blocks: Annotated[int, Field(ge=1)] = 20_000
    """Blocks that the router's own index supposes to be in each replica's cache."""
    imbalance: Annotated[int, Field(ge=1)] = 32

    def start(self, rng: np.random.Generator) -> Choose:
        """What runs."""
        matched = _exact if self.index == "exact" else _Index(self.index_blocks).matched

        def choose(call: Call, ready: Sequence[int], signals: Signals) -> int:
            loads = signals.loads
            most = min([loads[n] for n in ready]) + self.imbalance
            best, best_key = -1, (-1, 0)
            for number in ready:
                load = loads[number]
                if load < most:
                    blocks = matched(call, number, signals) if call.path else 0
                    key = (blocks, -load)
                    if best < 0 or key > best_key:
                        best, best_key = number, key
            if call.path and isinstance(owner := getattr(matched, "__self__", None), _Index):
                owner.sent(call, best)
            return best

        return choose


class Weighted(_Remembering):
    """The best sum of weighted scores, each from 0 to 1, as inference gateways do it."""

    kind: Literal["weighted"] = "weighted"
    prefix: NotNegative = 1.0
    """Share of the prompt that is in the replica's cache."""
    queue: NotNegative = 1.0
    """1 for an empty queue, 0 for the longest one there is."""
    kv: NotNegative = 1.0
    """Share of the KV memory that is free."""

    def start(self, rng: np.random.Generator) -> Choose:
        """What runs."""

        def choose(call: Call, ready: Sequence[int], signals: Signals) -> int:
            waiting = [signals.waiting(n) for n in ready]
            longest = max(max(waiting), 1)
            best, best_score = -1, (-1.0, 0)
            for number, queue in zip(ready, waiting, strict=True):
                score = self.queue * (1 - queue / longest)
                if self.kv:
                    score += self.kv * (1 - signals.kv_use(number))
                if self.prefix and call.path:
                    share = _exact(call, number, signals) / call.path[-1][1]
                    score += self.prefix * share
                key = (round(score, 9), -signals.loads[number])
                if best < 0 or key > best_score:
                    best, best_score = number, key
            return best

        return choose


def _exact(call: Call, number: int, signals: Signals) -> int:
    """Blocks of the prompt that the replica's cache has."""
    engine = signals.units[number].engine
    return engine.scheduler.cache.matched(call.path) if engine else 0


class _Index:
    """What a router that asks nobody believes to be where: the prefixes that it sent last."""

    def __init__(self, blocks: int) -> None:
        self._blocks = blocks
        self._known: dict[int, OrderedDict[int, int]] = {}
        self._held: dict[int, int] = {}

    def matched(self, call: Call, number: int, signals: Signals) -> int:
        """Blocks of the prompt that were sent to the replica."""
        known = self._known.get(number)
        if not known:
            return 0
        blocks = start = 0
        for node, end in call.path:
            held = known.get(node, 0)
            blocks += min(held, end - start)
            if held < end - start:
                break
            start = end
        return blocks

    def sent(self, call: Call, number: int) -> None:
        """The replica will have this prompt; what it was sent longest ago is forgotten."""
        known = self._known.setdefault(number, OrderedDict())
        total, start = self._held.get(number, 0), 0
        for node, end in call.path:
            blocks = max(end - start, known.get(node, 0))
            total += blocks - known.get(node, 0)
            known[node] = blocks
            start = end
        for node, _ in reversed(call.path):
            known.move_to_end(node)
        while total > self._blocks:
            total -= known.popitem(last=False)[1]
        self._held[number] = total


Router = Annotated[
    RoundRobin
    | LeastLoaded
    | Random
    | PowerOfTwo
    | LeastTokens
    | SessionAffinity
    | PrefixAware
    | Weighted,
    Field(discriminator="kind"),
]


def start(router: LoadRouter | _Remembering, rng: np.random.Generator) -> Choose:
    """A router at work, whichever kind it is."""
    if isinstance(router, _Remembering):
        return router.start(rng)
    counter = iter(range(1 << 62))
    if isinstance(router, RoundRobin):
        return lambda call, ready, signals: ready[next(counter) % len(ready)]

    def choose(call: Call, ready: Sequence[int], signals: Signals) -> int:
        loads = signals.loads
        return ready[router.choose(next(counter), [loads[n] for n in ready], rng)]

    return choose
