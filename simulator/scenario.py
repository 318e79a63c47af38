"""Scenario: everything a run depends on, in one value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, ValidationError, ValidationInfo, field_validator, model_validator

from hardware_profiles.errors import InputError
from hardware_profiles.explain import explain, within
from hardware_profiles.gpu import GPU
from hardware_profiles.link import Link
from hardware_profiles.node import Node
from hardware_profiles.offer import Offer
from hardware_profiles.profile import Positive, Text, load_yaml
from hardware_profiles.value import Value
from simulator.engine.engine_args import PROFILES, EngineArgs
from simulator.fleet.admission import Admission
from simulator.fleet.agreement import check_fleet
from simulator.fleet.autoscaler import Autoscaler
from simulator.fleet.faults import Fault
from simulator.fleet.hold import Queue
from simulator.fleet.operations import Operation
from simulator.fleet.overflow import Overflow
from simulator.fleet.pool_plan import Disaggregation, LoRA, PoolChoice, PoolPlan
from simulator.fleet.router import LoadRouter, RoundRobin
from simulator.fleet.routing import Router
from simulator.fleet.start_up import StartUp
from simulator.physics.layout import Layout
from simulator.physics.memory import scheduled_blocks
from simulator.physics.sharding import weight_bytes
from simulator.rng import stream
from simulator.step_time_model import Roofline, StepTime, StepTimeModel
from workloads.llm import LLM
from workloads.trace import Trace
from workloads.traffic import Traffic

__all__ = ["SLO", "Scenario", "step_time_of"]

UNKNOWN_NETWORK = "ethernet-100g"
"""Between nodes of GPUs for which the shelf has no node."""


class SLO(Value):
    """What a good request keeps to, as the client sees it; a bound not given always holds."""

    ttft_s: Positive | None = None
    """From arrival to the first token. [s]"""
    tpot_s: Positive | None = None
    """Mean time per output token after the first. [s]"""
    e2e_s: Positive | None = None
    """From arrival to the last token. [s]"""


class Scenario(Value):
    """Traffic, a model, GPUs, engine arguments, a promise, a price, and a seed.

    Examples
    --------
    >>> scenario = Scenario.parse({
    ...     "traffic": "steady-chat", "model": "llama-3.1-8b", "gpu": "h100-sxm", "horizon_s": 60,
    ... })
    >>> scenario.replicas, scenario.engine.max_num_batched_tokens, scenario.offer.gpu
    (1, 8192, 'h100-sxm')
    """

    name: Text = "scenario"
    traffic: Traffic
    """Who asks, when, for how much: a recipe, a trace file, or a name on the shelf."""
    model: LLM
    gpu: GPU
    node: Node | None = None
    """Servers that the GPUs are in, for engines larger than one; None: the shelf's for the GPU."""
    autoscaler: Autoscaler | None = None
    """Who asks for replicas; None: ``replicas``, for good. It begins with ``replicas``."""
    overflow: Overflow | None = None
    """Somebody else's API that takes what is too much."""
    pools: tuple[PoolPlan, ...] = ()
    """Replicas of several kinds; none: one pool of what is said here."""
    replicas: Annotated[int, Field(ge=0, le=100_000)] = 1
    """Engines of ``tensor_parallel_size × pipeline_parallel_size`` GPUs each."""
    router: Router = RoundRobin()
    admission: Admission | None = None
    """Who is let in; None: everybody."""
    queue: Queue | None = None
    """Where requests wait at the gateway; None: straight to the engines."""
    start_up: StartUp | None = None
    """Cold start of a replica that was not there from the beginning; None: at once."""
    faults: tuple[Fault, ...] = ()
    max_requeues: Annotated[int, Field(ge=0, le=1000)] = 3
    """A request that is lost with its replica is served anew so often, then it has failed."""
    operations: tuple[Operation, ...] = ()
    pool_choice: PoolChoice | None = None
    disaggregation: Disaggregation | None = None
    lora: LoRA | None = None
    engine: EngineArgs = EngineArgs()
    step_time: StepTimeModel = Roofline()
    client_overhead: bool = True
    """Count the API server's own milliseconds, of the calibration, in TTFT and E2E."""
    slo: SLO = SLO()
    offer: Offer
    """Price of a GPU-hour; when not given, the cheapest on-demand offer for the GPU."""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    horizon_s: Positive | None = None
    """Requests arrive until then [s]; what has arrived is served to its end."""

    @model_validator(mode="before")
    @classmethod
    def _cheapest_offer(cls, data: Any) -> Any:
        if isinstance(data, Mapping) and "offer" not in data and "gpu" in data:
            try:
                gpu = GPU.parse(data["gpu"])
            except InputError:
                return data  # the field itself says it, with its line
            mine = [o for o in _offers() if o.gpu == gpu.name and o.mode == "on_demand"]
            if not mine:
                raise InputError(
                    f"offer: no on-demand offer for {gpu.name} is on the shelf; "
                    "name one, or write one out with its price, source and date"
                )
            cheapest = min(mine, key=lambda o: (o.usd_per_gpu_hour, o.name))
            return {**data, "offer": cheapest.name}
        return data

    @model_validator(mode="after")
    def _resolve(self) -> Self:
        if self.offer.gpu not in (self.gpu.name, *self.gpu.aliases):
            raise InputError(
                f"offer: {self.offer.name} is a price for {self.offer.gpu}, "
                f"but the scenario's gpu is {self.gpu.name}"
            )
        if self.node is not None and self.node.gpu.name != self.gpu.name:
            raise InputError(
                f"node: {self.node.name} holds {self.node.gpu.name}, "
                f"but the scenario's gpu is {self.gpu.name}"
            )
        object.__setattr__(self, "engine", self.engine.resolved(self.gpu, self.model))
        ranks = self.engine.data_parallel_size
        if self.replicas % ranks:
            raise InputError(
                f"replicas: {self.replicas} is no multiple of engine.data_parallel_size {ranks}; "
                f"each rank is a replica here, so one such server is replicas: {ranks}"
            )
        return self

    @field_validator("replicas")
    @classmethod
    def _somebody_serves(cls, replicas: int, info: ValidationInfo) -> int:
        others = any(info.data.get(name) for name in ("autoscaler", "overflow", "pools"))
        if replicas == 0 and not others:
            raise InputError(
                "input should be greater than or equal to 1, found 0 "
                "(0 is for fleets with an autoscaler, overflow or pools)"
            )
        return replicas

    @model_validator(mode="after")
    def _whole_fleet(self) -> Self:
        check_fleet(self)
        return self

    def plans(self) -> dict[str, Scenario]:
        """Each pool as a scenario of its own, by name; "" for the only one."""
        if not self.pools:
            return {"": self}
        plain = {
            name: getattr(self, name)
            for name in type(self).model_fields
            if name not in ("pools", "pool_choice", "disaggregation", "faults", "operations")
        }
        found = {}
        for place, plan in enumerate(self.pools):
            changes = plan.changes()
            mine = {**plain, "name": f"{self.name} {plan.name}", **changes}
            for bound in ("offer", "node"):
                if "gpu" in changes and bound not in changes:
                    del mine[bound]
            try:
                found[plan.name] = type(self).model_validate(mine)
            except ValidationError as error:
                raise within(error, ("pools", place), type(self)) from None
        return found

    def is_plain(self) -> bool:
        """Whether there is nothing but replicas behind a router that goes by their loads."""
        return (
            isinstance(self.router, LoadRouter)
            and not self.router.stale_s
            and not (self.admission or self.queue or self.autoscaler or self.overflow)
            and not (self.faults or self.operations or self.pools or self.lora)
        )

    @classmethod
    def from_file(
        cls,
        path: Path | str,
        overrides: Mapping[str, object] | None = None,
        overrides_name: str = "--set",
    ) -> Self:
        """Read a scenario from YAML, with some values changed.

        Parameters
        ----------
        path : the file; relative paths in it start from its folder, those of overrides from the
            current one.
        overrides : by dotted path, such as ``{"engine.max_num_seqs": 64}``. A key below a name
            (``gpu.bandwidth_gb_s``) changes a copy of the shelf entry of that name.
        overrides_name : where they were given, which an error about one of them names.

        Raises
        ------
        InputError
            One line: file, line and key, what was found, what would have gone right.
        """
        path = Path(path)
        data = load_yaml(path)
        _anchor(data, path.parent)
        for dotted, value in (overrides or {}).items():
            on_command_line = dotted == "traffic.path" and isinstance(value, str)
            value = str(Path(str(value)).resolve()) if on_command_line else value
            _set(data, dotted, value, overrides_name)
        data.setdefault("name", path.stem)
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            laid_over = tuple(overrides or {})
            raise explain(error, data, cls, laid_over, overrides_name) from None

    def trace(self) -> Trace:
        """The requests of this scenario: the same seed gives the same, whatever serves them."""
        return self.traffic.sample(stream(self.seed, "traffic"), self.horizon_s)

    def pieces(self) -> Iterator[Trace]:
        """The same requests in pieces on one clock, where the traffic can come so."""
        return self.traffic.pieces(stream(self.seed, "traffic"), self.horizon_s)

    @property
    def gpus_per_replica(self) -> int:
        """GPUs that one replica holds."""
        return self.engine.tensor_parallel_size * self.engine.pipeline_parallel_size

    def weight_bytes(self) -> float:
        """Bytes of the model on all GPUs of a replica, which a cold start reads. [byte]"""
        on_one = weight_bytes(self.model, self.engine.layout(self.model)).total
        return on_one * self.gpus_per_replica

    def num_gpu_blocks(self) -> int:
        """KV blocks of a replica: the override, or what vLLM would find room for.

        Without those of short windows, which the scheduler does not count (`scheduled_blocks`).

        Raises
        ------
        InputError
            If the model does not fit.
        """
        override = self.engine.num_gpu_blocks_override
        if override is not None:
            return override
        return scheduled_blocks(self.model, self.gpu, self.engine.layout(self.model))


def step_time_of(scenario: Scenario) -> StepTime:
    """The step-time model of a scenario, bound to its model, GPU and engine."""
    layout = scenario.engine.layout(scenario.model)
    if scenario.gpus_per_replica * layout.data_parallel_size > 1:
        layout = _across_nodes(layout, scenario.node or _node_of(scenario.gpu.name))
    return scenario.step_time.bind(scenario.model, scenario.gpu, layout)


def _across_nodes(layout: Layout, node: Node | None) -> Layout:
    """The layout in nodes of that kind; where none is known, in nodes of 8 by Ethernet."""
    if node is None:
        return layout.model_copy(update={"network": Link.named(UNKNOWN_NETWORK)})
    return layout.model_copy(update={"gpus_per_node": node.gpus_per_node, "network": node.network})


@cache
def _node_of(gpu: str) -> Node | None:
    """Node on the shelf for GPUs of that name."""
    return Node.of(gpu)


@cache
def _offers() -> tuple[Offer, ...]:
    """All offers on the shelf."""
    return tuple(Offer.named(name) for name in Offer.names())


def _set(data: dict[str, Any], dotted: str, value: object, name: str) -> None:
    """Change the value at a dotted path; a name on the way becomes a changed copy of its entry.

    Entries of lists go by their number, from 0.
    """
    *way, last = dotted.split(".")
    here: Any = data
    for i, key in enumerate(way):
        place = _place(here, key, f"{name} {dotted}: {'.'.join(way[:i])}")
        below = here.get(place) if isinstance(here, dict) else here[place]
        if isinstance(below, str):
            below = here[place] = {"profile" if below in PROFILES else "like": below}
        elif below is None:
            below = here[place] = {}
        if not isinstance(below, dict | list):
            raise InputError(
                f"{name} {dotted}: {'.'.join(way[: i + 1])} is {below!r}, which has no keys"
            )
        here = below
    here[_place(here, last, f"{name} {dotted}: {'.'.join(way)}")] = value


def _place(here: dict[str, Any] | list[Any], key: str, where: str) -> Any:
    """Key of a mapping as it is, of a list as the number of one of its entries."""
    if isinstance(here, dict):
        return key
    if not (key.isascii() and key.isdecimal() and int(key) < len(here)):
        there = f"entries 0 to {len(here) - 1}" if here else "no entries yet"
        raise InputError(f"{where} is a list with {there}, found {key!r}")
    return int(key)


def _anchor(data: dict[str, Any], folder: Path) -> None:
    """Make the path of a trace absolute, and read an engine that is a vLLM configuration file."""
    traffic, engine = data.get("traffic"), data.get("engine")
    if isinstance(traffic, dict) and isinstance(traffic.get("path"), str):
        traffic["path"] = str((folder / traffic["path"]).resolve())
    if isinstance(engine, str) and engine.endswith((".yaml", ".yml")):
        data["engine"] = load_yaml(folder / engine)
        EngineArgs.parse(data["engine"])  # here, so that an error names that file and its line
