"""A request as one scheduler sees it: what is known, what is computed, which blocks it holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulator.engine.block_pool import Extent

Path = tuple[tuple[int, int], ...]
"""Named prefix of a prompt: (node of the prefix tree, block at which the node ends), in order."""


class Request:
    """State the scheduler needs; history goes to the recorder.

    While a request decodes in step with the others, ``computed`` is implied: it is the scheduler's
    step counter plus ``offset`` (see `DecodeGroup`). Outside the group ``computed`` itself is up to
    date.
    """

    __slots__ = (
        "arrival_s",
        "cached_tokens",
        "computed",
        "decoding",
        "findable_floor",
        "finish_entry",
        "finish_step",
        "generated",
        "holding",
        "in_flight",
        "in_group",
        "index",
        "is_private",
        "named_blocks",
        "offset",
        "order",
        "output_tokens",
        "path",
        "preemptions",
        "priority",
        "prompt_tokens",
        "received",
        "running",
        "slots",
        "stay_from",
    )

    keeps_blocks = False
    """Whether its blocks stay taken once it has finished, because somebody has yet to read them."""

    def __init__(
        self,
        index: int,
        arrival_s: float,
        prompt_tokens: int,
        output_tokens: int,
        priority: int = 0,
        path: Path = (),
    ) -> None:
        self.index = index
        self.arrival_s = arrival_s
        self.prompt_tokens = prompt_tokens
        self.output_tokens = output_tokens
        self.priority = priority
        self.path = path
        self.computed = 0
        self.generated = 0
        """Output tokens that have come back."""
        self.running = False
        self.decoding = False
        """Its prompt is done; it computes one token at a time."""
        self.in_group = False
        self.offset = 0
        self.order = 0
        """Place in ``running``: a new number at each admission."""
        self.finish_step = -1
        self.finish_entry = -1
        """The step that computes the last token, once the prompt is done."""
        self.stay_from = 0
        """First step of the present stay in the decode group."""
        self.findable_floor = 0
        """Tokens whose blocks were findable when the request joined the decode group."""
        self.holding: list[tuple[Extent, int]] = []
        """Named blocks held, as (extent, block at which its hold ends), in prompt order."""
        self.named_blocks = 0
        self.is_private = False
        """True once preempted: from then on all its blocks are named, for itself alone."""
        self.in_flight = 0
        """With speculation: tokens that have been computed and have not come back."""
        self.slots = 0
        """With speculation: tokens that the blocks it holds have room for."""
        self.received = 0
        """Tokens whose KV another replica has sent; lost when it is preempted."""
        self.preemptions = 0
        self.cached_tokens = -1

    @property
    def known(self) -> int:
        """Prompt tokens and the generated ones that have come back."""
        return self.prompt_tokens + self.generated

    def __repr__(self) -> str:
        return f"Request({self.index}, {self.prompt_tokens} in, {self.output_tokens} out)"
