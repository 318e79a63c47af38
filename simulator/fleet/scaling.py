"""The autoscaler's loop: look, decide within its windows, ask for replicas or let them drain."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from simulator.fleet.autoscaler import Seen
from simulator.fleet.unit import READY, Unit

if TYPE_CHECKING:
    from simulator.fleet.autoscaler import Autoscaler
    from simulator.fleet.pool import Pool


class Scaling:
    """An autoscaler at one pool."""

    def __init__(self, policy: Autoscaler, pool: Pool) -> None:
        self._policy = policy
        self._pool = pool
        self._desired = policy.start()
        self._wanted: deque[tuple[float, int]] = deque()
        self._looking = False
        pool.on_change.append(self._rescue)
        if policy.interval_s > 0:
            self._tick()

    def _tick(self) -> None:
        self.look()
        gateway = self._pool.gateway
        gateway.at(gateway.clock.now + self._policy.interval_s, self._tick)

    def _rescue(self) -> None:
        """Somebody waits and nothing is ready: from zero it does not take the next look."""
        if not self._held():
            self._scale_to(max(1, self._policy.min_replicas))

    def changed(self) -> None:
        """A request has come or gone: those who look at once, look."""
        if self._policy.interval_s == 0 and not self._looking:
            self._looking = True
            self.look()
            self._looking = False

    def look(self) -> None:
        """One look at the fleet."""
        policy, seen = self._policy, self.seen()
        low, high = policy.min_replicas, policy.max_replicas
        wanted = min(high, max(low, int(self._desired(seen))))
        if seen.in_flight:  # whoever waits or runs needs a replica, whatever the policy says
            wanted = max(1, wanted)
        now, history = seen.now_s, self._wanted
        if history and history[-1][0] == now:  # of several looks at one instant the last counts
            history.pop()
        history.append((now, wanted))
        longest = max(policy.scale_up_window_s, policy.scale_down_window_s)
        while history[0][0] < now - longest:
            history.popleft()
        up = min(n for at, n in history if at >= now - policy.scale_up_window_s)
        down = max(n for at, n in history if at >= now - policy.scale_down_window_s)
        if up > seen.replicas:
            step = policy.max_step_up
            self._scale_to(up if step is None else min(up, seen.replicas + step))
        elif down < seen.replicas:
            self._scale_to(down)

    def seen(self) -> Seen:
        """What the policy may know just now."""
        pool, gateway = self._pool, self._pool.gateway
        waiting = len(pool.hold) + sum(pool.signals.waiting(n) for n in pool.ready)
        under_way = sum(gateway.loads[n] for n in pool.ready)
        kv = [pool.signals.kv_use(n) for n in pool.ready]
        return Seen(
            now_s=gateway.clock.now,
            replicas=self._held(),
            ready=len(pool.ready),
            in_flight=len(pool.hold) + under_way,
            waiting=waiting,
            kv_use=sum(kv) / len(kv) if kv else 0.0,
            arrived=gateway.arrived if len(gateway.pools) == 1 else pool.taken,
        )

    def _held(self) -> int:
        """Replicas that serve, or will: those promised in place of others too."""
        return len(self._pool.alive()) + self._pool.promised

    def _scale_to(self, wanted: int) -> None:
        pool, more = self._pool, wanted - self._held()
        if more == 0:
            return
        pool.gateway.note("scaled", value=float(wanted))
        for _ in range(more):
            pool.request()
        for unit in sorted(pool.alive(), key=self._worth)[: max(0, -more)]:
            pool.drain(unit)

    def _worth(self, unit: Unit) -> tuple[bool, int, int]:
        """Who is let go first: not ready yet, then the fewest requests, then the newest."""
        load = self._pool.gateway.loads[unit.number]
        return unit.state == READY, load, -unit.number
