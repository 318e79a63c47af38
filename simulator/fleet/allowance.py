"""What an endpoint lets a client ask for in a minute."""

from __future__ import annotations

from math import inf

from hardware_profiles.endpoint import Endpoint

__all__ = ["Allowance"]

MINUTE_S = 60.0
DUST = 1e-9
"""Share of a limit that is rounding."""


class Allowance:
    """The limits of an endpoint: buckets of a minute's worth that fill evenly.

    That is how Anthropic describes its limits ("your capacity is continuously replenished up to
    your maximum limit, rather than being reset at fixed intervals",
    docs.anthropic.com/en/api/rate-limits, cited from memory). A call is refused where a prompt is
    more than what is left, as one that is larger than a whole minute's worth always is. Prompts
    count when they are sent and answers when they end, since nobody knows before how long they will
    be; a bucket can so be overdrawn, and lets nobody pass until it has filled again. What is
    refused counts for nothing.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._requests = _Bucket(endpoint.requests_per_minute, least=1.0)
        self._tokens = _Bucket(endpoint.tokens_per_minute)
        self._input = _Bucket(endpoint.input_tokens_per_minute)
        self._output = _Bucket(endpoint.output_tokens_per_minute)

    def lets(self, prompt_tokens: int, now_s: float) -> bool:
        """Whether a call may be made now; if so it is."""
        within = (
            self._requests.has(1, now_s)
            and self._tokens.has(prompt_tokens, now_s)
            and self._input.has(prompt_tokens, now_s)
            and self._output.has(1, now_s)
        )
        if within:
            self._requests.left -= 1
            self._tokens.left -= prompt_tokens
            self._input.left -= prompt_tokens
        return within

    def answered(self, output_tokens: int, now_s: float) -> None:
        """An answer of that length has ended."""
        for bucket in (self._tokens, self._output):
            bucket.fill(now_s)
            bucket.left -= output_tokens


class _Bucket:
    """A minute's worth of something, or no end of it."""

    def __init__(self, per_minute: float | None, least: float = 0.0) -> None:
        self._holds = inf if per_minute is None else max(per_minute, least)
        self._per_s = 0.0 if per_minute is None else per_minute / MINUTE_S
        self._since_s = 0.0
        self.left = self._holds

    def fill(self, now_s: float) -> None:
        self.left = min(self._holds, self.left + (now_s - self._since_s) * self._per_s)
        self._since_s = now_s

    def has(self, amount: float, now_s: float) -> bool:
        self.fill(now_s)
        return self.left >= amount - self._holds * DUST if self._per_s else True
