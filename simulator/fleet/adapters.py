"""Adapters of tenants on a replica: a few slots, the one used longest ago goes first."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from hardware_profiles.errors import InputError
from simulator.fleet.calls import Attempt
from simulator.fleet.gateway import Gateway
from simulator.physics.memory import bytes_per_block

if TYPE_CHECKING:
    from simulator.fleet.calls import Call
    from simulator.fleet.unit import Unit
    from simulator.scenario import Scenario


class Slots:
    """The adapters on one replica."""

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self._users: OrderedDict[str, int] = OrderedDict()
        """Attempts that use or wait for each adapter there, least recently used first."""
        self.ready_s: dict[str, float] = {}
        self.line: list[Attempt] = []
        """Attempts whose adapter finds no slot: all are in use."""

    def take(self, adapter: str) -> bool | None:
        """Use an adapter: True if it is there, False if it must be loaded, None if all are used."""
        if adapter in self._users:
            self._users[adapter] += 1
            self._users.move_to_end(adapter)
            return True
        if len(self._users) >= self._slots:
            idle = next((name for name, users in self._users.items() if users == 0), None)
            if idle is None:
                return None
            del self._users[idle]
            del self.ready_s[idle]
        self._users[adapter] = 1
        return False

    def let_go(self, adapter: str) -> None:
        """One user less; the adapter stays until its slot is needed."""
        self._users[adapter] -= 1


class WithAdapters(Gateway):
    """A gateway to replicas that serve many adapters; one request waits for its own."""

    def _slots(self, unit: Unit) -> Slots:
        assert self.scenario.lora is not None
        if unit.slots is None or unit.slots_of is not unit.engine:
            unit.slots, unit.slots_of = Slots(self.scenario.lora.slots), unit.engine
        return unit.slots

    def _adapter(self, call: Call) -> str:
        plan = self.scenario.lora
        assert plan is not None
        named = plan.tenants is None or call.tenant in plan.tenants
        return call.tenant if named else ""

    def send(self, call: Call, unit: Unit) -> Attempt:
        """A replica gets the request; its engine, when the adapter is there."""
        adapter = self._adapter(call)
        if not adapter:
            return super().send(call, unit)
        path = self._paths[call.row] if self._paths else ()
        attempt = Attempt(call, unit, self.clock.now, self.outputs[call.row], path)
        self.enrol(attempt)
        attempt.handed = False
        self._load(attempt, adapter)
        return attempt

    def _load(self, attempt: Attempt, adapter: str) -> None:
        unit, now = attempt.unit, self.clock.now
        slots = self._slots(unit)
        there = slots.take(adapter)
        if there is None:
            slots.line.append(attempt)
            return
        attempt.adapter = adapter
        plan = self.scenario.lora
        assert plan is not None
        if not there:
            slots.ready_s[adapter] = now + plan.load_s
            self.note("adapter loaded", unit, attempt.call.row, plan.load_s)
        engine = unit.engine

        def hand_over() -> None:
            if not attempt.over and unit.engine is engine and engine is not None:
                attempt.handed = True
                engine.submit(attempt)

        if slots.ready_s[adapter] > now:
            self.at(slots.ready_s[adapter], hand_over)
        else:
            hand_over()

    def _over(self, attempt: Attempt) -> None:
        """An attempt is over: its adapter may go, and somebody may have waited for the slot."""
        super()._over(attempt)
        unit = attempt.unit
        slots = unit.slots
        if slots is None:
            return
        if attempt in slots.line:
            slots.line.remove(attempt)
        if attempt.adapter:
            slots.let_go(attempt.adapter)
            attempt.adapter = ""
            waiting, slots.line = slots.line, []
            for other in waiting:
                self._load(other, self._adapter(other.call))

    def blocks_kept(self, plan: Scenario) -> int:
        """KV blocks whose memory the slots take; each GPU has its part of an adapter."""
        if plan.lora is None:
            return 0
        layout = plan.engine.layout(plan.model)
        size = plan.lora.slots * plan.lora.adapter_mb * 1e6 / plan.gpus_per_replica
        kept, whole = int(-(-size // bytes_per_block(plan.model, layout))), plan.num_gpu_blocks()
        if kept >= whole:
            raise InputError(
                f"lora: {plan.lora.slots} slots of {plan.lora.adapter_mb:g} MB take {kept} KV "
                f"blocks, and there are {whole}"
            )
        return kept
