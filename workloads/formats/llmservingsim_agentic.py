"""LLMServingSim's agentic traces: sessions of calls with tools at work in between.

One JSON object a line: ``session_id``, ``arrival_time_ns`` of the first call, and ``sub_requests``,
a list of ``{input_toks, output_toks, tool_duration_ns}``; a call follows the one before after its
tool has run. A prompt that is at least as long as the one before with its answer is assumed to
begin with them.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from workloads.formats._batch import Batch, sound
from workloads.formats._files import Head
from workloads.formats._hashes import OWN
from workloads.formats._json import first_record, rows_of
from workloads.formats._rows import Ledger, Rows, column_of
from workloads.formats._turns import Chain, assumption, estimate, predecessors, starts
from workloads.process import Seconds
from workloads.segments import Ints, from_rows

__all__ = ["batches", "recognise"]


def recognise(head: Head) -> bool:
    """Whether the first object has calls within a session."""
    return {"arrival_time_ns", "sub_requests"} <= first_record(head).keys()


def batches(ledger: Ledger) -> Iterator[Batch]:
    """All calls of the file, in one batch."""
    ledger.in_order = False
    ledger.notes["assumed"] = f"{assumption()}; a prompt that is long enough begins with the last"
    calls: list[dict[str, Any]] = []
    lines: list[int] = []
    sizes: list[int] = []
    for found in rows_of(ledger):
        begins = found.seconds("arrival_time_ns", scale=1e9)
        chains = found.values("sub_requests")
        for row, (line, chain) in enumerate(zip(found.lines.tolist(), chains, strict=True)):
            if not isinstance(chain, list) or not all(isinstance(c, Mapping) for c in chain):
                ledger.problem(line, "sub_requests: expected a list of calls")
            elif found.good[row] and chain:
                calls += [{**call, "begins_s": float(begins[row])} for call in chain]
                lines += [line] * len(chain)
                sizes.append(len(chain))
    ledger.settle()
    rows = Rows(ledger, np.array(lines, dtype=np.int64), column_of(calls))
    prompt, output = rows.tokens("input_toks"), rows.tokens("output_toks")
    tool = rows.ints("tool_duration_ns", least=0, most=2**62, absent=0) / 1e9
    follows = predecessors(sizes)
    # The tool runs after its call: what a call waits for is the tool of the one before.
    delay = np.where(follows < 0, 0.0, np.concatenate(([0.0], tool[:-1]))[: len(tool)])
    yield sound(
        rows,
        "arrival_time_ns",
        _times([call["begins_s"] for call in calls], output, delay, sizes),
        prompt,
        output,
        session=np.repeat(np.arange(len(sizes)), sizes),
        follows=follows,
        delay_s=delay,
        segments=from_rows(_pieces(prompt, output, sizes)),
    )


def _times(begins: list[float], output: Ints, delay: Seconds, sizes: list[int]) -> Seconds:
    times: list[float] = []
    for start, size in zip(starts(sizes).tolist(), sizes, strict=True):
        chain = slice(start, start + size)
        times += estimate(Chain(begins[start], output[chain].tolist(), delay[chain].tolist()))
    return np.array(times, dtype=np.float64)


def _pieces(prompt: Ints, output: Ints, sizes: list[int]) -> list[list[tuple[int, int]]]:
    """Prompts as what is assumed to be repeated and text of their own."""
    table: list[list[tuple[int, int]]] = []
    for start, size in zip(starts(sizes).tolist(), sizes, strict=True):
        before: list[tuple[int, int]] = []
        for row in range(start, start + size):
            known = sum(length for _, length in before)
            kept = before if known <= prompt[row] else []
            own = int(prompt[row]) - sum(length for _, length in kept)
            table.append([*kept, (OWN + row, own)])
            before = [*table[-1], (-1 - row, int(output[row]))]
    return table
