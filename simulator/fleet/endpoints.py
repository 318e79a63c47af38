"""An endpoint at work: it answers, says 429, or is down; and what that costs."""

from __future__ import annotations

from math import exp, inf, nan
from typing import TYPE_CHECKING, Any

import numpy as np

from hardware_profiles.endpoint import Endpoint
from simulator.fleet.allowance import Allowance
from simulator.fleet.calls import Call
from simulator.rng import stream

if TYPE_CHECKING:
    from simulator.fleet.gateway import Gateway
    from simulator.fleet.way_out import WayOut


class EndpointTarget:
    """One endpoint.

    An outage refuses what is sent from its beginning to its end; answers under way go on. A row of
    the trace draws the same luck whenever and for whatever reason it is sent, and outages come at
    the same instants, so that policies can be compared.
    """

    def __init__(
        self, endpoint: Endpoint, gateway: Gateway, way_out: WayOut, block_size: int
    ) -> None:
        self.endpoint = endpoint
        self._gateway = gateway
        self._way_out = way_out
        self._block_size = block_size
        rows, seed = len(gateway.outputs), gateway.seed
        rng = stream(seed, f"endpoint {endpoint.name}")
        self._luck = rng.standard_normal((rows, 2)) if rows else np.empty((0, 2))
        self._outages = _Outages(endpoint, stream(seed, f"outages {endpoint.name}"))
        self._allowance = Allowance(endpoint)
        self._seen: dict[int, float] = {}
        self.rows: list[dict[str, Any]] = []
        """Rows of the table `calls`."""

    def up(self, now_s: float) -> bool:
        """Whether it is there at all."""
        return not self._outages.at(now_s)

    def ask(self, call: Call, why: str) -> bool:
        """Send the call; False if it was refused. One more row of `calls` either way."""
        gateway, endpoint = self._gateway, self.endpoint
        now = gateway.clock.now
        row: dict[str, Any] = {
            "request": call.row,
            "endpoint": endpoint.name,
            "why": why,
            "sent_s": now,
            "first_token_s": nan,
            "finish_s": nan,
            "prompt_tokens": call.prompt_tokens,
            "cached_tokens": 0,
            "output_tokens": 0,
            "outcome": "ok",
            "usd": 0.0,
        }
        self.rows.append(row)
        if not self.up(now):
            row["outcome"] = "down"
            return False
        if not self._allowance.lets(call.prompt_tokens, now):
            row["outcome"] = "limited"
            return False
        first_s, step_s = self._times(call, now)
        row["cached_tokens"] = self._cached(call, now)
        output = gateway.outputs[call.row]
        waited_for = True

        def begins() -> None:
            if not waited_for:
                return
            row["first_token_s"] = gateway.clock.now
            self._way_out.first_token(call)

        def ends() -> None:
            if not waited_for:
                return
            row["finish_s"] = gateway.clock.now
            self._charge(row, output)
            self._way_out.finished(call)

        def given_up() -> None:
            nonlocal waited_for
            waited_for = False
            first = row["first_token_s"]
            given = 0 if first != first else int((gateway.clock.now - first) / step_s) + 1
            row["outcome"] = "abandoned"
            self._charge(row, min(output, given))

        gateway.at(now + first_s, begins)
        gateway.at(now + first_s + step_s * (output - 1), ends)
        self._way_out.begins(call, given_up)
        return True

    def _charge(self, row: dict[str, Any], output: int) -> None:
        row["output_tokens"] = output
        self._allowance.answered(output, self._gateway.clock.now)
        row["usd"] = self.endpoint.usd(row["prompt_tokens"], row["cached_tokens"], output)

    def _times(self, call: Call, now: float) -> tuple[float, float]:
        """Time to the first token, and per token after it. [s]"""
        endpoint, (z_first, z_speed) = self.endpoint, self._luck[call.row].tolist()
        slow = endpoint.hour_factor(now, self._way_out.policy.start_h)
        first = endpoint.ttft_s * exp(endpoint.ttft_sigma * z_first)
        first += endpoint.ttft_s_per_1k_prompt_tokens * call.prompt_tokens / 1000
        if endpoint.tokens_per_s is None:
            return first * slow, 1e-12
        speed = endpoint.tokens_per_s * exp(endpoint.tokens_per_s_sigma * z_speed)
        return first * slow, slow / speed

    def _cached(self, call: Call, now: float) -> int:
        """Prompt tokens charged as cached: the prefix sent within the time to live."""
        if self.endpoint.usd_per_million_cached_input_tokens is None:
            return 0
        known = 0
        whole = True
        for node, end in call.path:
            whole = whole and now - self._seen.get(node, -1e18) <= self.endpoint.cache_ttl_s
            if whole:
                known = end
            self._seen[node] = now
        tokens = known * self._block_size
        return tokens if tokens >= self.endpoint.cache_min_tokens else 0


class _Outages:
    """Times at which the endpoint is down, drawn as far as they are asked for."""

    def __init__(self, endpoint: Endpoint, rng: np.random.Generator) -> None:
        self._endpoint = endpoint
        self._rng = rng
        self._begin, self._end = self._next(0.0)

    def at(self, now_s: float) -> bool:
        """Whether it is down; asked in order of time."""
        while self._end <= now_s:
            self._begin, self._end = self._next(self._end)
        return self._begin <= now_s

    def _next(self, up_s: float) -> tuple[float, float]:
        """Beginning and end of the first outage after an instant at which it is up. [s]"""
        endpoint = self._endpoint
        if endpoint.mtbf_h is None:
            return inf, inf
        begin = up_s + float(self._rng.exponential(endpoint.mtbf_h * 3600))
        return begin, begin + float(self._rng.exponential(endpoint.outage_s))
