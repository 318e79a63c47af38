"""What is known of each request before it comes, by its row in the trace."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from simulator.engine.request import Path
from simulator.fleet.ahead import Block
from workloads.trace import Trace

__all__ = ["Rows"]


class Rows:
    """Columns by row: lists of a whole trace, or dicts of the rows that a long run is at.

    The columns are filled in and emptied, and never replaced: whoever needs one may keep it.
    """

    def __init__(self, trace: Trace | None = None, paths: list[Path] | None = None) -> None:
        """The columns of a whole trace; without one there are no rows until they `come`."""
        self.outputs: Any = {}
        """Output tokens. The engines alone may know them."""
        self.prompts: Any = {}
        """Prompt tokens."""
        self.priorities: Any = {}
        self.tenants: Any = {}
        """Names, None for nobody's; none at all where the trace has no tenants."""
        self.sessions: Any = {}
        """Conversations, -1 for none; none at all where the trace has none."""
        self.paths: Any = {}
        """Named prefixes of prompt and output; none at all where nothing is shared."""
        self.admitted: Any = {}
        """Whether the engines' longest context allows the request."""
        self.lengths: Any = {}
        """Prompt and output together, where not every pool can hold every request. [tokens]"""
        self.ahead = trace is None
        """Whether rows come and go while the run goes on."""
        if trace is not None:
            self.outputs = trace.output_tokens.tolist()
            self.prompts = trace.prompt_tokens.tolist()
            self.priorities = trace.priority.tolist()
            self.tenants = [] if trace.tenant is None else trace.tenant.tolist()
            self.sessions = [] if trace.session is None else trace.session.tolist()
            self.paths = paths or []
            self.admitted = [True] * len(trace)
            self.lengths = []

    def have_names(self) -> bool:
        """Whether there is something to be told of a request beside its length and priority."""
        return self.ahead or bool(self.tenants or self.sessions or self.paths)

    def come(self, block: Block, *, lengths: bool) -> None:
        """These requests are the next ones to arrive; ``lengths``: whether those are needed."""
        columns: list[tuple[dict[int, Any], list[Any]]] = [
            (self.outputs, block.column("output_tokens")),
            (self.prompts, block.column("prompt_tokens")),
            (self.priorities, block.column("priority")),
            (self.tenants, block.column("tenant")),
            (self.sessions, block.column("session")),
            (self.paths, block.paths),
            (self.admitted, block.admitted),
            (self.lengths, block.lengths() if lengths else []),
        ]
        for rows, values in columns:
            if values:
                rows.update(zip(block.rows, values, strict=True))

    def go(self, rows: Iterable[int]) -> None:
        """These requests have been told, and nobody will ask for them again."""
        told = list(rows)
        columns = (
            self.outputs, self.prompts, self.priorities, self.tenants,
            self.sessions, self.paths, self.admitted, self.lengths,
        )  # fmt: skip
        for column in columns:
            for row in told:
                column.pop(row, None)
