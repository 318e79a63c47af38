"""Pools: replicas of several kinds in one fleet, and which of them a request goes to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Protocol

from pydantic import Field, model_validator

from hardware_profiles.errors import InputError
from hardware_profiles.link import Link
from hardware_profiles.profile import NotNegative, Text
from hardware_profiles.value import Value
from simulator.fleet.autoscaler import Autoscaler
from simulator.fleet.calls import Call
from simulator.fleet.hold import Queue
from simulator.fleet.routing import Router
from simulator.fleet.start_up import StartUp

__all__ = ["Disaggregation", "LoRA", "PoolChoice", "PoolPlan"]


class PoolPlan(Value):
    """One kind of replica. What is not said is as the scenario has it."""

    name: Text
    model: Any = None
    """An LLM, by name or written out."""
    gpu: Any = None
    node: Any = None
    offer: Any = None
    engine: Any = None
    """None: the scenario's; the defaults of another GPU or model if one is named."""
    step_time: Any = None
    replicas: Annotated[int, Field(ge=0, le=100_000)] | None = None
    router: Router | None = None
    queue: Queue | None = None
    start_up: StartUp | None = None
    autoscaler: Autoscaler | None = None

    def changes(self) -> dict[str, Any]:
        """Keys of the scenario that this pool has otherwise."""
        told = {key: getattr(self, key) for key in type(self).model_fields if key != "name"}
        told = {key: value for key, value in told.items() if value is not None}
        if ("gpu" in told or "model" in told) and "engine" not in told:
            told["engine"] = {}
        return told


class PoolState(Protocol):
    """What the choice among pools may know of one."""

    name: str

    def usd_per_hour(self) -> float:
        """Price of one of its replicas. [USD/h]"""

    def load(self) -> float:
        """Requests for each of its ready replicas; infinite if none is ready."""


class ByLength(Value):
    """Short prompts to the first pool, longer ones to the next, …"""

    kind: Literal["by_length"] = "by_length"
    up_to: tuple[Annotated[int, Field(ge=1)], ...]
    """Longest prompt of each pool but the last. [tokens]"""

    @model_validator(mode="after")
    def _rising(self) -> ByLength:
        if list(self.up_to) != sorted(set(self.up_to)):
            raise InputError("expected rising numbers of tokens", ("up_to",))
        return self

    def choose(self, call: Call, pools: Sequence[PoolState]) -> int:
        """The place of the pool for the call."""
        at = sum(call.prompt_tokens > bound for bound in self.up_to)
        return min(at, len(pools) - 1)


class ByTenant(Value):
    """By who asks; that is how one says which model a request wants."""

    kind: Literal["by_tenant"] = "by_tenant"
    pools: dict[str, str]
    """Pool of each tenant; the first pool for those not named."""

    def choose(self, call: Call, pools: Sequence[PoolState]) -> int:
        """The place of the pool for the call."""
        wanted = self.pools.get(call.tenant)
        return next((i for i, pool in enumerate(pools) if pool.name == wanted), 0)


class ByClass(Value):
    """By priority."""

    kind: Literal["by_class"] = "by_class"
    pools: dict[int, str]
    """Pool of each priority; the first pool for those not named."""

    def choose(self, call: Call, pools: Sequence[PoolState]) -> int:
        """The place of the pool for the call."""
        wanted = self.pools.get(call.priority)
        return next((i for i, pool in enumerate(pools) if pool.name == wanted), 0)


class ByCost(Value):
    """The cheapest pool whose replicas have few enough requests, else the least loaded."""

    kind: Literal["by_cost"] = "by_cost"
    max_load: NotNegative
    """Requests for each replica, up to which a pool takes more."""

    def choose(self, call: Call, pools: Sequence[PoolState]) -> int:
        """The place of the pool for the call."""
        order = sorted(range(len(pools)), key=lambda i: (pools[i].usd_per_hour(), i))
        free = [i for i in order if pools[i].load() < self.max_load]
        return free[0] if free else min(order, key=lambda i: pools[i].load())


PoolChoice = Annotated[ByLength | ByTenant | ByClass | ByCost, Field(discriminator="kind")]


class Disaggregation(Value):
    """Prompts are computed in one pool and answers in another; the KV cache travels between.

    The decoding engine gets all of it but the last prompt token, computes that again, and gives the
    first token, as vLLM's NIXL connector does. Until all is there the prompt's blocks stay taken on
    the replica that sends them.
    """

    prefill: Text
    """Name of the pool that computes prompts."""
    decode: Text
    """Name of the pool that generates."""
    link: Link
    """Way from a prefilling replica to the others; transfers of one replica follow each other."""


class LoRA(Value):
    """Adapters of tenants: each replica has a few slots, and loads what it lacks.

    A request waits outside the engine until its adapter is there.
    """

    slots: Annotated[int, Field(ge=1)] = 4
    """Adapters on a GPU at once; their memory is taken from the KV cache."""
    adapter_mb: Annotated[float, Field(gt=0)] = 100.0
    """Size of one [1e6 byte]."""
    load_gb_s: Annotated[float, Field(gt=0)] = 2.0
    """Bandwidth at which it is loaded [1e9 byte/s]."""
    tenants: tuple[Text, ...] | None = None
    """Tenants with an adapter of their own; None: every named one."""

    @property
    def load_s(self) -> float:
        """Time to load one. [s]

        >>> LoRA(adapter_mb=200, load_gb_s=2).load_s
        0.1
        """
        return self.adapter_mb * 1e6 / (self.load_gb_s * 1e9)
